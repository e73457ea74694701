"""The one loop: a whole run as a scan over evaluations of a scan over steps, compiled once.

Nothing inside prints, writes files or waits for the host. Long runs call it in chunks; between chunks are progress, checkpoints and logs.
The loop is optional: ``algorithm.step`` can be called by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
from jaxtyping import PyTree

S = TypeVar("S")


@runtime_checkable
class Algorithm(Protocol[S]):
    """What can be run: ``step`` maps a state to the next state and its metrics."""

    def step(self, state: S) -> tuple[S, PyTree]: ...


def no_evaluation(state: Any) -> None:
    """Evaluates nothing."""
    del state


def run(
    algorithm: Algorithm[S], state: S, num_evaluations: int, num_steps: int, evaluate: Callable[[S], PyTree] = no_evaluation
) -> tuple[S, PyTree, PyTree]:
    """``num_evaluations`` times: ``num_steps`` steps, then ``evaluate``.

    Args:
        algorithm: anything with a ``step``; its array leaves are arguments, so another learning rate needs no new compilation.
        state: where to begin. Leaves that are no arrays stay what they are.
        num_evaluations: static.
        num_steps: steps between evaluations, static.
        evaluate: pure function of the state.

    Returns:
        The last state; metrics with leading axes (num_evaluations, num_steps); evaluations with a leading axis of num_evaluations.

    Example:
        >>> import jax.numpy as jnp
        >>> class Halving(eqx.Module):
        ...     def step(self, state):
        ...         return state / 2, state
        >>> state, metrics, evaluations = run(Halving(), jnp.array(8.0), 2, 2, evaluate=lambda state: 10 * state)
        >>> float(state), metrics.tolist(), evaluations.tolist()
        (0.5, [[8.0, 4.0], [2.0, 1.0]], [20.0, 5.0])
    """

    def one_step(state: S, _: None) -> tuple[S, PyTree]:
        return algorithm.step(state)

    def stretch(state: S, _: None) -> tuple[S, tuple[PyTree, PyTree]]:
        state, metrics = scan(one_step, state, None, num_steps)
        return state, (metrics, evaluate(state))

    state, (metrics, evaluations) = scan(stretch, state, None, num_evaluations)
    return state, metrics, evaluations


def scan(step: Callable[[S, Any], tuple[S, PyTree]], state: S, inputs: PyTree, length: int) -> tuple[S, PyTree]:
    """``jax.lax.scan`` of a state that holds leaves which are no arrays, such as the functions inside a flow: they stay what they are.

    Example:
        >>> import jax.numpy as jnp
        >>> (total, name), _ = scan(lambda state, x: ((state[0] + x, state[1]), None), (jnp.array(0.0), "sum"), jnp.arange(3.0), 3)
        >>> float(total), name
        (3.0, 'sum')
    """
    arrays, rest = eqx.partition(state, eqx.is_array)

    def of_arrays(arrays: PyTree, given: PyTree) -> tuple[PyTree, PyTree]:
        state, out = step(eqx.combine(arrays, rest), given)
        return eqx.filter(state, eqx.is_array), out

    arrays, out = jax.lax.scan(of_arrays, arrays, inputs, length=length)
    return eqx.combine(arrays, rest), out


def over_seeds(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function(algorithm, state)`` compiled, and mapped over a leading axis of every array of ``state``: seeds in one program.

    Example:
        >>> import jax.numpy as jnp
        >>> over_seeds(lambda rate, state: state - rate * state)(0.5, jnp.array([4.0, 8.0])).tolist()
        [2.0, 4.0]
    """
    return eqx.filter_jit(eqx.filter_vmap(function, in_axes=(None, eqx.if_array(0))))
