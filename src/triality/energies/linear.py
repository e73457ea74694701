"""An energy linear in given features: the exponential family, where maximum likelihood is matching feature means.

E(x) = theta . f(x),     gradient of the likelihood loss: E_p[f] - E_{p_theta}[f]
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Num


class LinearEnergy(eqx.Module):
    """theta . f(x); ``features`` are fixed, ``weights`` are learned. A feature with a large positive weight is unlikely.

    Example:
        >>> import jax.numpy as jnp
        >>> float(LinearEnergy(lambda x: jnp.stack([x, x**2]), jnp.array([1.0, 0.5]))(jnp.array(2.0)))
        4.0
    """

    features: Callable[[Array], Float[Array, " k"]] = eqx.field(static=True)
    weights: Float[Array, " k"]

    def __call__(self, x: Num[Array, " *shape"]) -> Float[Array, ""]:
        return self.weights @ self.features(x)


def pairwise_features(x: Num[Array, " dim"]) -> Float[Array, " k"]:
    """x and all products x_i x_j, i < j: the features of a Boltzmann machine without hidden units (Ackley, Hinton, Sejnowski 1985).

    Example:
        >>> import jax.numpy as jnp
        >>> pairwise_features(jnp.array([1, 0, 1])).tolist()
        [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    """
    x = x.astype(float)
    row, column = jnp.triu_indices(x.shape[0], 1)
    return jnp.concatenate([x, x[row] * x[column]])
