"""A cost relative to a policy: its gauge, what is trained in it and what is not, and the model that it begins as."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import Trajectories, log_ratio
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.step_cost import mlp_cost
from triality.energies.tilted_cost import PenaltyOfTilt, TiltedCost
from triality.envs.pendulum import Pendulum
from triality.numerics import effective_sample_size
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import WholeTrajectory, rollout
from triality.updates.ppo import PPO

ENV, HORIZON = Pendulum(), 8
SCALING = identity_scaling(3)


def policy_of(seed):
    return squashed_gaussian_policy(jax.random.key(seed), ENV.spec, SCALING, (4,), state_scale=False)


def drawn_by(policy, num, seed=0):
    return jax.jit(jax.vmap(lambda key: rollout(key, ENV, policy, HORIZON)))(jax.random.split(jax.random.key(seed), num))


def log_ratios(cost, policy, batch):
    view = WholeTrajectory()
    return log_ratio(view.energy(cost), view.samples(batch, batch.log_prob))


@pytest.fixture(scope="module")
def learned():
    """Two iterations from a reference: the first state, the last, and what was reported."""
    reference = policy_of(1)
    algorithm = GanGcl(
        ENV,
        Trajectories(4),
        update_rule=PPO(num_epochs=1, num_minibatches=1, hidden=(4,)),
        penalty=PenaltyOfTilt(GradientPenalty(0.1, num_points=8)),
        make_cost=lambda key, spec, scaling: mlp_cost(key, spec, scaling, (4,)),
    )
    state = algorithm.init(jax.random.key(2), drawn_by(policy_of(3), 2, 1), None, reference, SCALING)
    first = algorithm.relative_to(state, reference)
    step = eqx.filter_jit(lambda state: algorithm.step(state))
    after, metrics = step(first)
    return first, *step(after), metrics


def test_the_model_begins_as_the_roll_outs_of_the_reference():
    reference = policy_of(1)
    batch = drawn_by(reference, 6)
    flat = TiltedCost(lambda x, u: jnp.zeros(()), reference)
    np.testing.assert_allclose(log_ratios(flat, reference, batch), 0.0, atol=1e-8)
    assert effective_sample_size(log_ratios(flat, reference, batch)) == pytest.approx(6.0)
    other = TiltedCost(lambda x, u: jnp.zeros(()), policy_of(4))
    assert jnp.max(jnp.abs(log_ratios(other, reference, batch))) > 1e-3, "another reference: the test has to see it"


def test_a_tilt_tilts_low_is_likely():
    reference = policy_of(1)
    batch = drawn_by(reference, 6)
    tilted = TiltedCost(lambda x, u: 2.0 * x[2], reference)
    expected = -2.0 * jnp.sum(batch.observation[:, :-1, 2], axis=-1)
    np.testing.assert_allclose(log_ratios(tilted, reference, batch), expected, atol=1e-8)


def test_the_reference_is_never_trained_and_the_tilt_is(learned):
    first, last, metrics, _ = learned
    before, after = (jax.tree.leaves(eqx.filter(each.cost.reference, eqx.is_array)) for each in (first, last))
    assert all(jnp.array_equal(a, b) for a, b in zip(before, after, strict=True))
    moved = [
        jnp.max(jnp.abs(a - b)) for a, b in zip(jax.tree.leaves(first.cost.tilt.net), jax.tree.leaves(last.cost.tilt.net), strict=True)
    ]
    assert max(moved) > 1e-4
    assert bool(metrics.is_finite)


def test_the_first_weights_are_nearly_equal(learned):
    *_, metrics = learned
    assert metrics.ess_fraction > 0.9, "q is the reference and t is nearly zero: a plain cost would have one roll-out decide"


def test_the_penalty_is_of_the_tilt_alone():
    data, drawn = drawn_by(policy_of(3), 2), drawn_by(policy_of(1), 2)
    cost = TiltedCost(lambda x, u: 3.0 * u[0], policy_of(1))
    penalty = GradientPenalty(0.5, num_points=8)
    of_tilt = PenaltyOfTilt(penalty)(jax.random.key(0), cost, SCALING, data, drawn)
    assert float(of_tilt) == pytest.approx(0.5 * 9.0)
    assert float(penalty(jax.random.key(0), cost, SCALING, data, drawn)) != pytest.approx(0.5 * 9.0, rel=1e-3)
