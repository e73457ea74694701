"""What the data of a run can tell: known densities recovered from samples, seeds held against each other, and what is left out, and why."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli.certainty_page import line, section
from triality.cli.judge_options import JudgeOptions
from triality.cli.judged_certainty import certainty, determined_by, seen_demonstrations, transition_cost
from triality.cli.judged_steps import covered
from triality.cli.names import make_environment
from triality.cli.stored import open_run
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.energies.shaped_cost import ShapedCost
from triality.envs.gridworld import TabularEnvironment
from triality.policies.categorical import OneHotTabularPolicy
from triality.trajectory import rollout

NUM = 40


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run over Gridworld-v0 whose demonstrations are those of a policy that is known, and roll-outs of another policy for each seed."""
    folder = tmp_path_factory.mktemp("runs")
    run = stored_run(folder / "grid", folder / "demos.npz", env="Gridworld-v0", num_demos=NUM, level="step", objective="plain")
    stored = open_run(run)
    spec, environment = stored.task.spec, make_environment(stored.task)
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(3, spec.observation_size, spec.num_actions)) * np.array([1.0, 0.3, 0.3])[:, None, None]
    policies = jax.vmap(OneHotTabularPolicy)(jnp.asarray(logits))
    expert = jax.tree.map(lambda leaf: leaf[0], policies)
    collect = jax.jit(jax.vmap(lambda key: rollout(key, environment, expert, stored.task.bare.time_limit)))
    batch = jax.tree.map(np.asarray, collect(jax.random.split(jax.random.key(1), NUM)))
    write_demonstrations(
        folder / "demos.npz",
        Demonstrations(
            batch.observation[:, :-1].reshape(-1, spec.observation_size).astype(np.float32),
            batch.action.ravel(),
            np.full(NUM, batch.action.shape[1]),
            log_prob=batch.log_prob.ravel().astype(np.float32),
        ),
    )
    over = covered(stored.task, jax.tree.map(lambda leaf: leaf[1:], policies), 2, NUM, 3)
    return stored, over, np.asarray(jax.nn.log_softmax(logits[0])), environment


def costs_of(tables):
    return [lambda x, u, table=table: jnp.asarray(table)[jnp.argmax(x), u] for table in tables]


def optimum_of(over, seen, index, log_expert):
    """Minus log pi_E + log(rho_E / rho_pi) by counting."""
    rows = [np.argmax(seen[index].steps.observation, axis=1), np.argmax(over.steps.observation, axis=1)]
    length = over.num_learned // 2
    mine = rows[1][index * length : (index + 1) * length]
    visits = [np.bincount(each, minlength=len(log_expert)) + 1e-3 for each in (rows[0], mine)]
    return -(log_expert + np.log(visits[0] / visits[1])[:, None])


def told(recorded, tables):
    stored, over, _, _ = recorded
    return certainty(
        costs_of(tables), seen_demonstrations(stored), over, stored, JudgeOptions(run=stored.folder.path, episodes=NUM, waves=0)
    )


def test_the_optimum_is_recognized_and_what_is_not_it_is_not(recorded):
    stored, over, log_expert, _ = recorded
    seen = seen_demonstrations(stored)
    right = [optimum_of(over, seen, index, log_expert) for index in (0, 1)]
    found = told(recorded, right).numbers["known_density"]
    assert [each["error"] < 0.1 for each in found] == [True, True]
    assert min(each["correlation"] for each in found) > 0.99
    forgotten = told(recorded, [-log_expert, -log_expert]).numbers["known_density"]
    for good, bad in zip(found, forgotten, strict=True):
        assert bad["error"] == pytest.approx(bad["size_of_ratio"], rel=1e-3)
        assert bad["error"] > 3.0 * good["error"]
        assert bad["r_squared_up_to_shaping"] == pytest.approx(1.0, abs=1e-5)  # as a cost of trajectories it would be right
    shifted = told(recorded, [each + 2.0 for each in right]).numbers["known_density"]
    assert shifted[0]["error"] > 1.9
    assert shifted[0]["error_up_to_constant"] == pytest.approx(found[0]["error_up_to_constant"], abs=1e-5)
    turned = told(recorded, [-each for each in right]).numbers["known_density"]
    assert max(each["correlation"] for each in turned) < -0.99
    mixed_up = told(recorded, right[::-1]).numbers["known_density"]  # every seed against the roll-outs of the other
    assert mixed_up[0]["error"] > 3.0 * found[0]["error"]


@pytest.mark.slow
def test_seeds_that_differ_by_shaping_agree_and_others_do_not(recorded):
    environment = recorded[3]
    draw = np.random.default_rng(1)
    cost, h, noise = draw.normal(size=(30, 5)), 4.0 * draw.normal(size=30), draw.normal(size=(30, 5))
    law, after = np.exp(np.asarray(environment.log_probabilities)), np.asarray(environment.successors)
    dressed = 3.0 * cost + h[:, None] - 0.99 * np.sum(law * h[after], axis=-1)
    agree, apart = told(recorded, [cost, dressed]).numbers, told(recorded, [cost, noise]).numbers
    assert agree["disagreement"] < 0.1 < 0.4 < apart["disagreement"] < 0.55
    turned = told(recorded, [cost, 3.0 * cost - h[:, None] - 0.99 * np.sum(law * h[after], axis=-1)]).numbers
    assert turned["disagreement"] > 0.2  # shaping with the wrong sign is none
    assert agree["shaping_share"][1] > agree["shaping_share"][0]
    assert sum(each["demonstrations"] for each in agree["regions"]) == pytest.approx(1.0)
    assert 0.3 < agree["overlap"] < 1.0
    assert agree["regions"][0]["name"].startswith("state ")


def test_a_table_says_which_states_nobody_determined(recorded):
    stored, _, _, environment = recorded
    assert isinstance(environment, TabularEnvironment)
    found = told(recorded, np.random.default_rng(1).normal(size=(2, 30, 5)))
    options, seen = JudgeOptions(run=stored.folder.path), seen_demonstrations(stored)
    found = determined_by(found, seen, environment, options, "mlp")
    assert found.determined is not None
    visited = np.zeros(30, bool)
    for each in seen:
        visited[np.argmax(each.steps.observation, axis=1)] = True
    np.testing.assert_array_equal(found.determined.unvisited_states, np.flatnonzero(~visited))
    np.testing.assert_array_equal(found.determined.state_level, np.where(visited, 1, 0))
    page = section(found)
    assert page.count("<figure") == 4
    assert "potential shaping" in page
    said = line(found)
    assert "disagreement of seeds" in said
    assert "nats off what the known densities say" in said


@pytest.mark.slow
def test_demonstrations_that_are_not_there_or_know_no_density_are_passed_over(recorded, tmp_path):
    stored, over, _, _ = recorded
    gone = stored._replace(options=type(stored.options)(**{**vars(stored.options), "demos": tmp_path / "none.npz"}))
    found = certainty(costs_of(np.zeros((2, 30, 5))), seen_demonstrations(gone), over, gone, JudgeOptions(run=tmp_path))
    assert "not at hand" in line(found)
    assert "not at hand" in section(found)
    flat = told(recorded, np.zeros((2, 30, 5)) + np.arange(30)[:, None])  # a cost that potentials explain nearly
    assert flat.numbers["regions"]
    seen = [each._replace(log_prob=None) for each in seen_demonstrations(stored)]
    options = JudgeOptions(run=tmp_path, episodes=NUM, waves=0)
    unknown = certainty(costs_of(np.random.default_rng(0).normal(size=(2, 30, 5))), seen, over, stored, options)
    assert unknown.numbers["known_density"] is None
    assert "known densities" not in line(unknown)
    one = certainty(costs_of(np.random.default_rng(0).normal(size=(1, 30, 5))), seen[:1], over, stored, options)
    assert one.numbers["disagreement"] is None
    assert "takes two" in section(one)


def test_of_a_shaped_cost_the_transition_counts():
    shaped = ShapedCost(lambda x, u: 2.0 * x[0], lambda x: x[0] ** 2, 0.5)
    x, y = np.array([[1.0], [3.0]]), np.array([[2.0], [0.0]])
    np.testing.assert_allclose(transition_cost(shaped)(x, np.zeros(2, int), y), [2.0 + 1.0 - 2.0, 6.0 + 9.0])
