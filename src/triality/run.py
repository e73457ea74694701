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

from triality.settings import Settings

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


def over_seeds(function: Callable[..., Any], at_once: int | None = None) -> Callable[..., Any]:
    """``function(algorithm, state)`` compiled, and mapped over a leading axis of every array of ``state``: seeds in one program.

    Args:
        function: of an algorithm and one state.
        at_once: seeds that are computed side by side, the others after them; all by default. Fewer take less memory, and give the same
            numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> over_seeds(lambda rate, state: state - rate * state)(0.5, jnp.array([4.0, 8.0])).tolist()
        [2.0, 4.0]
    """
    return eqx.filter_jit(lambda algorithm, states: in_blocks(lambda state: function(algorithm, state), (states,), at_once))


def over_settings(function: Callable[..., Any], at_once: int | None = None) -> Callable[..., Any]:
    """``function(algorithm, state)`` compiled, and mapped over settings and states row by row: a sweep in one program.

    Called with ``Settings`` that have a row for every state, or vary in nothing.

    Args: as those of ``over_seeds``.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.settings import settings_of
        >>> settings = settings_of([{"rate": jnp.array(0.5)}, {"rate": jnp.array(0.25)}])
        >>> step = lambda algorithm, state: state - algorithm["rate"] * state
        >>> over_settings(step)(settings, jnp.array([4.0, 8.0])).tolist(), over_settings(step, 1)(settings, jnp.array([4.0, 8.0])).tolist()
        ([2.0, 6.0], [2.0, 6.0])
    """

    def mapped(settings: Settings, states: PyTree) -> PyTree:
        def one(varied: PyTree, state: PyTree) -> PyTree:
            return function(eqx.combine(varied, settings.shared), state)

        return in_blocks(one, (settings.varied, states), at_once)

    return eqx.filter_jit(mapped)


def in_blocks(function: Callable[..., Any], rows: tuple[PyTree, ...], at_once: int | None = None) -> PyTree:
    """``function`` of every row, blocks of at most ``at_once`` rows one after the other: the rows of a block are one ``vmap``.

    The blocks are as equal as they can be, so that the last is no small one that is compiled for itself where another size does as well.

    Example:
        >>> import jax.numpy as jnp
        >>> in_blocks(lambda a, b: a - b, (jnp.arange(5), jnp.ones(5, int)), 2).tolist()
        [-1, 0, 1, 2, 3]
    """
    together = eqx.filter_vmap(function, in_axes=eqx.if_array(0))
    arrays, rest = eqx.partition(rows, eqx.is_array)
    num_rows = jax.tree.leaves(arrays)[0].shape[0]
    if at_once is None or num_rows <= at_once:
        return together(*rows)
    out_rest: list[PyTree] = []

    def of_arrays(arrays: tuple[PyTree, ...]) -> PyTree:
        out = function(*eqx.combine(arrays, rest))
        arrays_out, others = eqx.partition(out, eqx.is_array)
        out_rest.append(others)
        return arrays_out

    size = -(-num_rows // -(-num_rows // at_once))
    return eqx.combine(jax.lax.map(of_arrays, arrays, batch_size=size), out_rest[0])
