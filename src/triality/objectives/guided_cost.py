"""The guided-cost loss: minus log likelihood with log Z by importance sampling (section 2.3.2, eqs. 4 and 5).

    L = E_p[E(x)] + log mean_mu[ exp(-E(x)) / mu~(x) ],    weights 1/mu~ frozen (section 3.2.2, X14)

    drawn samples only:  mu = q,                       mu~ = q
    mixture:             mu = alpha p + (1-alpha) q,   mu~ = alpha p~ + (1-alpha) q,   alpha = n_p/(n_p + n_q)     (D3)

p~ is a ``Reference``: the model itself (then this loss has the discriminator's gradient, fact 2), a density that is given or was fitted to
the demonstrations, or the previous iterate. The value estimates minus log likelihood in nats, up to the bias of log Z (X8); it is
meaningless where the effective sample size is a handful: watch ``ess``.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from triality.energy import UnnormalizedDensity
from triality.numerics import effective_sample_size, log_mean_exp, weighted_mean
from triality.objectives.masking import filled
from triality.sampler import AbstractDensity, Samples, log_noise_ratio


class GuidedCostMetrics(NamedTuple):
    """Never needed next.

    Fields:
        log_z: the estimate inside the loss, in nats.
        ess: effective sample size of the importance weights before any smoothing; near 1 means one sample decides.
        ess_fraction: the same over the number of weighted samples, in (0, 1].
        power: exponent that the smoothing put on the weights; 1 = none.
    """

    log_z: Float[Array, ""]
    ess: Float[Array, ""]
    ess_fraction: Float[Array, ""]
    power: Float[Array, ""]


@runtime_checkable
class Reference(Protocol):
    """p~ of the mixture weights: a rough estimate of the density of the data."""

    def __call__(self, density: UnnormalizedDensity, x: PyTree) -> Float[Array, " n"]: ...


class ModelReference(eqx.Module):
    """p~ = p_theta, with its current log Z (eq. 5): self-consistent, and bounded by Z/alpha. Its Z is right only as X8 says."""

    def __call__(self, density: UnnormalizedDensity, x: PyTree) -> Float[Array, " n"]:
        return jax.vmap(density.log_prob)(x)


class DensityReference(eqx.Module):
    """p~ = a density of its own: given, fitted to the demonstrations, or the previous iterate of the model."""

    density: AbstractDensity

    def __call__(self, density: UnnormalizedDensity, x: PyTree) -> Float[Array, " n"]:
        del density
        return jax.vmap(self.density.log_prob)(x)


@runtime_checkable
class Smoothing(Protocol):
    """What is done to log importance weights before they weigh a gradient; returns them with the power that was used."""

    def __call__(self, log_weight: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, ""]]: ...


class NoSmoothing(eqx.Module):
    """Weights as they are."""

    def __call__(self, log_weight: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, ""]]:
        return log_weight, jnp.ones((), log_weight.dtype)


class TemperedToSampleSize(eqx.Module):
    """Weights to the largest power beta in [0, 1] that leaves an effective sample size of at least ``fraction`` of the samples.

    The negative phase is then taken under q^(1-beta) p_theta^beta instead of p_theta: a bias toward q that vanishes where q = p_theta, in
    exchange for a gradient that more than one sample decides. beta is found by bisection and reported.
    """

    fraction: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)
    num_bisections: int = eqx.field(default=20, static=True)

    def __call__(self, log_weight: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, ""]]:
        present = ~jnp.isneginf(log_weight)
        wanted = self.fraction * jnp.sum(present)

        def tempered(power: Float[Array, ""]) -> Float[Array, " n"]:
            return jnp.where(present, power * jnp.where(present, log_weight, 0.0), -jnp.inf)

        def halve(_: Int[Array, ""], bracket: tuple[Float[Array, ""], Float[Array, ""]]):
            low, high = bracket
            middle = 0.5 * (low + high)
            enough = effective_sample_size(tempered(middle)) >= wanted
            return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

        zero, one = jnp.zeros((), log_weight.dtype), jnp.ones((), log_weight.dtype)
        low, _ = jax.lax.fori_loop(0, self.num_bisections, halve, (zero, one))
        power = jnp.where(effective_sample_size(log_weight) >= wanted, one, low)
        return tempered(power), power


def importance_term(
    neg_energy: Float[Array, " n"],
    log_proposal: Float[Array, " n"],
    log_count: Float[Array, " n"],
    smoothing: Smoothing,
) -> tuple[Float[Array, ""], GuidedCostMetrics]:
    """log mean[exp(-E)/mu~], whose gradient in E is minus the (smoothed) self-normalized weighted mean of dE.

    Without smoothing the gradient is that of the value; with it, only the weights differ.
    """
    log_ratio = neg_energy - jax.lax.stop_gradient(log_proposal)
    log_z = log_mean_exp(log_ratio, log_count)
    weights = jax.lax.stop_gradient(log_ratio + log_count)
    smoothed, power = smoothing(weights)
    surrogate = weighted_mean(neg_energy, smoothed)
    ess = effective_sample_size(weights)
    fraction = ess / jnp.maximum(jnp.sum(~jnp.isneginf(log_count)), 1)
    value = jax.lax.stop_gradient(log_z)
    return value + surrogate - jax.lax.stop_gradient(surrogate), GuidedCostMetrics(value, ess, fraction, power)


class GuidedCostLoss(eqx.Module):
    """E_p[E] + log Z, log Z from the drawn samples alone (the first formula of section 2.3.2)."""

    smoothing: Smoothing = NoSmoothing()

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], GuidedCostMetrics]:
        data, drawn = filled(data), filled(drawn)
        energy_data = jax.vmap(density.energy)(data.x)
        neg_energy = -jax.vmap(density.energy)(drawn.x)
        log_z, metrics = importance_term(neg_energy, drawn.log_q, drawn.log_weight, self.smoothing)
        return weighted_mean(energy_data, data.log_weight) + log_z, metrics


class MixtureGuidedCostLoss(eqx.Module):
    """E_p[E] + log Z, log Z from data and drawn samples together under alpha p~ + (1 - alpha) q (eq. 4; eq. 5 with the model as p~)."""

    reference: Reference = ModelReference()
    smoothing: Smoothing = NoSmoothing()

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], GuidedCostMetrics]:
        data, drawn = filled(data), filled(drawn)
        energy_data, energy_drawn = jax.vmap(density.energy)(data.x), jax.vmap(density.energy)(drawn.x)
        log_q = jnp.concatenate([data.log_q, drawn.log_q])
        log_p = jnp.concatenate([self.reference(density, data.x), self.reference(density, drawn.x)])
        log_nu = log_noise_ratio(data, drawn)
        log_mixture = jnp.logaddexp(log_p, log_nu + log_q) - jnp.logaddexp(0.0, log_nu)
        neg_energy = -jnp.concatenate([energy_data, energy_drawn])
        log_count = jnp.concatenate([data.log_weight, drawn.log_weight])
        log_z, metrics = importance_term(neg_energy, log_mixture, log_count, self.smoothing)
        return weighted_mean(energy_data, data.log_weight) + log_z, metrics
