"""Generator losses by hand, their gradients (D7), and the broken twin that differentiates through log q inside D."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from triality.objectives.sampler import minimax_loss, non_saturating_loss, sampler_loss, score_function_loss, sum_loss
from triality.samplers.gaussian import Gaussian

# A space of five points: log p_theta, q = softmax(logits).
LOG_P = jax.nn.log_softmax(jnp.array([0.3, -1.0, 0.8, 0.1, -0.4]))
LOGITS = jnp.array([0.2, 0.5, -0.7, 0.0, 1.1])


def log_q(logits):
    return jax.nn.log_softmax(logits)


def kl(logits):
    return jnp.sum(jnp.exp(log_q(logits)) * (log_q(logits) - LOG_P))


def twice_js(logits):
    log_half = jnp.logaddexp(LOG_P, log_q(logits)) - jnp.log(2.0)
    return jnp.sum(jnp.exp(log_q(logits)) * (log_q(logits) - log_half)) + jnp.sum(jnp.exp(LOG_P) * (LOG_P - log_half))


WANTED = {
    "minimax": (minimax_loss, twice_js),
    "non-saturating": (non_saturating_loss, lambda logits: kl(logits) - twice_js(logits)),
    "sum": (sum_loss, kl),
}


def test_values_by_hand():
    """D = 3/4 and 1/4: log D and log(1 - D) swap, so the sum is zero."""
    ratio = jnp.log(jnp.array([3.0, 1 / 3]))
    np.testing.assert_allclose(minimax_loss(ratio), (np.log(0.25) + np.log(0.75)) / 2, rtol=1e-14)
    np.testing.assert_allclose(non_saturating_loss(ratio), -(np.log(0.75) + np.log(0.25)) / 2, rtol=1e-14)
    np.testing.assert_allclose(sum_loss(ratio), 0.0, atol=1e-15)
    np.testing.assert_allclose(sum_loss(jnp.array([2.0, 5.0])), -3.5)
    np.testing.assert_allclose(sampler_loss(jnp.array([1.0, 2.0]), jnp.array([-3.0, 0.5])), 0.25)


def test_a_sample_that_looks_like_data_has_a_lower_loss():
    for loss in (minimax_loss, non_saturating_loss, sum_loss):
        assert loss(jnp.array([1.0])) < loss(jnp.array([-1.0]))


@pytest.mark.parametrize("ratio", [-1e4, -700.0, -3.0, 1e-9, 2.0, 36.0, 1e4])
def test_against_mpmath(ratio):
    with mpmath.workdps(50):
        s = mpmath.mpf(ratio)
        minimax, non_saturating = -mpmath.log1p(mpmath.exp(s)), mpmath.log1p(mpmath.exp(-s))
    np.testing.assert_allclose(float(minimax_loss(jnp.array([ratio]))), float(minimax), rtol=1e-12)
    np.testing.assert_allclose(float(non_saturating_loss(jnp.array([ratio]))), float(non_saturating), rtol=1e-12)


def test_sum_is_the_sum():
    ratio = jnp.linspace(-50.0, 50.0, 101) ** 3
    np.testing.assert_allclose(sum_loss(ratio), minimax_loss(ratio) + non_saturating_loss(ratio), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("loss", [minimax_loss, non_saturating_loss, sum_loss, lambda r, w=None: sampler_loss(r, 2 * r, w)])
def test_weight_two_is_the_same_as_twice(loss):
    ratio = jnp.array([0.3, -2.0, 1.0])
    weighted = loss(ratio, jnp.log(jnp.array([2.0, 1.0, 3.0])))
    np.testing.assert_allclose(weighted, loss(ratio[jnp.array([0, 0, 1, 2, 2, 2])]), rtol=1e-14)
    np.testing.assert_allclose(loss(ratio, jnp.array([0.0, -jnp.inf, 0.0])), loss(ratio[::2]), rtol=1e-14)


def expected(loss, frozen):
    """E_q[loss] on the five points as a function of q's logits; D frozen, or moving with the log q inside it."""

    def value(logits):
        ratio = LOG_P - log_q(logits)
        return loss(jax.lax.stop_gradient(ratio) if frozen else ratio, log_q(logits))

    return value


@pytest.mark.parametrize("name", WANTED)
def test_gradient_at_the_optimal_discriminator_frozen(name):
    loss, divergence = WANTED[name]
    np.testing.assert_allclose(jax.grad(expected(loss, frozen=True))(LOGITS), jax.grad(divergence)(LOGITS), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("name", "immune"), [("minimax", False), ("non-saturating", False), ("sum", True)])
def test_differentiating_through_log_q_inside_the_discriminator_is_wrong_except_for_the_sum(name, immune):
    loss, divergence = WANTED[name]
    wrong, right = jax.grad(expected(loss, frozen=False))(LOGITS), jax.grad(divergence)(LOGITS)
    assert (jnp.max(jnp.abs(wrong - right)) < 1e-12) == immune
    assert immune or jnp.max(jnp.abs(wrong - right)) > 0.03


def test_only_the_sum_has_the_reverse_kl_optimum():
    """At q = p_theta every gradient vanishes; a step away, only the sum's is the KL's."""
    at_model = jax.grad(expected(sum_loss, frozen=True))(LOG_P)
    np.testing.assert_allclose(at_model, 0.0, atol=1e-15)
    for loss in (minimax_loss, non_saturating_loss):
        assert jnp.linalg.norm(jax.grad(expected(loss, frozen=True))(LOGITS) - jax.grad(kl)(LOGITS)) > 0.01


@pytest.mark.parametrize("baseline", [0.0, 1.7])
def test_score_function_gradient_in_expectation_is_that_of_eq_2(baseline):
    """E_q over the five points, each a batch of its own; the baseline changes nothing in expectation."""
    energy = -LOG_P + 0.3

    def one(logits, point):
        picked = log_q(logits)[point]
        return score_function_loss((energy[point] + picked)[None], picked[None], baseline)

    by_point = jax.vmap(jax.grad(one), (None, 0))(LOGITS, jnp.arange(5))
    mean = jnp.exp(log_q(LOGITS)) @ by_point
    exact = jax.grad(lambda logits: sampler_loss(energy, log_q(logits), log_q(logits)))(LOGITS)
    np.testing.assert_allclose(mean, exact, rtol=1e-10, atol=1e-15)


def test_score_function_signal_is_frozen():
    gradient = jax.grad(lambda x: score_function_loss(x, jnp.ones(1)))(jnp.ones(1))
    assert gradient == 0.0


def test_path_gradient_without_the_score_has_no_variance_at_the_model():
    """Sticking the landing (D7): at q = p_theta the reparameterized gradient is zero draw by draw once log q's parameters are frozen."""
    truth = Gaussian(jnp.array([0.4]), jnp.array([-0.3]))

    def one(parameters, key, freeze):
        x, _ = parameters.sample_and_log_prob(key)
        density = jax.lax.stop_gradient(parameters) if freeze else parameters
        return sampler_loss(-truth.log_prob(x)[None], density.log_prob(x)[None])

    keys = jax.random.split(jax.random.key(0), 200)
    frozen, plain = (jax.vmap(jax.grad(lambda q, key, f=f: one(q, key, f)), (None, 0))(truth, keys) for f in (True, False))
    assert max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(frozen)) < 1e-12
    assert min(float(jnp.std(leaf)) for leaf in jax.tree.leaves(plain)) > 0.3
