"""A step size from chains themselves: dual averaging toward an acceptance, over many chains at once, before anything is counted.

    log eps_{t+1} = log(10 eps_1) - sqrt(t)/gamma * mean_{s <= t} (target - acceptance_s),     averaged over t with weights t^-kappa

A kernel whose step changes with the past of its chain leaves no law invariant: throw the warm-up's points away as samples, and go on from
their ends with the step size fixed. The mean acceptance over the chains of one step is what is averaged, so that a few dozen steps do.

References: Nesterov, Primal-dual subgradient methods for convex problems, Math. Program. 120 (2009); Hoffman and Gelman, The no-U-turn
sampler, JMLR 15 (2014), section 3.2, whose constants are blackjax's and used here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.energy import Energy
from triality.errors import ConfigError
from triality.kernels.kernel import Kernel
from triality.kernels.langevin import blackjax


class WarmUp(NamedTuple):
    """What a warm-up leaves.

    Fields:
        step_size: the averaged one.
        x: where the chains ended; leaves with a leading axis (num_chains,). Starts for what follows.
        acceptance: mean over chains at each step. Healthy: near the target in its last third.
        num_energies: evaluations of the energy by each chain.
    """

    step_size: Float[Array, "*batch"]
    x: PyTree
    acceptance: Float[Array, "*batch num_steps"]
    num_energies: Int[Array, "*batch num_chains"]


def warm_up(
    key: Key[Array, ""],
    kernel_of: Callable[[Float[Array, ""]], Kernel],
    energy: Energy[Any],
    starts: PyTree,
    num_steps: int,
    target_acceptance: float,
    first_step_size: Float[Array, ""] | float = 0.1,
) -> WarmUp:
    """The step size at which ``kernel_of(step_size)`` accepts with probability ``target_acceptance`` where the chains have arrived.

    Args:
        kernel_of: ``Mala``, or ``lambda eps: HamiltonianMonteCarlo(eps, inverse_mass, 5)``.
        energy: of one sample, in nats.
        starts: one chain from each; leaves with a leading axis.
        num_steps: static; 100 with a few dozen chains.
        target_acceptance: 0.57 for MALA, 0.65 for HMC (``StepInfo``), 0.8 for the no-U-turn sampler.
        first_step_size: a guess; the first steps try ten times that. Off by more than a factor of a hundred, warm up twice.

    Raises:
        ConfigError: a target outside (0, 1), no step, or blackjax is absent.

    Example:
        >>> from triality.kernels.langevin import Mala
        >>> narrow = lambda x: 50.0 * jnp.sum(x**2)
        >>> found = jax.jit(lambda key: warm_up(key, Mala, narrow, jnp.ones((50, 3)), 100, 0.57))(jax.random.key(0))
        >>> bool(0.4 < found.acceptance[-30:].mean() < 0.7)
        True
    """
    if not 0.0 < target_acceptance < 1.0:
        raise ConfigError(f"expected an acceptance between 0 and 1, got target_acceptance={target_acceptance}; 0.57 suits MALA, 0.65 HMC")
    if num_steps < 1:
        raise ConfigError(f"expected at least one step, got num_steps={num_steps}; ask for more")
    blackjax()
    from blackjax.adaptation.step_size import dual_averaging_adaptation

    init, update, final = dual_averaging_adaptation(target_acceptance)
    num_chains = jax.tree.leaves(starts)[0].shape[0]

    def step(carry: tuple[PyTree, PyTree], key: Key[Array, ""]) -> tuple[tuple[PyTree, PyTree], tuple[Array, Array]]:
        states, adaptation = carry
        kernel = kernel_of(jnp.exp(adaptation.log_step_size))
        states, info = jax.vmap(lambda key, state: kernel.step(key, state, energy))(jax.random.split(key, num_chains), states)
        # A trajectory that ran off to where the energy is no number counts as rejected.
        acceptance = jnp.mean(jnp.where(jnp.isnan(info.acceptance), 0.0, info.acceptance))
        return (states, update(adaptation, acceptance)), (acceptance, info.num_energies)

    first = jnp.asarray(first_step_size, float)
    states = jax.vmap(lambda x: kernel_of(first).init(x, energy))(starts)
    (states, adaptation), (acceptance, counts) = jax.lax.scan(step, (states, init(first)), jax.random.split(key, num_steps))
    return WarmUp(final(adaptation), states.position, acceptance, 1 + jnp.sum(counts, axis=0))
