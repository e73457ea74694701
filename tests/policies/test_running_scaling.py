"""Moments merged batch by batch are those of all observations at once; a new scaling reaches every model, and past policies not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from triality.policies.gaussian import gaussian_policy
from triality.policies.running_scaling import Moments, rescaled
from triality.policies.scaling import Scaling, identity_scaling
from triality.samplers.mixture import put, stack
from triality.specs import SPECS
from triality.trajectory import Trajectory
from triality.updates.ppo import PPO

SPEC = SPECS["Pendulum-v1"]


def batch_of(observation, mask):
    flat = jnp.zeros(mask.shape)
    return Trajectory(observation, jnp.zeros((*mask.shape, 1)), flat, mask, mask, mask, flat, jnp.zeros(mask.shape[0], int))


def test_merged_moments_are_those_of_everything():
    rng = np.random.default_rng(0)
    seen, moments = [], Moments.none(3)
    for size, shift in ((4, 0.0), (1, 50.0), (6, -3.0)):
        observation = rng.normal(shift, 1 + abs(shift), (size, 11, 3))
        mask = rng.random((size, 10)) < 0.7
        moments = moments.with_batch(batch_of(jnp.asarray(observation), jnp.asarray(mask)))
        seen.append(observation[:, :-1][mask])
    everything = np.concatenate(seen)
    assert int(moments.count) == len(everything)
    np.testing.assert_allclose(moments.mean, everything.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.scaling().scale, everything.std(axis=0), rtol=1e-12)
    of_batches = np.mean([part.std(axis=0) for part in seen], axis=0)  # the control: deviations without the shift between batches
    assert np.all(np.abs(of_batches / everything.std(axis=0) - 1) > 0.1)


def test_a_coordinate_that_never_moves_keeps_scale_one():
    mask = jnp.ones((2, 4), bool)
    assert Moments.none(1).with_batch(batch_of(jnp.full((2, 5, 1), 7.0), mask)).scaling().scale.tolist() == [1.0]


def test_an_optimizer_keeps_its_moments():
    """In the place of a scaling it holds moments of the scaling's gradient, which are zero and have to stay so."""
    policy = gaussian_policy(jax.random.key(0), SPEC, identity_scaling(3), (4,))
    moments = optax.adam(0.1).init(eqx.filter(policy, eqx.is_inexact_array))
    scaling = Scaling(jnp.ones(3), jnp.full(3, 2.0))
    after_policy, after_moments = rescaled((policy, moments), scaling)
    assert eqx.tree_equal(after_policy.scaling, scaling)
    assert eqx.tree_equal(after_moments, moments)


def test_policy_and_value_see_the_same_numbers_and_a_past_policy_what_it_saw():
    policy = gaussian_policy(jax.random.key(0), SPEC, identity_scaling(3), (4,))
    value = PPO(hidden=(4,)).init(jax.random.key(1), policy, identity_scaling(3)).value
    scaling, x = Scaling(jnp.array([1.0, 2.0, 3.0]), jnp.array([2.0, 4.0, 8.0])), jnp.array([0.5, -1.0, 4.0])
    past = put(stack(policy, 2), jnp.array(0), policy)
    after_policy, after_value = rescaled((policy, value), scaling)
    scaled = (x - scaling.mean) / scaling.scale
    np.testing.assert_allclose(after_policy(x).mean, policy(scaled).mean)
    np.testing.assert_allclose(after_value(x), value(scaled))
    assert jnp.all(past.scaling.scale[0] == 1.0)
