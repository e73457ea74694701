"""L-BFGS on a function of one table, until no entry of its gradient exceeds a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError


@dataclass(frozen=True)
class DescentConfig:
    """When to stop.

    Args:
        max_num_steps: steps of L-BFGS.
        tolerance: on the largest entry of the gradient. Below about 1e-4 it needs float64.
    """

    max_num_steps: int = 1000
    tolerance: float = 1e-7

    def __post_init__(self) -> None:
        if self.max_num_steps < 1 or not self.tolerance > 0:
            raise ConfigError(f"expected max_num_steps >= 1 and tolerance > 0, got {self}; correct the option")


class Descended(NamedTuple):
    """Where it ended.

    Fields:
        table: the argument.
        gradient: largest absolute entry of the gradient there.
        num_steps: steps taken.
    """

    table: Float[Array, "*shape"]
    gradient: Float[Array, ""]
    num_steps: Int[Array, ""]


def descend(
    objective: Callable[[Float[Array, "*shape"]], Float[Array, ""]],
    initial: Float[Array, "*shape"],
    tolerance: float = 1e-7,
    max_num_steps: int = 1000,
) -> Descended:
    """Minimizes ``objective``, a pytree (an ``eqx.Module``), so that a second call with the same shapes compiles nothing.

    Example:
        >>> descend(jax.tree_util.Partial(lambda x: jnp.sum((x - 3.0) ** 2)), jnp.zeros(2)).table.round(4).tolist()
        [3.0, 3.0]
    """
    # As arrays, so that another limit compiles nothing.
    return _descend(objective, initial, jnp.asarray(tolerance, initial.dtype), jnp.asarray(max_num_steps))


@eqx.filter_jit
def _descend(objective, initial: Float[Array, "*shape"], tolerance: Float[Array, ""], max_num_steps: Int[Array, ""]) -> Descended:
    solver = optax.lbfgs()
    value_and_gradient: Callable[..., tuple[Array, Array]] = optax.value_and_grad_from_state(objective)  # pyright: ignore[reportAssignmentType]

    def step(carry):
        table, state, _, num_steps = carry
        value, gradient = value_and_gradient(table, state=state)
        updates, state = solver.update(gradient, state, table, value=value, grad=gradient, value_fn=objective)
        return table + updates, state, jnp.max(jnp.abs(optax.tree.get(state, "grad"))), num_steps + 1

    def unfinished(carry):
        _, _, size, num_steps = carry
        return (size > tolerance) & (num_steps < max_num_steps)

    beginning = (initial, solver.init(initial), jnp.array(jnp.inf, initial.dtype), jnp.array(0))
    table, _, size, num_steps = jax.lax.while_loop(unfinished, step, beginning)
    return Descended(table, size, num_steps)
