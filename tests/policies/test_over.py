"""Policies that are uniform once an episode is over: the two laws, what is learned in each, and what a clone makes of padded steps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.policies.categorical import categorical_policy
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.over import MakeUntilOver
from triality.policies.scaling import identity_scaling
from triality.run import run
from triality.specs import EnvironmentSpec
from triality.trajectory import Trajectory

BOX = EnvironmentSpec("Box-v0", 2, 1, 0, (-1.0,), (3.0,), 6)
DISCRETE = EnvironmentSpec("Discrete-v0", 2, 0, 3, time_limit=6)
RUNNING, OVER = jnp.array([0.4, 0.0]), jnp.array([0.0, 1.0])
KEY = jax.random.key(0)


def one_scale(key, spec, scaling):
    return squashed_gaussian_policy(key, spec, scaling, (8,), state_scale=False)


CASES = {"box": (one_scale, BOX, jnp.array([0.5]), -np.log(4.0)), "discrete": (categorical_policy, DISCRETE, jnp.array(1), -np.log(3.0))}


@pytest.mark.parametrize("case", CASES)
def test_uniform_once_over_and_the_policys_own_before(case):
    make, spec, action, log_uniform = CASES[case]
    scaling = identity_scaling(2)
    own, policy = make(KEY, spec, scaling), MakeUntilOver(make)(KEY, spec, scaling)
    np.testing.assert_allclose(policy(RUNNING).log_prob(action), own(RUNNING).log_prob(action), rtol=1e-12)
    np.testing.assert_allclose(policy(OVER).log_prob(action), log_uniform, rtol=1e-12)
    assert abs(float(own(OVER).log_prob(action)) - log_uniform) > 1e-3, "the policy's own law is another one there"
    drawn, log_prob = jax.vmap(policy(OVER).sample_and_log_prob)(jax.random.split(KEY, 500))
    np.testing.assert_allclose(log_prob, log_uniform, rtol=1e-12)
    assert abs(float(jnp.mean(drawn)) - 1.0) < 4 * float(jnp.std(drawn)) / np.sqrt(500)
    np.testing.assert_allclose(policy(RUNNING).mode, own(RUNNING).mode)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_learned_once_over(case):
    make, spec, action, _ = CASES[case]
    policy = MakeUntilOver(make)(KEY, spec, identity_scaling(2))
    of = eqx.filter_grad(lambda policy, x: policy(x).log_prob(action))
    size = [max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(of(policy, x))) for x in (OVER, RUNNING)]
    assert size[0] == 0.0
    assert size[1] > 1e-3


def demonstrations():
    """Two steps of almost one action, then four of padding with actions from everywhere."""
    observation = jnp.tile(jnp.array([[0.4, 0.0]] * 2 + [[0.0, 1.0]] * 5), (8, 1, 1))
    action = jax.random.uniform(KEY, (8, 6, 1), minval=-1.0, maxval=3.0).at[:, :2].set(1.0 + 0.05 * jax.random.normal(KEY, (8, 2, 1)))
    no, zeros = jnp.zeros((8, 6), bool), jnp.zeros((8, 6))
    return Trajectory(observation, action, zeros, ~no, no, no, zeros, jnp.zeros(8, int))


def test_a_clones_one_scale_is_that_of_the_running_steps():
    """The fault it is there for: padded steps widen a scale that holds everywhere."""

    def cloned_scale(make):
        cloning = BehavioralCloning(BOX, 0.03, make_policy=make)
        state = cloning.init(KEY, demonstrations(), jnp.zeros(8), identity_scaling(2))
        learned = eqx.filter_jit(lambda state: run(cloning, state, 1, 300)[0])(state).policy
        return float(jnp.exp(learned(RUNNING).no.base.log_scale[0] if hasattr(learned, "low") else learned(RUNNING).base.log_scale[0]))

    assert cloned_scale(MakeUntilOver(one_scale)) < 0.1
    assert cloned_scale(one_scale) > 0.3
