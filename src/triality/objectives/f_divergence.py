"""The critic of any f-divergence: density-aware, T = f'(p_theta/q), and free, T = f'(exp(v)) of a network that is blind to q (D6).

    L = -( E_p[ f'(r) ] - E_q[ r f'(r) - f(r) ] ),     log r = -E(x) - log Z - log q(x)

minimized by p_theta = p, at -D_f(p || q): **the value is no sign of progress of the energy while q moves.** With KL, Jensen-Shannon and
reverse KL the optimal log Z is importance sampling, the acceptance ratio, and the reciprocal estimator: guided cost learning, the GAN
and a data-only estimator are one loss with another f. Both sides count as means, whatever the noise ratio.

A plain mean of r, r^2 or 1/r in the loss has the variance of those powers: only Jensen-Shannon and Hellinger are mild far from p_theta = q.

Reference: Nowozin, Cseke, Tomioka, f-GAN (arXiv:1606.00709).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Float, PyTree

from triality.energy import UnnormalizedDensity
from triality.numerics import weighted_mean
from triality.objectives.discriminator import log_odds
from triality.objectives.divergence import Divergence, JensenShannon
from triality.objectives.masking import filled
from triality.sampler import Samples


class CriticMetrics(NamedTuple):
    """Never needed next.

    Fields:
        bound: E_p[f'(r)] - E_q[f*(f'(r))], a lower bound on D_f(p || q) for independent samples.
        log_ratio_data: mean log r at the data, nats.
        log_ratio_drawn: the same at the drawn samples; at p_theta = p they are KL(p || q) and -KL(q || p).
    """

    bound: Float[Array, ""]
    log_ratio_data: Float[Array, ""]
    log_ratio_drawn: Float[Array, ""]


def critic_loss(
    divergence: Divergence,
    log_ratio_data: Float[Array, " n"],
    log_ratio_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"],
    log_weight_drawn: Float[Array, " m"],
) -> Float[Array, ""]:
    """-(mean_p f'(r) - mean_q [r f'(r) - f(r)]).

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.objectives.divergence import Pearson
        >>> one = jnp.zeros(1)
        >>> float(critic_loss(Pearson(), jnp.log(jnp.array([2.0])), jnp.log(jnp.array([0.5])), one, one))  # -(2(2 - 1) - (1/4 - 1))
        -2.75
    """
    on_data = weighted_mean(divergence.slope(log_ratio_data), log_weight_data)
    return weighted_mean(divergence.conjugate(log_ratio_drawn), log_weight_drawn) - on_data


class FDivergenceLoss(eqx.Module):
    """The density-aware critic of a divergence; ``JensenShannon`` is the discriminator's loss at nu = 1 up to a constant."""

    divergence: Divergence = JensenShannon()

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], CriticMetrics]:
        data, drawn = filled(data), filled(drawn)
        return _loss(self.divergence, log_odds(density, data), log_odds(density, drawn), data, drawn)


class FreeFDivergenceLoss(eqx.Module):
    """The free critic of f-GAN, with T = f'(exp(v)): every v is allowed, and v* = log p - log q. Never reads log q."""

    divergence: Divergence = JensenShannon()

    def __call__(
        self, critic: Callable[[PyTree], Float[Array, ""]], data: Samples, drawn: Samples
    ) -> tuple[Float[Array, ""], CriticMetrics]:
        data, drawn = filled(data), filled(drawn)
        return _loss(self.divergence, jax.vmap(critic)(data.x), jax.vmap(critic)(drawn.x), data, drawn)


def _loss(
    divergence: Divergence, on_data: Float[Array, " n"], on_drawn: Float[Array, " m"], data: Samples, drawn: Samples
) -> tuple[Float[Array, ""], CriticMetrics]:
    loss = critic_loss(divergence, on_data, on_drawn, data.log_weight, drawn.log_weight)
    means = weighted_mean(on_data, data.log_weight), weighted_mean(on_drawn, drawn.log_weight)
    return loss, CriticMetrics(-loss, *means)
