"""The same generator with its coordinates in another order: q(x) = q_0(x[order]). Autoregressive generators differ by their order.

Mixtures over orders average away what one order happens to overfit (Uria, Murray, Larochelle, A deep and tractable density estimator,
arXiv:1310.1757).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from triality.sampler import AbstractSampler


class Permuted(AbstractSampler[Num[Array, " dim"]]):
    """``base`` reads x[order]; a permutation changes no volume, so that the density needs no correction.

    Args:
        base: sampler of vectors.
        order: a permutation; coordinate ``order[i]`` of x is the i-th that ``base`` sees.

    Example:
        >>> from triality.samplers.gaussian import Gaussian
        >>> q = Permuted(Gaussian(jnp.array([0.0, 5.0]), jnp.zeros(2)), jnp.array([1, 0]))
        >>> float((q.log_prob(jnp.array([5.0, 0.0])) + jnp.log(2 * jnp.pi)).__round__(6))
        0.0
    """

    base: AbstractSampler[Any]
    order: Int[Array, " dim"]

    def log_prob(self, x: Num[Array, " dim"]) -> Float[Array, ""]:
        return self.base.log_prob(x[self.order])

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Num[Array, " dim"], Float[Array, ""]]:
        y, log_q = self.base.sample_and_log_prob(key)
        return jnp.zeros_like(y).at[self.order].set(y), log_q
