"""Stages see the states of all seeds at once, as the run does: mapped over a leading axis of every array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx


def of_seeds(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function(algorithm, *states)`` mapped over a leading axis of every array of ``states``; nothing is compiled here.

    Example:
        >>> import jax.numpy as jnp
        >>> of_seeds(lambda rate, x, y: rate * x + y)(0.5, jnp.array([2.0, 4.0]), jnp.array([1.0, 1.0])).tolist()
        [2.0, 3.0]
    """

    def of_all(algorithm: Any, *states: Any) -> Any:
        mapped = eqx.filter_vmap(lambda algorithm, states: function(algorithm, *states), in_axes=(None, eqx.if_array(0)))
        return mapped(algorithm, states)

    return of_all
