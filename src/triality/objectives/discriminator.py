"""The density-aware discriminator: D(x) = sigmoid(s), s = -E(x) - log q(x) - log Z - log nu (section 3.1, signs as corrected in X4, X5).

    L = E_p[softplus(-s)] + nu E_q[softplus(s)],   nu = weight of the drawn samples / weight of the data        (D1)

Positive log-odds = looks like data. D* = p/(p + nu q), whatever q: only then is exp(-E)/Z = p, so the optimal energy is independent of the
generator. The loss's value is no sign of progress: at the optimum of the game it is (1 + nu) log(1 + nu) - nu log nu; watch ``overlap``.

Reference: Finn, Christiano, Abbeel, Levine 2016, sections 3.1 and 3.2.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.energy import UnnormalizedDensity
from triality.numerics import log_mean_exp, weighted_mean
from triality.objectives.masking import filled
from triality.sampler import Samples, log_noise_ratio


class DiscriminatorMetrics(NamedTuple):
    """Never needed next.

    Fields:
        overlap_data: E_p[1 - D]; 1/2 at nu = 1 wherever q = p_theta, near 0 where data is told apart with certainty.
        overlap_drawn: nu E_q[D]; equal to ``overlap_data`` exactly when log Z minimizes the loss (D2).
        log_overlap: log E_p[1 - D] in nats, which still tells -50 from -500 where the overlap itself has become zero.
        accuracy: share of both sides on their own side of D = 1/2, each side counting half; 1/2 is perfect confusion.
    """

    overlap_data: Float[Array, ""]
    overlap_drawn: Float[Array, ""]
    log_overlap: Float[Array, ""]
    accuracy: Float[Array, ""]


def log_odds(density: UnnormalizedDensity, samples: Samples, log_nu: Float[Array, ""] | float = 0.0) -> Float[Array, " n"]:
    """s = log p_theta(x) - log q(x) - log nu for every sample: positive = looks like data. No gradient reaches log q."""
    return jax.vmap(density.log_prob)(samples.x) - jax.lax.stop_gradient(samples.log_q) - log_nu


def discriminator_loss(
    log_odds_data: Float[Array, " n"],
    log_odds_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"],
    log_weight_drawn: Float[Array, " m"],
) -> Float[Array, ""]:
    """Binary cross-entropy on log-odds that hold -log nu already: mean_p softplus(-s) + nu mean_q softplus(s) (D1).

    Example:
        >>> import jax.numpy as jnp
        >>> s = jnp.zeros(2)
        >>> float(discriminator_loss(s, s, s, s).__round__(4))
        1.3863
    """
    nu = jnp.exp(jax.nn.logsumexp(log_weight_drawn) - jax.nn.logsumexp(log_weight_data))
    on_data = weighted_mean(jax.nn.softplus(-log_odds_data), log_weight_data)
    return on_data + nu * weighted_mean(jax.nn.softplus(log_odds_drawn), log_weight_drawn)


def discriminator_metrics(
    log_odds_data: Float[Array, " n"],
    log_odds_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"],
    log_weight_drawn: Float[Array, " m"],
) -> DiscriminatorMetrics:
    """Overlap on both sides, in log space, and accuracy."""
    log_nu = jax.nn.logsumexp(log_weight_drawn) - jax.nn.logsumexp(log_weight_data)
    log_data = log_mean_exp(-jax.nn.softplus(log_odds_data), log_weight_data)
    log_drawn = log_nu + log_mean_exp(-jax.nn.softplus(-log_odds_drawn), log_weight_drawn)
    right_data = weighted_mean((log_odds_data > 0).astype(log_odds_data.dtype), log_weight_data)
    right_drawn = weighted_mean((log_odds_drawn <= 0).astype(log_odds_drawn.dtype), log_weight_drawn)
    return DiscriminatorMetrics(jnp.exp(log_data), jnp.exp(log_drawn), log_data, 0.5 * (right_data + right_drawn))


class DiscriminatorLoss(eqx.Module):
    """The discriminator's cross-entropy as an objective of the density; exactly the GAN loss of section 2.1 with D as above."""

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], DiscriminatorMetrics]:
        data, drawn = filled(data), filled(drawn)
        log_nu = log_noise_ratio(data, drawn)
        arrays = (log_odds(density, data, log_nu), log_odds(density, drawn, log_nu), data.log_weight, drawn.log_weight)
        return discriminator_loss(*arrays), discriminator_metrics(*arrays)


class OverlapNormalizedLoss(eqx.Module):
    """The discriminator's loss with its gradient divided by the overlap E_p[1 - D] = nu E_q[D].

    A positive factor on the gradient moves no stationary point, and in log space it stays exact where the discriminator has separated the
    two sides and its own gradient underflows. The gradient is then

        sum_p w (1 - D) dE / sum_p w (1 - D)  -  sum_q w D dE / sum_q w D,

    both sides weighted by how badly the discriminator does there; where D is saturated, the second term is the self-normalized
    importance-sampling term of guided cost learning, exp(-E)/q. Values are those of the plain loss. Wants log Z solved (D2).
    """

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], DiscriminatorMetrics]:
        data, drawn = filled(data), filled(drawn)
        log_nu = log_noise_ratio(data, drawn)
        on_data, on_drawn = log_odds(density, data, log_nu), log_odds(density, drawn, log_nu)
        arrays = (on_data, on_drawn, data.log_weight, drawn.log_weight)
        towards_data = weighted_mean(-on_data, jax.lax.stop_gradient(data.log_weight - jax.nn.softplus(on_data)))
        away_from_drawn = weighted_mean(on_drawn, jax.lax.stop_gradient(drawn.log_weight - jax.nn.softplus(-on_drawn)))
        surrogate = towards_data + away_from_drawn
        value = jax.lax.stop_gradient(discriminator_loss(*arrays))
        return value + surrogate - jax.lax.stop_gradient(surrogate), discriminator_metrics(*arrays)


def decomposition(
    energy_data: Float[Array, " n"],
    log_q_data: Float[Array, " n"],
    energy_drawn: Float[Array, " m"],
    log_q_drawn: Float[Array, " m"],
    log_z: Float[Array, ""],
    log_weight_data: Float[Array, " n"] | None = None,
    log_weight_drawn: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Eq. 8, in nats: log Z + E_p[E] - nu E_q[log q] + (1 + nu) E_mu[log mu~], mu~ = (p_theta + nu q)/(1 + nu).

    The discriminator's loss is this plus the constant (1 + nu) log(1 + nu) - nu log nu, which the paper leaves out (X1: 2 log 2 at nu = 1).
    nu is the ratio of the summed weights; m/n where no weights are given.

    Example:
        >>> import jax.numpy as jnp
        >>> zero = jnp.zeros(1)
        >>> float(decomposition(zero, zero, zero, zero, jnp.array(0.0)))  # p_theta = q = 1, so that D = 1/2: the loss is 2 log 2
        0.0
    """
    weight_data = jnp.zeros_like(energy_data) if log_weight_data is None else log_weight_data
    weight_drawn = jnp.zeros_like(energy_drawn) if log_weight_drawn is None else log_weight_drawn
    log_nu = jax.nn.logsumexp(weight_drawn) - jax.nn.logsumexp(weight_data)
    nu = jnp.exp(log_nu)
    neg_energy = -jnp.concatenate([energy_data, energy_drawn]) - log_z
    log_q = jnp.concatenate([log_q_data, log_q_drawn])
    log_mixture = jnp.logaddexp(neg_energy, log_nu + log_q) - jnp.log1p(nu)
    on_data, on_drawn = weighted_mean(energy_data, weight_data), weighted_mean(log_q_drawn, weight_drawn)
    on_both = weighted_mean(log_mixture, jnp.concatenate([weight_data, weight_drawn]))
    return log_z + on_data - nu * on_drawn + (1.0 + nu) * on_both
