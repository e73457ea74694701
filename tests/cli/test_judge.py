"""``triality judge``: the true cost itself is at distance 0, its negative at 1, whatever shaping it wears; and what cannot be judged."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli.judge_options import JudgeOptions
from triality.cli.judged_steps import Covered, batch_cost, covered, true_cost
from triality.cli.judgement import Reference, judge_by_samples, judge_exactly, visited
from triality.cli.main import main
from triality.cli.names import find_task, make_environment
from triality.envs.gridworld import TabularEnvironment
from triality.errors import DataError, NonFiniteError
from triality.judging.steps import Steps
from triality.policies.categorical import OneHotTabularPolicy
from triality.policies.uniform import UniformPolicy
from triality.trajectory import rollout

FEW = ("--episodes", "4", "--pairs", "8", "--waves", "4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(folder):
    return stored_run(folder / "pendulum", folder / "demos.npz")


@pytest.fixture(scope="module")
def pendulum():
    """The task, and steps of random actions in it."""
    task = find_task("Pendulum-v1")
    draw = jax.jit(jax.vmap(lambda key: rollout(key, make_environment(task), UniformPolicy(task.spec), 100)))
    return task, Steps.of([draw(jax.random.split(jax.random.key(0), 6))])


def test_every_seed_is_judged_and_the_run_is_the_same_afterwards(run, capsys):
    before = {path.name for path in run.iterdir()}
    assert main(["judge", str(run), *FEW]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "learned cost against the true cost" in printed
    record = json.loads((run / "judgement.json").read_text())
    assert [each["seed"] for each in record["seeds"]] == [5, 6]
    for each in record["seeds"]:
        for name in ("epic", "starc"):
            assert 0.0 <= each[name]["low"] <= each[name]["high"] <= 1.0
    assert record["steps"] == {"learned": 2 * 4 * 200, "random": 4 * 200}
    page = (run / "judgement.html").read_text(encoding="utf-8")
    assert page.count("<figure") == 3
    assert "<script" not in page
    assert {path.name for path in run.iterdir()} - before == {"judgement.json", "judgement.html"}


def test_a_run_judged_against_itself_is_at_distance_zero(run, folder):
    assert main(["judge", str(run), "--against", str(run), *FEW]) == 0
    first, second = json.loads((run / "judgement.json").read_text())["seeds"]
    assert first["epic"]["value"] < 1e-9
    assert first["starc"]["value"] < 1e-6
    assert second["epic"]["value"] > 0.05 < second["starc"]["value"]


def test_what_cannot_be_judged_is_refused(run, folder, capsys):
    cloned = stored_run(folder / "cloned", folder / "demos.npz", algorithm="bc")
    constant = stored_run(folder / "constant", folder / "demos.npz", cost="constant")
    other = stored_run(folder / "cart", folder / "demos.npz", env="CartPole-v1")
    for given, message in (
        ((str(cloned),), "got behavioral cloning in"),
        ((str(constant),), "got the constant one in"),
        ((str(run), "--against", str(cloned)), "got behavioral cloning in"),
        ((str(run), "--against", str(other)), "got Pendulum-v1 and CartPole-v1"),
        ((str(run), "--against", str(folder / "none")), "got nothing there"),
        ((str(run), "--episodes", "0"), "--episodes of at least 1, got 0"),
        ((str(run), "--discount", "1.5"), "--discount between 0 and 1, got 1.5"),
    ):
        assert main(["judge", *given]) == 2
        assert message in capsys.readouterr().err


def judged(pendulum, change):
    """The true cost of Pendulum as a learner might return it, after a change."""
    task, steps = pendulum
    asked = true_cost(task)
    assert asked is not None

    def learned(x, u, y):
        return change(asked(x, u, y), x, y)

    options = JudgeOptions(run=Path("."), episodes=6, pairs=8, waves=8)
    return judge_by_samples(learned, Reference(steps.cost, asked), Covered(steps, len(steps.cost) // 2), options).numbers


def test_the_true_cost_in_other_clothes_is_at_distance_zero(pendulum):
    found = judged(pendulum, lambda cost, x, y: 3.0 * cost + 2.0 + 4.0 * (x[:, 0] - 0.99 * y[:, 0]))
    assert found["epic"]["value"] < 1e-6  # the simulator's reward against that of a state read back from its observation
    assert found["starc"]["value"] < 1e-6
    assert found["scale"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["r_squared"]["value"] == pytest.approx(1.0, abs=1e-9)
    assert found["pearson"] < 0.999


def test_its_negative_is_at_distance_one_and_wrong_shaping_is_seen(pendulum):
    negative = judged(pendulum, lambda cost, x, y: -cost)
    assert negative["epic"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert negative["starc"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert negative["scale"] == pytest.approx(-1.0, abs=1e-6)
    assert negative["r_squared"]["value"] == pytest.approx(1.0, abs=1e-9)
    assert negative["spearman"] == pytest.approx(-1.0)
    turned = judged(pendulum, lambda cost, x, y: cost + 4.0 * (x[:, 0] + 0.99 * y[:, 0]))
    assert turned["epic"]["value"] > 0.1 < turned["starc"]["value"]


def test_a_table_is_judged_exactly():
    environment = make_environment(find_task("Gridworld-v0"))
    assert isinstance(environment, TabularEnvironment)
    true = true_cost(find_task("Gridworld-v0"))
    assert true is not None
    options, weights = JudgeOptions(run=Path(".")), np.ones((30, 5))
    same = judge_exactly(lambda x, u, y: 2.0 * true(x, u, y) + 1.0, true, environment, weights, options)
    turned = judge_exactly(lambda x, u, y: -true(x, u, y), true, environment, weights, options)
    for name in ("epic", "starc_value_adjusted", "starc_minimal_norm"):
        assert same[name] < 1e-10
        assert turned[name] == pytest.approx(1.0, abs=1e-10)
    assert same["regret"] < 1e-9
    assert turned["regret"] > 1.0
    assert same["regret_soft"] > 1e-3  # the policy of temperature 1 still wanders


@pytest.mark.slow
def test_gridworld_through_the_command(folder):
    run = stored_run(folder / "grid", folder / "demos.npz", env="Gridworld-v0", seeds=1)
    assert main(["judge", str(run), "--episodes", "20", "--pairs", "4", "--waves", "0"]) == 0
    record = json.loads((run / "judgement.json").read_text())
    assert record["exact"][0]["seed"] == 5
    sampled, exact = record["seeds"][0], record["exact"][0]
    assert sampled["epic"]["value"] == pytest.approx(exact["epic"], abs=0.15)
    assert sampled["r_squared"]["value"] == pytest.approx(exact["r_squared"], abs=0.15)
    assert "Without sampling" in (run / "judgement.html").read_text(encoding="utf-8")


def test_a_simulator_on_the_host_is_judged_without_epic(folder, capsys):
    run = stored_run(folder / "host", folder / "demos.npz", host=True, seeds=1)
    assert main(["judge", str(run), *FEW]) == 0
    assert "EPIC: not here" in capsys.readouterr().out
    record = json.loads((run / "judgement.json").read_text())
    assert record["seeds"][0]["epic"] is None
    assert 0.0 < record["seeds"][0]["starc"]["value"] < 1.0


def test_a_reward_that_nobody_met_is_no_reference(pendulum):
    _, steps = pendulum
    idle = Reference(np.zeros(len(steps.cost)), None)
    with pytest.raises(DataError, match="add --episodes"):
        judge_by_samples(lambda x, u, y: x[:, 0], idle, Covered(steps, 1), JudgeOptions(run=Path(".")))
    with pytest.raises(NonFiniteError, match="over the roll-outs"):
        batch_cost(lambda x, u: x[0] / 0.0)(steps.observation, steps.action, steps.after)


@pytest.fixture(scope="module")
def grid():
    """Gridworld-v0, and roll-outs in it of a policy that never moves and of random actions."""
    task = find_task("Gridworld-v0")
    logits = jnp.tile(jnp.where(jnp.arange(task.spec.num_actions) == 0, 50.0, 0.0), (1, task.spec.observation_size, 1))
    return task, covered(task, jax.vmap(OneHotTabularPolicy)(logits), 1, 20, 0)


def test_roll_outs_are_those_of_the_policies_and_of_random_actions(grid):
    task, found = grid
    assert found.num_learned == 20 * task.bare.time_limit
    assert np.all(found.steps.action[: found.num_learned] == 0)
    assert len(np.unique(found.steps.action[found.num_learned :])) == task.spec.num_actions
    assert len(np.unique(found.steps.episode)) == 40
    np.testing.assert_array_equal(found.steps.after[0], found.steps.observation[1])


def test_samples_of_a_table_agree_with_the_table(grid):
    task, over = grid
    environment, draw = make_environment(task), np.random.default_rng(0)
    assert isinstance(environment, TabularEnvironment)
    first, second = draw.normal(size=(2, task.spec.observation_size, task.spec.num_actions))

    def true(x, u, y):
        return first[np.argmax(x, axis=1), u]

    def learned(x, u, y):
        return true(x, u, y) + second[np.argmax(x, axis=1), u]

    steps = over.steps
    options = JudgeOptions(run=Path("."), pairs=64, waves=0)
    reference = Reference(true(steps.observation, steps.action, steps.after), true)
    sampled = judge_by_samples(learned, reference, over, options).numbers
    exact = judge_exactly(learned, true, environment, visited(steps, environment), options)
    for name in ("epic", "r_squared"):
        error = (sampled[name]["high"] - sampled[name]["low"]) / 3.92
        assert abs(sampled[name]["value"] - exact[name]) < 4.0 * error < 0.3
