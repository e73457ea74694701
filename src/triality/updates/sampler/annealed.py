"""The same gradients from draws that were first moved toward the target: a mode that q hardly visits is found by the walk, then learned.

    target of the walk:  g(x) = p_theta(x)^power q(x)^(1 - power),     annealed from q, weights w
    estimate:            -sum_i softmax(log w)_i d log q(x_i)         of -E_g[ d log q ]

At power 2 this is flow annealed importance sampling bootstrap (FAB) without its buffer: d log E_q[(p_theta/q)^2], with the samples where
that integrand is. Without a walk (two temperatures) it is ``WeightedLikelihood``. The walk costs ``num_temperatures`` steps of the kernel
for each draw; what neither q nor its walk reaches stays lost. The value of the scalar means nothing.

Reference: Midgley, Stimper, Simm, Schölkopf, Hernández-Lobato, arXiv:2208.01893, equations 5 and 9.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energies.sum import frozen
from triality.energy import UnnormalizedDensity
from triality.kernels.kernel import Kernel
from triality.partition.annealed import anneal
from triality.sampler import AbstractSampler, Samples


class PowerEnergy(eqx.Module):
    """power E(x) + (power - 1) log q(x): minus the log of p_theta^power q^(1 - power), up to a constant.

    Example:
        >>> from triality.energy import Constant
        >>> from triality.samplers.gaussian import Gaussian
        >>> density, q = UnnormalizedDensity(lambda x: 3.0 * x[0], Constant(jnp.zeros(()))), Gaussian(jnp.zeros(1), jnp.zeros(1))
        >>> float(PowerEnergy(density, q, jnp.array(2.0))(jnp.ones(1)).round(4))  # 6 + log N(1)
        4.5811
    """

    density: UnnormalizedDensity
    sampler: AbstractSampler[Any]
    power: Float[Array, ""]

    def __call__(self, x: Any) -> Float[Array, ""]:
        return self.power * self.density.energy(x) + (self.power - 1.0) * self.sampler.log_prob(x)


class AnnealedLikelihood(eqx.Module):
    """Likelihood of annealed draws under their weights.

    Args:
        kernel: of the walk; must leave its law invariant, as ``Mala`` does.
        inverse_temperatures: from 0 to 1; ``sigmoid_temperatures(8)``, or equal steps.
        power: 2 for the variance of the weights, 1 for the forward KL.
        num_samples: walks of one gradient.

    Example:
        >>> from triality.energy import Constant
        >>> from triality.kernels.langevin import Mala
        >>> from triality.samplers.gaussian import Gaussian
        >>> gradient = AnnealedLikelihood(Mala(0.1), jnp.linspace(0.0, 1.0, 5))
        >>> density = UnnormalizedDensity(lambda x: 0.5 * jnp.sum((x - 3.0) ** 2), Constant(jnp.zeros(())))
        >>> none = Samples.unweighted(jnp.zeros((1, 1)), jnp.zeros(1))
        >>> q = Gaussian(jnp.zeros(1), jnp.zeros(1))
        >>> bool(eqx.filter_grad(lambda q: gradient(jax.random.key(0), q, density, none))(q).mean[0] < 0)  # the mean has to rise
        True
    """

    kernel: Kernel
    inverse_temperatures: Float[Array, " temperatures"]
    power: Float[Array, ""] = eqx.field(default=2.0, converter=jnp.asarray)
    num_samples: int = eqx.field(default=512, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        still = frozen(sampler)
        target = PowerEnergy(density, still, self.power)
        walks = anneal(key, target, still, self.kernel, self.inverse_temperatures, self.num_samples)
        x, log_weight = jax.lax.stop_gradient((walks.x, walks.log_weight))
        return -jnp.sum(jax.nn.softmax(log_weight) * jax.vmap(sampler.log_prob)(x))
