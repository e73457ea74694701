"""The ordinary discriminator: blind to q, optimal at log p - log q, equal to the density-aware one that is given log q by hand (1.2)."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.objectives import instances
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.free_discriminator import FreeDiscriminatorLoss
from triality.sampler import Samples


def test_never_reads_log_q():
    data, drawn = instances.two_sides()
    critic = instances.energy()
    blinded = [side._replace(log_q=jnp.full_like(side.log_q, jnp.nan)) for side in (data, drawn)]
    assert FreeDiscriminatorLoss()(critic, data, drawn)[0] == FreeDiscriminatorLoss()(critic, *blinded)[0]


def test_subtracting_log_q_is_the_only_difference():
    """A critic f(x) = -E(x) - log q(x) - log Z makes it the density-aware loss."""
    data, drawn = instances.two_sides()
    cost = instances.energy()
    aware, metrics = DiscriminatorLoss()(instances.density(cost, 0.4), data, drawn)
    free, free_metrics = FreeDiscriminatorLoss()(lambda x: -cost(x) - instances.Q.log_prob(x) - 0.4, data, drawn)
    np.testing.assert_allclose(free, aware, rtol=1e-13)
    np.testing.assert_allclose(free_metrics, metrics, rtol=1e-12)
    without = FreeDiscriminatorLoss()(lambda x: -cost(x) - 0.4, data, drawn)[0]
    assert abs(without - aware) > 0.1


def test_optimum_is_the_log_ratio_whatever_nu():
    """On an enumerable space the gradient in every point's output vanishes at log p - log q, and not at log p."""
    log_p = jax.nn.log_softmax(jnp.array([0.1, 0.9, -0.6]))
    log_q = jax.nn.log_softmax(jnp.array([0.5, -0.4, 0.2]))
    points = jnp.arange(3)
    data, drawn = Samples(points, log_q, log_p), Samples(points, log_q, log_q + jnp.log(3.0))
    gradient = jax.grad(lambda table: FreeDiscriminatorLoss()(lambda x: table[x], data, drawn)[0])
    np.testing.assert_allclose(gradient(log_p - log_q), 0.0, atol=1e-15)
    assert jnp.max(jnp.abs(gradient(log_p))) > 1e-2
