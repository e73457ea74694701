"""A data set inside a compiled run: weighted rows, and minibatches drawn from them with replacement."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.devices.placement import spread


class DataSet(eqx.Module):
    """n samples and, where they do not count alike, their weights.

    Args:
        x: pytree whose leaves have a leading axis of length n.
        log_weight: of each; all equal if None.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> data = DataSet(jnp.array([[1.0], [2.0]]), jnp.array([-jnp.inf, 0.0]))
        >>> data.minibatch(jax.random.key(0), 3).tolist()
        [[2.0], [2.0], [2.0]]
    """

    x: PyTree
    log_weight: Float[Array, " n"] | None = None

    @property
    def size(self) -> int:
        """n."""
        return jax.tree.leaves(self.x)[0].shape[0]

    def minibatch(self, key: Key[Array, ""], num_samples: int) -> Any:
        """``num_samples`` rows, each drawn by its weight, so that all of them count alike."""
        index = spread(self._indices(key, num_samples))
        return spread(jax.tree.map(lambda leaf: leaf[index], self.x))

    def _indices(self, key: Key[Array, ""], num_samples: int) -> Int[Array, " num_samples"]:
        if self.log_weight is None:
            return jax.random.randint(key, (num_samples,), 0, self.size)
        up_to = jnp.cumsum(jax.nn.softmax(self.log_weight))
        return jnp.searchsorted(up_to, jax.random.uniform(key, (num_samples,)) * up_to[-1], side="right")
