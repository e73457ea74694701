"""The fusion of past samplers step by step, on an enumerated decision process: densities of prefixes, not products of mixtures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.objectives.decisions import World, cost_gradient, trajectories
from tests.tabular import instances
from triality.algorithms.past_samplers import PastSamplers, fused_decisions, fused_steps, fused_trajectories
from triality.objectives.per_decision import PerDecisionLoss
from triality.sampler import Samples


@pytest.fixture(scope="module")
def world() -> World:
    return World("deterministic")


@pytest.fixture(scope="module")
def log_pi(world):
    """log pi_k of two policies that differ, at every step of every trajectory."""
    policies = (world.log_policy, instances.random_log_policy(world.mdp, seed=14))
    return jnp.stack([trajectories(world.space.points, each).log_prob for each in policies])


@pytest.fixture(scope="module")
def past(world, log_pi) -> PastSamplers:
    """Every trajectory in each of two used slots and an empty one, whose numbers are never to be read."""
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), world.batch)
    log_probs = jnp.stack([jnp.stack([each] * 3) for each in (*log_pi, jnp.full_like(log_pi[0], 9.0))])
    return PastSamplers(None, batch, log_probs, log_probs[:, 0], jnp.array(2))


def test_prefixes_have_the_density_of_the_mixture(past, log_pi):
    fused = fused_decisions(past).reshape(3, *log_pi.shape[1:])
    prefix = np.log(np.mean(np.exp(np.cumsum(log_pi, axis=-1)), axis=0))
    for slot in fused:
        np.testing.assert_allclose(np.cumsum(slot, axis=-1), prefix, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fused.sum(-1).reshape(-1), fused_trajectories(past)[0], rtol=0, atol=1e-12)
    # The mistake: mixing anew at every step, whoever acted until then.
    assert np.max(np.abs(np.cumsum(fused_steps(past)[0].reshape(fused.shape)[0], axis=-1) - prefix)) > 0.1


def test_one_policy_is_its_own_fusion(past, log_pi):
    alone = past._replace(num_seen=jnp.array(1))
    np.testing.assert_array_equal(fused_decisions(alone)[: log_pi.shape[1]], log_pi[0])


def test_padding_has_density_one(past, log_pi):
    mask = jnp.arange(log_pi.shape[-1]) < 2
    padded = past._replace(batch=past.batch._replace(mask=past.batch.mask & mask), log_probs=jnp.where(mask, past.log_probs, 0.0))
    fused = fused_decisions(padded)[: log_pi.shape[1]]
    assert not np.any(fused[:, 2:])
    np.testing.assert_allclose(fused.sum(-1), np.log(np.mean(np.exp(log_pi[..., :2].sum(-1)), axis=0)), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("steps", "is_exact"), [(fused_decisions, True), (lambda past: fused_steps(past)[0], False)])
def test_weights_a_decision_are_exact_under_the_fusion(world, past, steps, is_exact):
    """Trajectories of the mixture, weighed by the mixture's prefixes, make the visits of the model; by mixtures of steps they do not."""
    n = len(world.log_q)
    batch = world.batch._replace(log_prob=steps(past)[:n])
    log_m = fused_trajectories(past)[0][:n]
    drawn = Samples(batch, log_m, world.space.log_mass(log_m))
    made = world.visits_of(drawn.log_weight) - cost_gradient(PerDecisionLoss(world.twist), world.cost, drawn, drawn)
    error = np.max(np.abs(made - world.model_visits))
    assert error < 1e-10 if is_exact else error > 0.01
