"""Gibbs sampling of 0/1 vectors, one site at a time, for any energy.

    P(x_i = 1 | the others) = sigmoid(E(x with x_i = 0) - E(x with x_i = 1)),     i = 1 .. d in turn

A step of ``Gibbs`` is one sweep; one of ``RandomScanGibbs`` visits sites drawn at random. Each conditional leaves the law invariant, and so
do both; the sweep is not reversible, which nothing here needs.

Reference: Geman and Geman, Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images, IEEE PAMI 6 (1984).
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from triality.energy import Energy
from triality.kernels.kernel import StepInfo


class GibbsState(NamedTuple):
    """A 0/1 vector and its energy."""

    position: Num[Array, "*batch dim"]
    energy: Float[Array, "*batch"]


class Gibbs(eqx.Module):
    """A sweep over all sites; d evaluations of the energy. Entries of x are 0 and 1, of an integer or floating type, which they keep.

    The energy is evaluated whole at every site: right for any energy, and slower than need be for one whose change at a site is cheap.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> kernel, energy = Gibbs(), lambda x: 100.0 * (x[0] - x[1]) ** 2 - 100.0 * x[1]
        >>> state, info = kernel.step(jax.random.key(0), kernel.init(jnp.array([0, 1]), energy), energy)
        >>> state.position.tolist(), int(info.num_energies)
        ([1, 1], 2)
    """

    is_exact: ClassVar[bool] = True

    def init(self, position: Num[Array, " dim"], energy: Energy[Num[Array, " dim"]]) -> GibbsState:
        """One evaluation."""
        return GibbsState(position, energy(position))

    def step(self, key: Key[Array, ""], state: GibbsState, energy: Energy[Num[Array, " dim"]]) -> tuple[GibbsState, StepInfo]:
        """One sweep in the order of the sites."""
        return _visited(key, state, energy, jnp.arange(state.position.shape[0]))


class RandomScanGibbs(eqx.Module):
    """Visits to sites drawn at random, with replacement; reversible, which a sweep is not, and slower to see every site.

    Args:
        num_visits: a step, static; as many evaluations of the energy.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> kernel, energy = RandomScanGibbs(3), lambda x: jnp.sum(0.5 * x)
        >>> _, info = kernel.step(jax.random.key(0), kernel.init(jnp.array([0, 1]), energy), energy)
        >>> int(info.num_energies)
        3
    """

    is_exact: ClassVar[bool] = True
    num_visits: int = eqx.field(default=1, static=True)

    def init(self, position: Num[Array, " dim"], energy: Energy[Num[Array, " dim"]]) -> GibbsState:
        """One evaluation."""
        return GibbsState(position, energy(position))

    def step(self, key: Key[Array, ""], state: GibbsState, energy: Energy[Num[Array, " dim"]]) -> tuple[GibbsState, StepInfo]:
        """``num_visits`` sites, one after the other."""
        key_sites, key = jax.random.split(key)
        return _visited(key, state, energy, jax.random.randint(key_sites, (self.num_visits,), 0, state.position.shape[0]))


def _visited(
    key: Key[Array, ""], state: GibbsState, energy: Energy[Num[Array, " dim"]], sites: Int[Array, " visits"]
) -> tuple[GibbsState, StepInfo]:
    """Each of the ``sites`` drawn anew given the others, in their order."""

    def visit(state: GibbsState, site: tuple[Int[Array, ""], Float[Array, ""]]) -> tuple[GibbsState, None]:
        index, threshold = site
        flipped = state.position.at[index].set(1 - state.position[index])
        there = energy(flipped)
        # Both sides infinite: stay. An infinite energy at the current site alone: leave it.
        moves = threshold < jnp.where(jnp.isposinf(there), -jnp.inf, state.energy - there)
        return GibbsState(jnp.where(moves, flipped, state.position), jnp.where(moves, there, state.energy)), None

    thresholds = jax.random.logistic(key, sites.shape, state.energy.dtype)
    state, _ = jax.lax.scan(visit, state, (sites, thresholds))
    return state, StepInfo(jnp.ones_like(state.energy), jnp.array(sites.shape[0]))
