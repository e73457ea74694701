"""Metropolis with proposals from a sampler of known density: a generator's draws, corrected to follow the energy.

    x' ~ q,     accepted with probability min(1, exp(r(x') - r(x))),     r(x) = -E(x) - log q(x)

Proposals do not know where the chain is, so a barrier is no obstacle; what q misses is never seen. The chain converges geometrically
where r is bounded above, and sticks where it is large. No gradient, and any kind of x.

Reference: Tierney, Markov chains for exploring posterior distributions, Annals of Statistics 22 (1994).
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import Energy
from triality.kernels.kernel import StepInfo
from triality.sampler import AbstractSampler


class IndependenceState(NamedTuple):
    """A position and its log ratio r, in nats."""

    position: Any
    log_ratio: Float[Array, "*batch"]


class IndependenceMetropolis(eqx.Module):
    """One draw of q, accepted or not.

    Args:
        proposal: q, with respect to the measure of the energy.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.samplers.gaussian import Gaussian
        >>> kernel, energy = IndependenceMetropolis(Gaussian(jnp.zeros(1), jnp.zeros(1))), lambda x: 0.5 * jnp.sum(x**2)
        >>> _, info = kernel.step(jax.random.key(0), kernel.init(jnp.ones(1), energy), energy)
        >>> float(info.acceptance.round(6))  # q is the target
        1.0
    """

    is_exact: ClassVar[bool] = True
    proposal: AbstractSampler[Any]

    def init(self, position: Any, energy: Energy[Any]) -> IndependenceState:
        """One evaluation. A position where q has density zero (r = +inf) is never left."""
        return IndependenceState(position, -energy(position) - self.proposal.log_prob(position))

    def step(self, key: Key[Array, ""], state: IndependenceState, energy: Energy[Any]) -> tuple[IndependenceState, StepInfo]:
        """One proposal."""
        key_draw, key_accept = jax.random.split(key)
        position, log_q = self.proposal.sample_and_log_prob(key_draw)
        there = IndependenceState(position, -energy(position) - log_q)
        # Both -inf: go, since there is nothing to lose.
        log_acceptance = jnp.where(jnp.isneginf(state.log_ratio), 0.0, jnp.minimum(there.log_ratio - state.log_ratio, 0.0))
        accepted = -jax.random.exponential(key_accept, (), log_acceptance.dtype) < log_acceptance
        chosen = jax.tree.map(lambda new, old: jnp.where(accepted, new, old), there, state)
        return chosen, StepInfo(jnp.exp(log_acceptance), jnp.array(1))
