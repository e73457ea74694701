"""Many chains at once: a scan over steps of a vmap over chains, compiled as one program.

    x_0 = start,     x_{t+1} ~ K(.|x_t)

Chains that have not mixed carry their starts with them: judge them by chains from different starts (``kernels.mixing``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.energy import Energy
from triality.errors import ConfigError
from triality.kernels.kernel import Kernel, StepInfo


class Chains(NamedTuple):
    """Chains after a run.

    Fields:
        x: where each ended; leaves with a leading axis (num_chains,).
        path: where each was after every step; leaves with leading axes (num_steps, num_chains). Under ``jit`` it costs nothing if unread.
        acceptance: of each step.
        num_energies: evaluations of the energy by each chain in all, its start included.
    """

    x: PyTree
    path: PyTree
    acceptance: Float[Array, "num_steps num_chains"]
    num_energies: Int[Array, " num_chains"]


def run_chains(key: Key[Array, ""], kernel: Kernel, energy: Energy[Any], starts: PyTree, num_steps: int) -> Chains:
    """``num_steps`` steps of one chain from each of the ``starts``.

    Args:
        kernel: of one chain.
        energy: of one sample, in nats.
        starts: pytree whose leaves have a leading axis of length num_chains.
        num_steps: static.

    Raises:
        ConfigError: less than one step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.kernels.gibbs import Gibbs
        >>> field = jnp.array([-1.0, 2.0])
        >>> chains = run_chains(jax.random.key(0), Gibbs(), lambda x: field @ x, jnp.zeros((2000, 2)), 5)
        >>> jnp.abs(chains.x.mean(axis=0) - jax.nn.sigmoid(-field)).max() < 0.05  # independent bits: exact after one sweep
        Array(True, dtype=bool)
        >>> chains.path.shape, int(chains.num_energies[0])
        ((5, 2000, 2), 11)
    """
    if num_steps < 1:
        raise ConfigError(f"expected at least one step, got num_steps={num_steps}; ask for more")

    def step(states: PyTree, key: Key[Array, ""]) -> tuple[PyTree, tuple[PyTree, StepInfo]]:
        states, info = jax.vmap(lambda key, state: kernel.step(key, state, energy))(jax.random.split(key, num_chains), states)
        return states, (states.position, info)

    num_chains = jax.tree.leaves(starts)[0].shape[0]
    states = jax.vmap(lambda x: kernel.init(x, energy))(starts)
    states, (path, info) = jax.lax.scan(step, states, jax.random.split(key, num_steps))
    return Chains(states.position, path, info.acceptance, 1 + jnp.sum(info.num_energies, axis=0))
