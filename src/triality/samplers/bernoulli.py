"""Independent Bernoulli coordinates: the baseline of every binary generator; density with respect to counting measure."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.sampler import AbstractSampler


class Bernoulli(AbstractSampler[Int[Array, " dim"]]):
    """x_i = 1 with probability sigmoid(logits_i).

    Example:
        >>> import jax.numpy as jnp
        >>> float(jnp.exp(Bernoulli(jnp.log(jnp.array([1.0, 3.0]))).log_prob(jnp.array([1, 0]))).__round__(4))  # 1/2 times 1/4
        0.125
    """

    logits: Float[Array, " dim"]

    def log_prob(self, x: Int[Array, " dim"]) -> Float[Array, ""]:
        """Sum of log sigmoid(+-logits); -inf where a value is neither 0 nor 1."""
        inside = (x == 0) | (x == 1)
        return jnp.sum(jnp.where(inside, jax.nn.log_sigmoid(jnp.where(x == 1, self.logits, -self.logits)), -jnp.inf))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " dim"], Float[Array, ""]]:
        x = (jax.random.uniform(key, self.logits.shape) < jax.nn.sigmoid(self.logits)).astype(jnp.int32)
        return x, self.log_prob(x)


def fit_bernoulli(x: Int[Array, "n dim"], log_weight: Float[Array, " n"] | None = None, pseudo_count: float = 1.0) -> Bernoulli:
    """Frequencies, with ``pseudo_count`` observations of each value added so that nothing has probability zero.

    Example:
        >>> import jax.numpy as jnp
        >>> fit_bernoulli(jnp.array([[1, 0], [1, 0]])).logits.round(4).tolist()  # log 3, -log 3
        [1.0986, -1.0986]
    """
    n = x.shape[0]
    weight = jnp.ones(n) if log_weight is None else n * jax.nn.softmax(log_weight)
    ones = weight @ x.astype(float)
    return Bernoulli(jnp.log(ones + pseudo_count) - jnp.log(n - ones + pseudo_count))
