"""Block Gibbs sampling of 0/1 vectors: all sites of a block at once, as the two layers of a restricted Boltzmann machine in turn.

    E(v, h) = -b.v - c.h - v.W h:      h_j ~ sigmoid(c_j + (v W)_j) for all j at once,      v_i ~ sigmoid(b_i + (W h)_i) for all i at once

Right only where the sites of a block do not interact: given the rest, they are independent. Annealed between such an energy and independent
bits, they still are. For one energy with interactions inside a block, take ``Gibbs``.

References: Smolensky, Information processing in dynamical systems: foundations of harmony theory, 1986; Hinton, Training products of
experts by minimizing contrastive divergence, Neural Computation 14 (2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Num

from triality.energy import Energy
from triality.errors import ConfigError
from triality.kernels.gibbs import GibbsState
from triality.kernels.kernel import StepInfo


class BlockGibbs(eqx.Module):
    """A sweep over blocks; d evaluations of the energy and one more a block, those of a block in parallel.

    Args:
        blocks: sites of each block, every site in one of them; the order is that of the sweep. Static.

    Raises:
        ConfigError: a site is missing, or in two blocks.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> bipartite = lambda x: 100.0 * (x[0] + x[1]) * (1 - x[2]) - 100.0 * x[2]
        >>> kernel = BlockGibbs(((2,), (0, 1)))
        >>> state, info = kernel.step(jax.random.key(0), kernel.init(jnp.array([0, 0, 0]), bipartite), bipartite)
        >>> int(state.position[2]), int(info.num_energies)
        (1, 5)
    """

    is_exact: ClassVar[bool] = True
    blocks: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(self, blocks: Sequence[Sequence[int]]):
        self.blocks = tuple(tuple(block) for block in blocks)
        sites = sorted(site for block in self.blocks for site in block)
        if not sites or sites != list(range(len(sites))):
            raise ConfigError(f"expected every site in one block, from 0 on, got {self.blocks}; name each once")

    def init(self, position: Num[Array, " dim"], energy: Energy[Num[Array, " dim"]]) -> GibbsState:
        """One evaluation.

        Raises:
            ConfigError: the vector has another size than the blocks together.
        """
        dim = sum(len(block) for block in self.blocks)
        if position.shape != (dim,):
            raise ConfigError(f"expected a vector of the {dim} sites in the blocks, got shape {position.shape}; name every site")
        return GibbsState(position, energy(position))

    def step(self, key: Key[Array, ""], state: GibbsState, energy: Energy[Num[Array, " dim"]]) -> tuple[GibbsState, StepInfo]:
        """One sweep in the order of the blocks."""
        thresholds = jax.random.logistic(key, state.position.shape, state.energy.dtype)
        for block in self.blocks:
            state = _drawn_anew(jnp.array(block), thresholds[np.array(block)], state, energy)
        count = state.position.shape[0] + len(self.blocks)
        return state, StepInfo(jnp.ones_like(state.energy), jnp.array(count))


def _drawn_anew(
    sites: Int[Array, " block"], thresholds: Float[Array, " block"], state: GibbsState, energy: Energy[Num[Array, " dim"]]
) -> GibbsState:
    """The block drawn given the rest. A bit goes where its own energy difference says, the others of the block wherever they are."""

    def when_flipped(site: Int[Array, ""]) -> Float[Array, ""]:
        return energy(state.position.at[site].set(1 - state.position[site]))

    there = jax.vmap(when_flipped)(sites)
    # Both sides infinite: stay.
    moves = thresholds < jnp.where(jnp.isposinf(there), -jnp.inf, state.energy - there)
    bits = state.position[sites]
    position = state.position.at[sites].set(jnp.where(moves, 1 - bits, bits))
    return GibbsState(position, energy(position))
