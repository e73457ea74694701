"""Langevin steps: along the energy's slope downward, plus noise; with Metropolis' correction, or without it as energy-based models use it.

    x' = x - h grad E(x) + sqrt(2 h) xi,     xi ~ N(0, I)

h is blackjax's ``step_size``. Code for energy-based models often writes x' = x - (a/2) grad E + sqrt(a) xi, so that h = a/2, or sets
the noise apart from the slope: x' = x - h grad E + s xi is the walk at temperature T = s^2/(2 h), which samples from exp(-E/T) as h -> 0.

References: Roberts and Tweedie, Exponential convergence of Langevin distributions and their discrete approximations, Bernoulli 2 (1996);
Du and Mordatch, arXiv:1903.08689 (Langevin for energy-based models).
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import Energy
from triality.errors import ConfigError
from triality.kernels.kernel import StepInfo


class Mala(eqx.Module):
    """Langevin's step as a proposal, accepted or rejected so that exp(-E)/Z is left invariant exactly (blackjax, extra ``samplers``).

    Args:
        step_size: h, in squared units of x; h = 1.65^2/(2 d^(1/3)) for d standard normal coordinates is a place to start.

    Raises:
        ConfigError: blackjax is absent.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> kernel, energy = Mala(0.5), lambda x: 0.5 * jnp.sum(x**2)
        >>> state, info = kernel.step(jax.random.key(0), kernel.init(jnp.ones(2), energy), energy)
        >>> state.position.shape, bool(0 < info.acceptance <= 1)
        ((2,), True)
    """

    is_exact: ClassVar[bool] = True
    step_size: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def init(self, position: Float[Array, " dim"], energy: Energy[Float[Array, " dim"]]) -> Any:
        """One evaluation, with its gradient."""
        return blackjax().mala.init(position, lambda x: -energy(x))

    def step(self, key: Key[Array, ""], state: Any, energy: Energy[Float[Array, " dim"]]) -> tuple[Any, StepInfo]:
        """One proposal."""
        state, info = blackjax().mala.build_kernel()(key, state, lambda x: -energy(x), self.step_size)
        return state, StepInfo(info.acceptance_rate, jnp.array(1))


class LangevinState(NamedTuple):
    """A position and the energy's gradient there."""

    position: Float[Array, "*batch dim"]
    gradient: Float[Array, "*batch dim"]


class UnadjustedLangevin(eqx.Module):
    """Langevin's step without correction: every move is made, and the law is off by an amount that vanishes with h.

    On E = x^2/(2 s^2) at T = 1 it ends in the variance s^2/(1 - h/(2 s^2)), for h < 2 s^2, and runs off beyond.

    Args:
        step_size: h, in squared units of x.
        temperature: T; the noise's standard deviation is sqrt(2 h T). Toward 0 it is a descent, which samples from no p_theta.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> kernel, energy = UnadjustedLangevin(0.25, temperature=0.0), lambda x: 0.5 * jnp.sum(x**2)
        >>> kernel.step(jax.random.key(0), kernel.init(jnp.array([4.0]), energy), energy)[0].position.tolist()
        [3.0]
    """

    is_exact: ClassVar[bool] = False
    step_size: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)

    def init(self, position: Float[Array, " dim"], energy: Energy[Float[Array, " dim"]]) -> LangevinState:
        """One evaluation, with its gradient."""
        return LangevinState(position, jax.grad(energy)(position))

    def step(self, key: Key[Array, ""], state: LangevinState, energy: Energy[Float[Array, " dim"]]) -> tuple[LangevinState, StepInfo]:
        """One move, always made."""
        noise = jax.random.normal(key, state.position.shape, state.position.dtype)
        spread = jnp.sqrt(2.0 * self.step_size * self.temperature)
        position = state.position - self.step_size * state.gradient + spread * noise
        return self.init(position.astype(state.position.dtype), energy), StepInfo(jnp.ones(()), jnp.array(1))


def blackjax() -> Any:
    """The package, imported where it is first used.

    Raises:
        ConfigError: it is absent.
    """
    try:
        import blackjax
    except ImportError as error:
        raise ConfigError('expected the package blackjax, got none installed; do pip install "triality[samplers]"') from error
    return blackjax
