"""Feature counts of trajectories: all that relative-entropy and path-integral IRL see of a world."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import DataError
from triality.tabular.demonstrations import TabularDemonstrations


def trajectory_features(
    features: Float[Array, "states actions features"], trajectories: TabularDemonstrations, discount: float = 1.0
) -> Float[Array, "n features"]:
    """f(tau) = sum_t gamma^t f(x_t, u_t) of each trajectory, its own length only.

    Args:
        features: f(x, u).
        trajectories: padded; whatever stands beyond a length is ignored.
        discount: gamma.

    Example:
        >>> batch = TabularDemonstrations(jnp.array([[0, 1, 0]]), jnp.array([[0, 0]]), jnp.array([2]))
        >>> trajectory_features(jnp.eye(2)[:, None, :], batch, 0.5).tolist()
        [[1.0, 0.5]]
    """
    steps = jnp.arange(trajectories.actions.shape[1])
    weight = jnp.where(steps < trajectories.lengths[:, None], discount**steps, 0.0)
    visited = features[trajectories.states[:, :-1], trajectories.actions]
    return jnp.einsum("nt,ntf->nf", weight.astype(features.dtype), visited)


def check_finite(name: str, values: Float[Array, ...]) -> None:
    """That an array of feature counts is finite and not empty.

    Raises:
        DataError: it is not.
    """
    if values.size == 0 or not bool(jnp.all(jnp.isfinite(values))):
        raise DataError(f"expected {name} that are finite and not empty, got shape {values.shape}; check the features of every trajectory")
