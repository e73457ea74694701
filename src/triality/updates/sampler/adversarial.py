"""What the generators of other GANs minimize, on a sampler of known density: without the entropy term, or with D's own losses.

    energy alone:      E_q[E(x)] + weight * pull-away          EBGAN; Wasserstein and Kim & Bengio without entropy at weight 0
    non-saturating:    E_q[softplus(-r)]                        the ordinary GAN's
    minimax:          -E_q[softplus(r)]

The log ratio r is the frozen discriminator's. A free critic f is its own log ratio, r = f = -E; in the density-aware one r also holds
-log q, evaluated at the draw with frozen parameters: differentiating log q's own parameters inside D gives a wrong gradient (D7).
None of them has the reverse-KL optimum; without the entropy a best response is a point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from triality.devices.placement import spread
from triality.energies.sum import frozen
from triality.energy import UnnormalizedDensity
from triality.objectives.margin import pull_away
from triality.objectives.sampler import non_saturating_loss
from triality.sampler import AbstractSampler, Samples
from triality.updates.sampler.gradient import log_ratio

LossOfLogRatio = Callable[[Float[Array, " n"]], Float[Array, ""]]


class EnergyAlone(eqx.Module):
    """E_q[E(x)], through the sample; the generator is not asked to keep any entropy.

    Args:
        num_samples: draws of one gradient.
    """

    num_samples: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x = jax.vmap(sampler.sample)(spread(jax.random.split(key, self.num_samples)))
        return jnp.mean(jax.vmap(density.energy)(x))


class PullAway(eqx.Module):
    """EBGAN's generator: the energy, and the pull-away term on codes of the draws.

    Args:
        code: (density, x) to the code of one draw, such as ``lambda density, x: density.energy.code(x)``.
        weight: of the pull-away term; 0.1 in the paper.
        num_samples: draws of one gradient.
    """

    code: Callable[[UnnormalizedDensity, PyTree], Float[Array, " code"]] = eqx.field(static=True)
    weight: Float[Array, ""] = eqx.field(default=0.1, converter=jnp.asarray)
    num_samples: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x = jax.vmap(sampler.sample)(spread(jax.random.split(key, self.num_samples)))
        codes = jax.vmap(lambda one: self.code(density, one))(x)
        return jnp.mean(jax.vmap(density.energy)(x)) + self.weight * pull_away(codes)


class FreeAdversarial(eqx.Module):
    """A loss of the free critic's log ratio, r = -E(x): the ordinary GAN's generator.

    Args:
        loss: ``non_saturating_loss`` or ``minimax_loss`` of ``triality.objectives.sampler``.
        num_samples: draws of one gradient.
    """

    loss: LossOfLogRatio = eqx.field(default=non_saturating_loss, static=True)
    num_samples: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x = jax.vmap(sampler.sample)(spread(jax.random.split(key, self.num_samples)))
        return self.loss(-jax.vmap(density.energy)(x))


class DensityAwareAdversarial(eqx.Module):
    """The same loss of the density-aware log ratio, q frozen inside it."""

    loss: LossOfLogRatio = eqx.field(default=non_saturating_loss, static=True)
    num_samples: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x = jax.vmap(sampler.sample)(spread(jax.random.split(key, self.num_samples)))
        return self.loss(log_ratio(density, x, jax.vmap(frozen(sampler).log_prob)(x)))
