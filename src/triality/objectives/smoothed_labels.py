"""Smoothed labels: data count as drawn with a small probability a, and drawn samples as data with another, b.

    L = E_p[(1 - a) softplus(-s) + a softplus(s)] + nu E_q[(1 - b) softplus(s) + b softplus(-s)]

The optimum is shifted, and by how much is known: D* = ((1 - a) p + b nu q)/(p + nu q), so that

    s* = log[(1 - a) p + b nu q] - log[a p + (1 - b) nu q]        instead of log p - log(nu q).

With a = b nothing moves where p = nu q, and s* stays within +-log((1 - a)/a): at nu = 1 the optimum of the game is left alone, but on the
way there the energy is not -log p. With b = 0, one-sided as Salimans et al. advise, s* stays below log((1 - a)/a) alone, and where p = nu q
it is too small by log((1 + a)/(1 - a)). A guard against a discriminator that wins; with a = b = 0 it is the plain loss.

Reference: Salimans et al. 2016, arXiv:1606.03498, section 3.4; Szegedy et al. 2016, arXiv:1512.00567, section 7.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.energy import UnnormalizedDensity
from triality.numerics import weighted_mean
from triality.objectives.discriminator import DiscriminatorMetrics, discriminator_metrics, log_odds
from triality.objectives.masking import filled
from triality.sampler import Samples, log_noise_ratio


class SmoothedLabelsLoss(eqx.Module):
    """The density-aware discriminator's loss with labels 1 - ``of_data`` and ``of_drawn`` in place of 1 and 0. Metrics are the plain ones.

    Args:
        of_data: a, the share of the data called drawn, in [0, 1/2).
        of_drawn: b, the share of the drawn samples called data, in [0, 1/2).

    Example:
        >>> from triality.energy import Constant
        >>> x = Samples.unweighted(jnp.zeros(1), jnp.zeros(1))
        >>> density = UnnormalizedDensity(lambda x: -jnp.log(3.0), Constant(0.0))  # D = 3/4
        >>> float(SmoothedLabelsLoss(0.1, 0.0)(density, x, x)[0].__round__(4))  # 0.9 log 4/3 + 0.1 log 4 + log 4
        1.7838
    """

    of_data: Float[Array, ""] = eqx.field(default=0.1, converter=jnp.asarray)
    of_drawn: Float[Array, ""] = eqx.field(default=0.1, converter=jnp.asarray)

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], DiscriminatorMetrics]:
        data, drawn = filled(data), filled(drawn)
        log_nu = log_noise_ratio(data, drawn)
        on_data, on_drawn = log_odds(density, data, log_nu), log_odds(density, drawn, log_nu)
        loss = weighted_mean(smoothed(-on_data, self.of_data), data.log_weight)
        loss += jnp.exp(log_nu) * weighted_mean(smoothed(on_drawn, self.of_drawn), drawn.log_weight)
        return loss, discriminator_metrics(on_data, on_drawn, data.log_weight, drawn.log_weight)


def smoothed(wrong: Float[Array, " n"], share: Float[Array, ""] | float) -> Float[Array, " n"]:
    """(1 - share) softplus(wrong) + share softplus(-wrong): the cross-entropy of log-odds ``wrong`` for the wrong side.

    Example:
        >>> [round(float(each), 4) for each in smoothed(jnp.array([0.0, 2.0]), 0.25)]
        [0.6931, 1.6269]
    """
    return jax.nn.softplus(wrong) - share * wrong
