"""Experts of known density: the laws that the benchmark calls exact, against draws; the densities of clipped actions, against sums."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.policies.gaussian import gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.specs import MUJOCO_SPECS

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("TRIALITY_DATA", ROOT.parent / "shared" / "data"))
NUM, STEPS = 20_000, 6


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def log_weights(factor, distance):
    """log pi_E - log q of whole trajectories of states that are anything at all, on the expert's and on q's actions."""
    from known_experts import Perturbed

    spec = MUJOCO_SPECS["Hopper-v5"]
    expert = gaussian_policy(jax.random.key(0), spec, identity_scaling(spec.observation_size), (8,), state_scale=False)
    q = Perturbed(expert, factor, distance)

    @jax.jit
    @jax.vmap
    def step(key):
        key_seen, key_data, key_drawn = jax.random.split(key, 3)
        seen = 3.0 * jax.random.normal(key_seen, (spec.observation_size,))
        p, other = expert(seen), q(seen)
        actions = p.sample(key_data), other.sample(key_drawn)
        return [p.log_prob(action) - other.log_prob(action) for action in actions]

    steps = step(jax.random.split(jax.random.key(1), NUM * STEPS))
    return [np.asarray(each).reshape(NUM, STEPS).sum(1) for each in steps]


def deviations(known, on_data, on_drawn):
    """Of divergence, share and overlap from what is called exact, in standard errors of the draws."""
    square, mistaken = np.exp(2.0 * on_drawn), 1.0 / (1.0 + np.exp(on_data))
    pairs = ((on_data, known.divergence), (square, 1.0 / known.share), (mistaken, known.overlap))
    return [abs(values.mean() - right) / (values.std() / np.sqrt(NUM)) for values, right in pairs]


@pytest.mark.parametrize(("factor", "distance"), [(1.0, 0.15), (1.1, 0.0), (0.92, 0.0)])
def test_the_law_of_a_perturbed_policy_does_not_depend_on_the_states(factor, distance):
    from known_experts import exact

    weights = log_weights(factor, distance)
    assert max(deviations(exact(factor, distance, 3, STEPS, 1.0), *weights)) < 4.5
    broken = exact(factor, distance, 3, STEPS + 2, 1.0)  # two steps too many
    assert max(deviations(broken, *weights)) > 7.0


def test_what_both_scales_and_moves_is_refused():
    from known_experts import exact

    with pytest.raises(ValueError, match="choose one"):
        exact(1.1, 0.1, 3, 10, 1.0)


def test_the_density_of_clipped_actions_sums_to_one_with_its_atoms():
    from known_experts import Laws, log_density, log_density_of_clipped

    p, q = (Laws(np.array([mean]), np.array([np.log(scale)])) for mean, scale in ((0.8, 0.3), (0.9, 0.4)))
    inside, step = np.linspace(-1.0, 1.0, 20_001, retstep=True)
    inside = 0.5 * (inside[1:] + inside[:-1])
    places = np.concatenate([[-1.0], inside, [1.0]])[:, None]
    volume = np.concatenate([[1.0], np.full(len(inside), step), [1.0]])
    of_q = volume * np.exp(log_density_of_clipped(q, places))
    assert of_q.sum() == pytest.approx(1.0, abs=1e-7)
    weights = np.exp(log_density_of_clipped(p, places) - log_density_of_clipped(q, places))
    assert of_q @ weights == pytest.approx(1.0, abs=1e-7)
    wrong = np.exp(log_density(p, places) - log_density(q, places))  # densities of actions that were not clipped
    assert abs(of_q @ wrong - 1.0) > 0.05


def test_a_cost_beside_the_density_by_hand():
    from known_costs import against

    truth = np.array([0.0, 1.0, 2.0])
    found = against(0.5 * truth + 3.0, truth)
    assert found["correlation"] == pytest.approx(1.0)
    assert found["slope"] == pytest.approx(0.5)
    assert found["rms"] == pytest.approx(np.sqrt((3.0**2 + 2.5**2 + 2.0**2) / 3))
    assert found["centered"] == pytest.approx(np.sqrt(1.0 / 6.0))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")
@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Hopper-v5"])
def test_the_expert_is_the_one_that_demonstrated(env_id):
    from known_experts import laws, log_density, read_expert
    from known_rollouts import demonstrations

    stored, expert = demonstrations(env_id, SHARED), read_expert(env_id, SHARED)
    again = log_density(laws(expert, jnp.asarray(stored.observations[:500], float)), stored.actions[:500].astype(float))
    np.testing.assert_allclose(again, stored.log_prob[:500], atol=2e-5)


def test_the_page_is_made_from_the_record():
    from known_densities_page import page
    from result_page import PAGES, RESULTS, kept

    record = kept(RESULTS / "known_densities.json")
    if not record:
        pytest.skip("no record yet: python benchmarks/known_densities.py makes one")
    assert "\n".join(page(record)) in (PAGES / "known_densities.md").read_text()
