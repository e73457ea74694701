"""The soft value is that of the smaller twin, with the entropy in it once; its gradient in the policy is the exact one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.policies.scaling import identity_scaling
from triality.sampler import AbstractSampler
from triality.samplers.categorical import Categorical
from triality.samplers.gaussian import Gaussian
from triality.specs import EnvironmentSpec
from triality.updates.twin_q import twin_q

BOX = EnvironmentSpec("box", 2, action_size=1, action_low=(-1.0,), action_high=(3.0,))
DISCRETE = EnvironmentSpec("discrete", 2, num_actions=3)
X, HORIZON = jnp.array([0.3, -1.2]), 7.0


class Cut(AbstractSampler):
    """A Gaussian whose draws are taken for constants."""

    base: Gaussian

    def log_prob(self, x):
        return self.base.log_prob(x)

    def sample_and_log_prob(self, key):
        x = jax.lax.stop_gradient(self.base.sample(key))
        return x, self.log_prob(x)


def rough(spec):
    """Twins that differ visibly from zero and from each other."""
    twins = twin_q(jax.random.key(0), spec, identity_scaling(2), HORIZON, (8,))
    return eqx.tree_at(lambda t: t.nets.weights, twins, [100.0**index * w for index, w in enumerate(twins.nets.weights)])


def test_twins_are_two_perceptrons_in_units_of_the_horizon():
    twins = rough(BOX)
    features = jnp.concatenate([X, jnp.array([(2.5 - 1.0) / 2.0])])
    for index in range(2):
        hidden, last = (weight[index] for weight in twins.nets.weights)
        assert float(twins(X, jnp.array([2.5]))[index]) == pytest.approx(HORIZON * (jnp.tanh(features @ hidden) @ last).item())
    both = twins(X, jnp.array([2.5]))
    assert abs(float(both[0] - both[1])) > 0.1


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_over_discrete_actions_it_is_the_exact_sum(temperature):
    twins, law = rough(DISCRETE), Categorical(jnp.array([0.2, -0.4, 1.0]))
    log_p = jax.nn.log_softmax(law.logits)
    smaller = jnp.stack([jnp.min(twins(X, jnp.array(u))) for u in range(3)])
    value = twins.soft_value(jax.random.key(0), X, law, temperature)
    assert float(value) == pytest.approx(float(jnp.exp(log_p) @ (smaller - temperature * log_p)), rel=1e-12)
    assert abs(float(value - jnp.exp(log_p) @ (smaller + temperature * log_p))) > 0.1  # the twin whose entropy has the other sign


def test_an_impossible_action_counts_nothing():
    twins = rough(DISCRETE)

    @jax.value_and_grad
    def value(logit):
        return twins.soft_value(jax.random.key(0), X, Categorical(jnp.stack([logit, jnp.array(0.5), jnp.array(-jnp.inf)])), 1.0)

    possible = twins.values(X).min(axis=0)[:2]
    log_p = jax.nn.log_softmax(jnp.array([0.1, 0.5]))
    found, slope = jax.jit(value)(jnp.array(0.1))
    assert float(found) == pytest.approx(float(jnp.exp(log_p) @ (possible - log_p)), rel=1e-12)
    assert np.isfinite(slope)


def test_the_best_law_is_the_exponential_of_the_smaller_twin():
    """V is log-sum-exp of min Q at temperature 1 there, and its slope is zero; at the larger twin's it is not."""
    twins = rough(DISCRETE)

    @jax.jit
    @jax.value_and_grad
    def value(logits):
        return twins.soft_value(jax.random.key(0), X, Categorical(logits), 1.0)

    smaller, larger = jnp.min(twins.values(X), axis=0), jnp.max(twins.values(X), axis=0)
    found, slope = value(smaller)
    assert float(found) == pytest.approx(float(jax.nn.logsumexp(smaller)), rel=1e-12)
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)
    assert np.max(np.abs(value(larger)[1])) > 1e-3


def test_draws_in_a_box_carry_the_exact_gradient():
    """The mean over draws against the integral over actions, within its own error; without the path through the draw it is another."""
    twins, temperature = rough(BOX), 0.7
    grid = jnp.linspace(-9.0, 11.0, 8001)[:, None]
    on_grid = jax.vmap(lambda u: jnp.min(twins(X, u)))(grid)

    def law(parameters):
        return Gaussian(parameters[:1], parameters[1:])

    def integral(parameters):
        log_p = jax.vmap(law(parameters).log_prob)(grid)
        return jnp.sum(jnp.exp(log_p) * (on_grid - temperature * log_p)) * (grid[1, 0] - grid[0, 0])

    at, keys = jnp.array([1.0, -0.2]), jax.random.split(jax.random.key(3), 20_000)
    exact = jax.grad(integral)(at)

    def off(kind):
        def value(parameters, key):
            return twins.soft_value(key, X, kind(law(parameters)), temperature)

        gradients = jax.jit(jax.vmap(jax.grad(value), (None, 0)))(at, keys)
        return np.abs(jnp.mean(gradients, axis=0) - exact) / (jnp.std(gradients, axis=0) / np.sqrt(len(keys)))

    assert np.max(off(lambda q: q)) < 4
    assert np.max(off(Cut)) > 20
