"""What a token sequence is remembered by: the part of a generator between its embedding and its head.

    carry_0 = start(length);     carry_{t+1}, h_t = step(carry_t, u_t);     (h_0 ... h_{T-1}) = over(u_0 ... u_{T-1})

``step`` serves the draw, token by token; ``over`` the density, all tokens at once. They are two ways through the same weights, and a law
of the tests holds them together to rounding: h_t must depend on u_0 ... u_t alone.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError


@runtime_checkable
class Core(Protocol):
    """See the module. ``num_features`` is the size of h."""

    @property
    def num_features(self) -> int: ...

    def start(self, length: int) -> Any: ...

    def step(self, carry: Any, u: Float[Array, " inputs"]) -> tuple[Any, Float[Array, " features"]]: ...

    def over(self, inputs: Float[Array, "length inputs"]) -> Float[Array, "length features"]: ...


class GruCore(eqx.Module):
    """h_t = GRU(h_{t-1}, u_t) (Cho et al. 2014, arXiv:1406.1078).

    Example:
        >>> core = GruCore(eqx.nn.GRUCell(3, 4, key=jax.random.key(0)))
        >>> core.over(jnp.ones((5, 3))).shape
        (5, 4)
    """

    cell: eqx.nn.GRUCell

    @property
    def num_features(self) -> int:
        """Units of the cell."""
        return self.cell.hidden_size

    def start(self, length: int) -> Float[Array, " features"]:
        """No memory."""
        del length
        return jnp.zeros(self.cell.hidden_size, self.cell.weight_hh.dtype)

    def step(self, carry: Float[Array, " features"], u: Float[Array, " inputs"]) -> tuple[Any, Float[Array, " features"]]:
        """One application of the cell."""
        h = self.cell(u, carry)
        return h, h

    def over(self, inputs: Float[Array, "length inputs"]) -> Float[Array, "length features"]:
        """One loop."""
        return jax.lax.scan(lambda carry, u: self.step(carry, u), self.start(len(inputs)), inputs)[1]


class LstmCore(eqx.Module):
    """c_t = f c_{t-1} + i tanh(.), h_t = o tanh(c_t) (Hochreiter, Schmidhuber 1997).

    Example:
        >>> core = LstmCore(eqx.nn.LSTMCell(3, 4, key=jax.random.key(0)))
        >>> core.over(jnp.ones((5, 3))).shape
        (5, 4)
    """

    cell: eqx.nn.LSTMCell

    @property
    def num_features(self) -> int:
        """Units of the cell."""
        return self.cell.hidden_size

    def start(self, length: int) -> tuple[Float[Array, " features"], Float[Array, " features"]]:
        """No memory."""
        del length
        zeros = jnp.zeros(self.cell.hidden_size, self.cell.weight_hh.dtype)
        return zeros, zeros

    def step(self, carry: Any, u: Float[Array, " inputs"]) -> tuple[Any, Float[Array, " features"]]:
        """One application of the cell."""
        h, c = self.cell(u, carry)
        return (h, c), h

    def over(self, inputs: Float[Array, "length inputs"]) -> Float[Array, "length features"]:
        """One loop."""
        return jax.lax.scan(lambda carry, u: self.step(carry, u), self.start(len(inputs)), inputs)[1]


def gru_core(key: Key[Array, ""], inputs: int, hidden: int) -> GruCore:
    """A gated recurrent unit.

    Raises:
        ConfigError: no unit or no input.
    """
    _check_sizes(inputs, hidden)
    return GruCore(eqx.nn.GRUCell(inputs, hidden, key=key))


def lstm_core(key: Key[Array, ""], inputs: int, hidden: int) -> LstmCore:
    """A long short-term memory.

    Raises:
        ConfigError: no unit or no input.
    """
    _check_sizes(inputs, hidden)
    return LstmCore(eqx.nn.LSTMCell(inputs, hidden, key=key))


def _check_sizes(inputs: int, hidden: int) -> None:
    if hidden < 1 or inputs < 1:
        raise ConfigError(f"expected one unit and one input or more, got hidden = {hidden}, inputs = {inputs}; give larger ones")
