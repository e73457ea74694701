"""The fitted soft value: what it recovers, what it estimates, and what a fit that saw a roll-out does to that roll-out's weight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.objectives.linear_twist import CrossFitted, LinearTwist
from triality.sampler import Samples
from triality.trajectory import Trajectory

N, TIME = 30, 5


def batch_of(observation, mask=None):
    n, time = observation.shape[0], observation.shape[1] - 1
    real = jnp.ones((n, time), bool) if mask is None else mask
    nothing = jnp.zeros((n, time))
    return Trajectory(observation, nothing, nothing, real, ~real, ~real, nothing, jnp.zeros(n, int))


OBSERVATION = 3.0 + 2.0 * jax.random.normal(jax.random.key(0), (N, TIME + 1, 2))
LEFT = 1.0 - jnp.arange(TIME + 1) / TIME
VALUE = (LEFT[:, None] * jnp.array([2.0, -1.0]) * OBSERVATION + 0.3 * OBSERVATION**2 * LEFT[:, None]).sum(-1) + 4.0 * LEFT**2
REWARD = VALUE[:, :-1] - VALUE[:, 1:]
"""Whose returns-to-go are VALUE, which is linear in the features."""


def test_a_value_within_its_class_is_recovered():
    fitted = LinearTwist(1e-10)(REWARD, Samples.unweighted(batch_of(OBSERVATION), jnp.zeros(N)))
    np.testing.assert_allclose(fitted[:, :-1], VALUE[:, :-1], rtol=0, atol=1e-6)
    heavy = LinearTwist(1e6)(REWARD, Samples.unweighted(batch_of(OBSERVATION), jnp.zeros(N)))
    np.testing.assert_allclose(heavy, jnp.mean(VALUE[:, :-1]), rtol=1e-3)


def test_only_real_steps_of_weighted_rollouts_are_fitted():
    mask = jnp.arange(TIME) < (1 + jnp.arange(N) % TIME)[:, None]
    weight = jnp.where(jnp.arange(N) < 20, 0.0, -jnp.inf)
    spoiled = jnp.where(mask & (weight == 0)[:, None], REWARD, 1e6)
    seen = jnp.where((weight == 0)[:, None, None], OBSERVATION.at[:, :-1].set(jnp.where(mask[..., None], OBSERVATION[:, :-1], 99.0)), 99.0)
    plain = LinearTwist().fit(REWARD[:20], Samples.unweighted(batch_of(OBSERVATION[:20], mask[:20]), jnp.zeros(20)))
    same = LinearTwist().fit(spoiled, Samples(batch_of(seen, mask), jnp.zeros(N), weight))
    np.testing.assert_allclose(same(batch_of(OBSERVATION)), plain(batch_of(OBSERVATION)), rtol=1e-9)


def test_it_estimates_the_value_of_q_which_is_below_that_of_the_model():
    """One step, two states, three actions, exact expectations: E_q[-c - log q | x] <= log sum exp(-c), equal where q = exp(-c)/Z."""
    cost = jnp.array([[0.0, 1.0, -2.0], [3.0, 0.5, 0.0]])
    of_model = jax.nn.logsumexp(-cost, axis=1)
    for log_q in (jnp.log(jnp.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])), -cost - of_model[:, None]):
        reward = (-cost - log_q).reshape(-1, 1)
        observation = jnp.repeat(jnp.arange(2.0), 3)[:, None, None] * jnp.ones((1, 2, 1))
        fitted = LinearTwist(1e-10)(reward, Samples(batch_of(observation), log_q.ravel(), log_q.ravel()))[::3, 0]
        np.testing.assert_allclose(fitted, jnp.sum(jnp.exp(log_q) * (-cost - log_q), axis=1), rtol=0, atol=1e-6)
        gap = of_model - fitted
        divergence = jnp.sum(jnp.exp(log_q) * (log_q + cost + of_model[:, None]), axis=1)
        np.testing.assert_allclose(gap, divergence, rtol=0, atol=1e-6)
    assert np.all(gap < 1e-6)


@pytest.mark.parametrize(("twist", "moves"), [(LinearTwist(), True), (CrossFitted(), False), (CrossFitted(num_folds=2), False)])
def test_cross_fitting_leaves_a_rollout_out_of_its_own_value(twist, moves):
    drawn = Samples.unweighted(batch_of(OBSERVATION), jnp.zeros(N))
    before, after = (twist(reward, drawn) for reward in (REWARD, REWARD.at[7].add(100.0)))
    own = np.max(np.abs(after[7] - before[7]))
    assert (own > 1.0) == moves
    assert moves or own < 1e-9
    assert np.max(np.abs(after[8] - before[8])) > 1.0


def test_a_fit_that_saw_a_rollout_takes_from_its_weight():
    """Returns of pure luck, observations that tell nothing: the last log weight, G_1 - V(x_1), should follow the luck one to one.

    With 30 roll-outs and 19 features a third of it is lost; with more features than roll-outs, nearly all of it.
    """

    @jax.jit
    def moments(key):
        seen, luck = jax.random.normal(key, (N, 1, 4)), jax.random.normal(jax.random.fold_in(key, 1), (N,))
        drawn = Samples.unweighted(batch_of(jnp.repeat(seen, TIME + 1, axis=1)), jnp.zeros(N))
        reward = jnp.zeros((N, TIME)).at[:, -1].set(luck)
        log_rho = jnp.stack([luck - twist(reward, drawn)[:, 0] for twist in (LinearTwist(), CrossFitted())])
        return jnp.append(log_rho, luck[None], axis=0) @ (luck - luck.mean())

    seen, left_out, everything = jnp.sum(jax.vmap(moments)(jax.random.split(jax.random.key(1), 100)), axis=0)
    assert seen < 0.8 * everything
    assert left_out > 0.97 * everything


@pytest.mark.parametrize(("num_rollouts", "num_folds"), [(1, 8), (4, 1)])
def test_nothing_to_leave_out_is_refused(num_rollouts, num_folds):
    drawn = Samples.unweighted(batch_of(OBSERVATION[:num_rollouts]), jnp.zeros(num_rollouts))
    with pytest.raises(ConfigError, match="at least two"):
        CrossFitted(num_folds=num_folds)(REWARD[:num_rollouts], drawn)
