"""Any objective, conditioned on the start state: data and drawn samples are compared within each start, never across (X11).

With one global Z a model of trajectories may win likelihood by re-weighting the starts, which neither side controls. Where every start has
data and drawn samples of its own, and log Z is ``Conditional``, that degree of freedom is gone.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.energy import UnnormalizedDensity
from triality.sampler import Samples


@runtime_checkable
class Objective(Protocol):
    """A pure function of a density and two sets of samples: the loss to minimize, in nats, and its metrics."""

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], Any]: ...


@runtime_checkable
class Shared(Protocol):
    """An objective of which a part is computed from the samples of all starts together, and only the rest start by start."""

    def shared(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Objective, Samples, Samples]:
        """The objective that is left, and the samples that it takes: as many, in the same order, with more to each."""
        ...


class ByStart(eqx.Module):
    """The mean over starts of ``objective``, each start with its one data sample and its own share of the drawn samples.

    ``drawn`` must be ordered by start: with n data and m drawn samples, drawn samples i m/n .. (i+1) m/n - 1 belong to data sample i.
    A data sample's weight is the weight of its start. What an objective shares between starts is computed before they are told apart.

    Raises:
        ValueError: where m is no multiple of n.
    """

    objective: Objective

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], Any]:
        num_starts, num_drawn = data.log_q.shape[0], drawn.log_q.shape[0]
        if num_drawn % num_starts:
            raise ValueError(f"expected drawn samples in equal shares for {num_starts} starts, got {num_drawn}; draw a multiple of it")
        objective = self.objective
        if isinstance(objective, Shared):
            objective, data, drawn = objective.shared(density, data, drawn)
        one_each = jax.tree.map(lambda leaf: leaf[:, None], data._replace(log_weight=jnp.zeros_like(data.log_weight)))
        shares = jax.tree.map(lambda leaf: leaf.reshape((num_starts, -1, *leaf.shape[1:])), drawn)
        losses, metrics = jax.vmap(lambda one, share: objective(density, one, share))(one_each, shares)
        weight = jax.nn.softmax(data.log_weight)
        return jnp.sum(weight * losses), jax.tree.map(lambda values: jnp.tensordot(weight, values, 1), metrics)
