"""Gibbs sampling of 0/1 vectors, one site at a time, for any energy.

    P(x_i = 1 | the others) = sigmoid(E(x with x_i = 0) - E(x with x_i = 1)),     i = 1 .. d in turn

One step is one sweep. Each conditional leaves the law invariant, and so does the sweep; it is not reversible, which nothing here needs.

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
        dim = state.position.shape[0]

        def visit(state: GibbsState, site: tuple[Int[Array, ""], Float[Array, ""]]) -> tuple[GibbsState, None]:
            index, threshold = site
            flipped = state.position.at[index].set(1 - state.position[index])
            there = energy(flipped)
            # Both sides infinite: stay. An infinite energy at the current site alone: leave it.
            moves = threshold < jnp.where(jnp.isposinf(there), -jnp.inf, state.energy - there)
            return GibbsState(jnp.where(moves, flipped, state.position), jnp.where(moves, there, state.energy)), None

        thresholds = jax.random.logistic(key, (dim,), state.energy.dtype)
        state, _ = jax.lax.scan(visit, state, (jnp.arange(dim), thresholds))
        return state, StepInfo(jnp.ones_like(state.energy), jnp.array(dim))
