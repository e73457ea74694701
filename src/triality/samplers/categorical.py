"""Categorical distribution over 0 .. n - 1; density with respect to counting measure."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.sampler import AbstractSampler


class Categorical(AbstractSampler[Int[Array, ""]]):
    """Probability softmax(logits).

    Example:
        >>> import jax.numpy as jnp
        >>> float(jnp.exp(Categorical(jnp.log(jnp.array([1.0, 3.0]))).log_prob(jnp.array(1))).__round__(4))
        0.75
    """

    logits: Float[Array, " n"]

    def log_prob(self, x: Int[Array, ""]) -> Float[Array, ""]:
        """log softmax(logits) at index ``x``. An index outside 0 .. n - 1 has density zero, log -inf, never that of a neighbor."""
        inside = (x >= 0) & (x < self.logits.shape[0])
        return jnp.where(inside, jax.nn.log_softmax(self.logits)[x], -jnp.inf)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, ""], Float[Array, ""]]:
        x = jax.random.categorical(key, self.logits)
        return x, self.log_prob(x)

    @property
    def mode(self) -> Int[Array, ""]:
        """The most likely index."""
        return jnp.argmax(self.logits)
