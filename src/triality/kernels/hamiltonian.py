"""Hamiltonian Monte Carlo and the no-U-turn sampler, from blackjax (extra ``samplers``).

    H(x, v) = E(x) + v^T M^-1 v / 2,     v ~ N(0, M),     leapfrog steps of size eps, accepted with probability min(1, exp(-change of H))

A trajectory moves far along the energy's contours where a Langevin step diffuses. Both cross a barrier of b nats about as rarely as
exp(-b): more modes are the business of a generator, or of annealing.

References: Neal, MCMC using Hamiltonian dynamics, arXiv:1206.1901; Hoffman and Gelman, The no-U-turn sampler, JMLR 15 (2014).
"""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import Energy
from triality.kernels.kernel import StepInfo
from triality.kernels.langevin import blackjax


class HamiltonianMonteCarlo(eqx.Module):
    """A fixed number of leapfrog steps. A length that is near a period of the motion moves nothing: vary it, or use ``NoUTurn``.

    Args:
        step_size: eps, in units of x at M = I.
        inverse_mass: diagonal of M^-1, (dim,): about the variances of the target's coordinates.
        num_leapfrog: steps a trajectory, static; as many evaluations of the energy.

    Raises:
        ConfigError: blackjax is absent.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> kernel, energy = HamiltonianMonteCarlo(0.3, jnp.ones(2), 5), lambda x: 0.5 * jnp.sum(x**2)
        >>> state, info = kernel.step(jax.random.key(0), kernel.init(jnp.ones(2), energy), energy)
        >>> int(info.num_energies), bool(info.acceptance > 0.9)
        (5, True)
    """

    is_exact: ClassVar[bool] = True
    step_size: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    inverse_mass: Float[Array, " dim"] = eqx.field(converter=jnp.asarray)
    num_leapfrog: int = eqx.field(default=10, static=True)

    def init(self, position: Float[Array, " dim"], energy: Energy[Float[Array, " dim"]]) -> Any:
        """One evaluation, with its gradient."""
        return blackjax().hmc.init(position, lambda x: -energy(x))

    def step(self, key: Key[Array, ""], state: Any, energy: Energy[Float[Array, " dim"]]) -> tuple[Any, StepInfo]:
        """One trajectory."""
        make = blackjax().hmc.build_kernel()
        state, info = make(key, state, lambda x: -energy(x), self.step_size, self.inverse_mass, self.num_leapfrog)
        return state, StepInfo(info.acceptance_rate, jnp.array(self.num_leapfrog))


class NoUTurn(eqx.Module):
    """Trajectories that double until they turn back. Under ``vmap`` all chains wait for the longest.

    Args:
        step_size: eps, in units of x at M = I.
        inverse_mass: diagonal of M^-1, (dim,).
        max_doublings: at most 2^this - 1 leapfrog steps, static.

    Raises:
        ConfigError: blackjax is absent.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> kernel, energy = NoUTurn(0.5, jnp.ones(1)), lambda x: 0.5 * jnp.sum(x**2)
        >>> _, info = kernel.step(jax.random.key(0), kernel.init(jnp.ones(1), energy), energy)
        >>> int(info.num_energies) in (1, 3, 7, 15)
        True
    """

    is_exact: ClassVar[bool] = True
    step_size: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    inverse_mass: Float[Array, " dim"] = eqx.field(converter=jnp.asarray)
    max_doublings: int = eqx.field(default=10, static=True)

    def init(self, position: Float[Array, " dim"], energy: Energy[Float[Array, " dim"]]) -> Any:
        """One evaluation, with its gradient."""
        return blackjax().nuts.init(position, lambda x: -energy(x))

    def step(self, key: Key[Array, ""], state: Any, energy: Energy[Float[Array, " dim"]]) -> tuple[Any, StepInfo]:
        """One trajectory. ``acceptance`` is the mean over the trajectory, which is not a probability of having moved."""
        make = blackjax().nuts.build_kernel()
        state, info = make(key, state, lambda x: -energy(x), self.step_size, self.inverse_mass, self.max_doublings)
        return state, StepInfo(info.acceptance_rate, info.num_integration_steps)
