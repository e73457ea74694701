"""Maximum a posteriori: a loss and a Gaussian prior of the weights, which counts less the more data there are.

    loss - (1/n) sum_theta log N(theta; 0, scale^2)  =  loss + |theta|^2 / (2 scale^2 n) + a constant

Where the number of data is small beside that of the parameters this is what keeps a generator from learning them by heart.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.objectives.generator_loss import GeneratorLoss, Likelihood
from triality.sampler import Samples


class WithWeightPrior(eqx.Module):
    """``loss`` and the prior; every inexact array of the generator is a weight.

    Args:
        num_data: n, samples that the loss is a mean over.
        scale: standard deviation of the prior.
        loss: nats a sample.

    Example:
        >>> from triality.samplers.gaussian import Gaussian
        >>> data = Samples.unweighted(jnp.zeros((4, 1)), jnp.zeros(4))
        >>> plain, prior = Likelihood(), WithWeightPrior(10, 0.5)
        >>> q = Gaussian(jnp.ones(1), jnp.zeros(1))
        >>> difference = prior(jax.random.key(0), q, data, jnp.array(0)) - plain(jax.random.key(0), q, data, jnp.array(0))
        >>> round(float(difference), 6)  # 1/(2 * 0.25 * 10)
        0.2
    """

    num_data: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    scale: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    loss: GeneratorLoss = Likelihood()

    def __call__(self, key: Key[Array, ""], sampler: Any, data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]:
        leaves = jax.tree.leaves(eqx.filter(sampler, eqx.is_inexact_array))
        norm = sum((jnp.sum(leaf**2) for leaf in leaves), jnp.zeros(()))
        return self.loss(key, sampler, data, iteration) + norm / (2.0 * self.scale**2 * self.num_data)
