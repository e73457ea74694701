"""Effective shares: against chi-square divergences in closed form, and what each side sees of a dropped mode."""

import jax
import jax.numpy as jnp
import numpy as np

from triality.metrics.effective_sample_size import forward_share, reverse_share
from triality.sampler import draw
from triality.samplers.gaussian import Gaussian
from triality.targets.mixtures import two_modes

N = 40_000


def shares(target, generator):
    """Forward and reverse; the target's log density is shifted by a constant, which neither may see."""

    def log_ratio(x):
        return target.log_prob(x) + 3.0 - generator.log_prob(x)

    key_p, key_q = jax.random.split(jax.random.key(0))
    own, drawn = draw(target, key_p, N).x, draw(generator, key_q, N).x
    return float(forward_share(jax.vmap(log_ratio)(own))), float(reverse_share(jax.vmap(log_ratio)(drawn)))


def test_both_sides_estimate_the_chi_square_share():
    """For N(0, 1) and N(0, s^2), E_q w^2 = s^2/sqrt(2 s^2 - 1)."""
    s = 1.3
    exact = np.sqrt(2 * s**2 - 1) / s**2
    forward, reverse = shares(Gaussian(jnp.zeros(1), jnp.zeros(1)), Gaussian(jnp.zeros(1), jnp.log(jnp.array([s]))))
    np.testing.assert_allclose([forward, reverse], exact, atol=0.01)


def test_a_dropped_mode_is_seen_from_the_target_alone():
    target = two_modes(10.0)
    one, both = Gaussian(jnp.array([5.0]), jnp.zeros(1)), two_modes(10.0, 1, jnp.array([0.4, 0.6]))
    forward, reverse = shares(target, one)
    assert reverse > 0.99  # blind
    assert forward < 1e-3
    forward, reverse = shares(target, both)
    np.testing.assert_allclose([forward, reverse], 1.0 / (0.25 / 0.4 + 0.25 / 0.6), atol=0.01)


def test_extremes():
    np.testing.assert_allclose([forward_share(jnp.full(5, 700.0)), reverse_share(jnp.full(5, -700.0))], 1.0, rtol=1e-12)
    assert float(forward_share(jnp.array([0.0, jnp.inf]))) == 0.0
    assert float(reverse_share(jnp.full(3, -jnp.inf))) == 0.0
    np.testing.assert_allclose(reverse_share(jnp.array([900.0, -900.0, -900.0, -900.0])), 0.25)
