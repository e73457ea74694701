"""NADE: a binary vector bit by bit, every conditional reading one running hidden sum (Larochelle & Murray 2011).

    log q(x) = sum_i log sigmoid(+-(b_i + V_i . h_i)),     h_i = sigmoid(a_i),     a_1 = c,     a_{i+1} = a_i + x_i W_i

The sum moves by one row a bit, so a density costs O(dim * hidden), and so does a draw, where a masked perceptron pays that for every
coordinate. One scan serves both: it reads the next bit, or it draws it.
Reference: AISTATS 2011, PMLR 15:29-37.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.errors import ConfigError
from triality.sampler import AbstractSampler


class Nade(AbstractSampler[Int[Array, " dim"]]):
    """Zeros and ones, in their natural order; density with respect to counting measure. Draws carry no gradient.

    Args:
        weight: W, what a one adds to the hidden units of the bits after it. Its last row is idle: nothing comes after the last bit.
        readout: V, from the hidden units to each bit's log-odds.
        hidden_bias: c.
        bias: b, the log-odds of each bit where the readout is zero.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.partition.exact import binary_vectors
        >>> q = nade(jax.random.key(0), 3, hidden=4)
        >>> float(jax.nn.logsumexp(jax.vmap(q.log_prob)(binary_vectors(3))).__round__(9)) + 0.0
        0.0
    """

    weight: Float[Array, "dim hidden"]
    readout: Float[Array, "dim hidden"]
    hidden_bias: Float[Array, " hidden"]
    bias: Float[Array, " dim"]

    def log_prob(self, x: Int[Array, " dim"]) -> Float[Array, ""]:
        """Sum of the conditionals; -inf where a value is neither 0 nor 1."""
        log_odds = self.logits(x)
        inside = (x == 0) | (x == 1)
        return jnp.sum(jnp.where(inside, jax.nn.log_sigmoid(jnp.where(x == 1, log_odds, -log_odds)), -jnp.inf))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " dim"], Float[Array, ""]]:
        """A bit is one where logistic noise lies below its log-odds."""
        noise = jax.random.logistic(key, self.bias.shape, self.bias.dtype)
        x, log_odds = self._bit_by_bit(noise, lambda noise, log_odds: (noise < log_odds).astype(jnp.int32))
        return x, jnp.sum(jax.nn.log_sigmoid(jnp.where(x == 1, log_odds, -log_odds)))

    def logits(self, x: Int[Array, " dim"]) -> Float[Array, " dim"]:
        """Log-odds of a one, for every bit given those before it."""
        return self._bit_by_bit(x, lambda x, log_odds: x)[1]

    def _bit_by_bit(
        self, given: PyTree, choose: Callable[[Array, Float[Array, ""]], Int[Array, ""]]
    ) -> tuple[Int[Array, " dim"], Float[Array, " dim"]]:
        """The bits that ``choose(given_i, log-odds of bit i)`` gives, and those log-odds."""

        def step(a: Float[Array, " hidden"], row: PyTree) -> tuple[Float[Array, " hidden"], tuple[Int[Array, ""], Float[Array, ""]]]:
            given, weight, readout, bias = row
            log_odds = bias + readout @ jax.nn.sigmoid(a)
            bit = choose(given, log_odds)
            return a + jnp.where(bit == 1, weight, 0.0), (bit, log_odds)

        return jax.lax.scan(step, self.hidden_bias, (given, self.weight, self.readout, self.bias))[1]


def nade(key: Key[Array, ""], dim: int, hidden: int = 128, marginals: Float[Array, " dim"] | None = None) -> Nade:
    """A NADE that begins at independent bits: with ``marginals``, the probability of a one strictly between 0 and 1, or uniform.

    Raises:
        ConfigError: no bit, or no hidden unit.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> q = nade(jax.random.key(0), 2, marginals=jnp.array([0.5, 0.25]))
        >>> float(jnp.exp(q.log_prob(jnp.array([1, 1]))).__round__(6))
        0.125
    """
    if dim < 1 or hidden < 1:
        raise ConfigError(f"expected at least one bit and one hidden unit, got dim = {dim}, hidden = {hidden}; check the data")
    weight = jax.random.normal(key, (dim, hidden)) / jnp.sqrt(dim)
    bias = jnp.zeros(dim) if marginals is None else jnp.log(marginals) - jnp.log1p(-marginals)
    return Nade(weight, jnp.zeros((dim, hidden)), jnp.zeros(hidden), bias)
