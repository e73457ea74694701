"""Erring policies and policies of two: normalized, and drawn as their density says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.policies.categorical import OneHotTabularPolicy
from triality.policies.erring import ErringPolicy, erring
from triality.policies.shared import OneOfTwo, SharedPolicy
from triality.samplers.categorical import Categorical
from triality.samplers.gaussian import Gaussian

FIRST, SECOND = jnp.log(jnp.array([0.7, 0.2, 0.1])), jnp.log(jnp.array([0.1, 0.1, 0.8]))
HERE = jnp.array([1.0])


def mixed(share):
    return SharedPolicy(OneHotTabularPolicy(FIRST[None]), OneHotTabularPolicy(SECOND[None]), jnp.array(share))(HERE)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_policy_of_two_is_drawn_as_its_density_says(share):
    exact = share * np.exp(FIRST) + (1 - share) * np.exp(SECOND)
    np.testing.assert_allclose([jnp.exp(mixed(share).log_prob(jnp.array(u))) for u in range(3)], exact, rtol=1e-12)
    draws, log_probs = jax.vmap(mixed(share).sample_and_log_prob)(jax.random.split(jax.random.key(0), 4000))
    seen = np.bincount(draws, minlength=3) / 4000
    error = 5 * np.sqrt(exact * (1 - exact) / 4000)
    assert np.all(np.abs(seen - exact) < error)
    assert np.any(np.abs(seen - (1 - share) * np.exp(FIRST) - share * np.exp(SECOND)) > error)  # the twin: shares exchanged
    np.testing.assert_allclose(log_probs, np.log(exact)[draws], rtol=1e-10)


def test_two_classes_can_be_mixed():
    narrow, wide = Gaussian(jnp.zeros(1), jnp.array([-3.0])), Gaussian(jnp.ones(1), jnp.zeros(1))
    x = jnp.array([0.25])
    exact = jnp.log(0.25 * jnp.exp(narrow.log_prob(x)) + 0.75 * jnp.exp(wide.log_prob(x)))
    np.testing.assert_allclose(OneOfTwo(narrow, wide, jnp.array(0.25)).log_prob(x), exact, rtol=1e-12)


@pytest.mark.parametrize("error", [0.0, 0.1, 2 / 3])
def test_errors_are_as_many_as_stated(error):
    p = np.exp(FIRST)
    exact = (1 - error) * p + error * (1 - p) / 2
    np.testing.assert_allclose(jnp.exp(erring(FIRST, error)), exact, atol=1e-12)
    policy = ErringPolicy(OneHotTabularPolicy(FIRST[None]), error)
    np.testing.assert_allclose([jnp.exp(policy(HERE).log_prob(jnp.array(u))) for u in range(3)], exact, atol=1e-12)


def test_what_is_learned_is_the_policy_and_not_its_errors():
    gradient = jax.grad(lambda policy: policy(HERE).log_prob(jnp.array(0)))(ErringPolicy(OneHotTabularPolicy(FIRST[None]), 0.1))
    assert float(gradient.error) == 0.0
    assert np.all(np.isfinite(gradient.policy.logits))
    assert np.any(gradient.policy.logits != 0)
    assert isinstance(gradient.policy(HERE), Categorical)
