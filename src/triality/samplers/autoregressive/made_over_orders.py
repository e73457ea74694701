"""MADE in many orders at once: one set of weights, the mean of its densities over several orders of the coordinates.

    q(x) = 1/K sum_k q_k(x),     q_k: the conditionals in the order o_k

Trained in an order drawn anew for each minibatch, the weights can lean on none of them; the mean over a few then averages away what each
overfits. On small tables this is worth nats. A density costs K passes, a draw one pass and K for its density.
References: Uria, Murray, Larochelle, A deep and tractable density estimator, arXiv:1310.1757; Germain et al., MADE, arXiv:1502.03509.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.numerics import log_mean_exp
from triality.sampler import AbstractSampler
from triality.samplers.autoregressive.masked_levels import MaskedLevels, masked_levels


class MadeOverOrders(AbstractSampler[Int[Array, " dim"]]):
    """A mixture over orders with shared weights; density with respect to counting measure. Draws carry no gradient.

    Args:
        conditionals: of every coordinate given those before it. An input for every level: one not seen must not look like a zero.
        orders: K permutations; the coordinate ``orders[k, 0]`` is the first of order k.

    Example:
        >>> from triality.partition.exact import binary_vectors
        >>> q = made_over_orders(jax.random.key(0), 3, num_orders=2)
        >>> float(jax.nn.logsumexp(jax.vmap(q.log_prob)(binary_vectors(3))).__round__(9)) + 0.0
        0.0
    """

    conditionals: MaskedLevels
    orders: Int[Array, "orders dim"]

    def log_prob(self, x: Int[Array, " dim"]) -> Float[Array, ""]:
        """-inf where a value is outside 0 .. num_levels - 1."""
        return log_mean_exp(jax.vmap(lambda order: self.log_prob_in(order, x))(self.orders))

    def log_prob_in(self, order: Int[Array, " dim"], x: Int[Array, " dim"]) -> Float[Array, ""]:
        """log q_k(x) of any order, one of the K or not."""
        return self.conditionals.log_prob(x, jnp.argsort(order) + 1)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " dim"], Float[Array, ""]]:
        """In one of the orders, picked by chance; the density is that of all."""
        key_order, key_draw = jax.random.split(key)
        x, _ = self.conditionals.draw(key_draw, jax.random.choice(key_order, self.orders))
        return x, self.log_prob(x)


def made_over_orders(
    key: Key[Array, ""],
    dim: int,
    hidden: Sequence[int] = (128,),
    num_orders: int = 8,
    num_levels: int = 2,
    marginals: Float[Array, "dim levels"] | None = None,
) -> MadeOverOrders:
    """One that begins at independent coordinates, with random orders; trained by ``triality.objectives.order_agnostic``.

    Raises:
        ConfigError: no order, no coordinate, fewer than two levels, or no hidden layer.
    """
    if num_orders < 1:
        raise ConfigError(f"expected at least one order, got num_orders = {num_orders}; 8 is usual")
    key_net, key_orders = jax.random.split(key)
    conditionals = masked_levels(key_net, dim, hidden, num_levels, num_levels, marginals)
    orders = jax.vmap(lambda key: jax.random.permutation(key, dim))(jax.random.split(key_orders, num_orders))
    return MadeOverOrders(conditionals, orders)
