"""A stage of several settings in one program: what ``stages.best_of`` does, row by row, and every row as if it were alone.

    all rows:  the same number of steps of ``vmap``-ed learning
    each row:  what its own validation likes best, the beginning included; its own failures

Rows share data and keys, as runs of one seed do; what differs between them are numbers of the learning, and what came of them before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from triality.algorithms.guarded import Guarded, GuardedState
from triality.algorithms.minibatch import DataSet
from triality.algorithms.stages import Going, Stage
from triality.run import in_blocks, over_settings, run
from triality.settings import Settings

T = TypeVar("T")


@runtime_checkable
class ProgressOfRows(Protocol):
    """Who is told how a stage of all rows goes, may have kept where it stood, and judges rows that fail."""

    def begun(self, stage: str, first: Going) -> Going:
        """Where to go on: ``first``, or what was kept of this stage."""
        ...

    def failing(self, stage: str, state: GuardedState, before: int, done: int) -> None:
        """After every chunk, before anything else; may raise."""
        ...

    def looked(self, stage: str, going: Going, total: int, numbers: Sequence[dict[str, float]]) -> None:
        """After every chunk: where the stage stands, steps in all, numbers of every row worth showing."""
        ...


class StageOfRows(NamedTuple):
    """What came of a stage; leading axis of rows.

    Fields:
        best: the states that validation liked best.
        num_steps: steps that each best one had taken.
        last: the states at the end.
    """

    best: Any
    num_steps: np.ndarray
    last: Any

    def row(self, index: int) -> Stage:
        """What came of one row, as of a stage of its own; its curve is kept by whoever was told."""
        return Stage(row_of(self.best, index), [], int(self.num_steps[index]), row_of(self.last, index))


def best_of_each(
    settings: Settings,
    states: Any,
    value: Callable[[Any], Array],
    num_steps: int,
    chunk: int,
    name: str,
    progress: ProgressOfRows,
    stock: Callable[[int], Any] | None = None,
) -> StageOfRows:
    """Chunks of one compiled program; of each row what validation likes best, the beginning included.

    Args:
        settings: of the learning, a row each, or the same for all.
        states: where to begin; leading axis of rows.
        value: what validation says of all states, one number a row; larger is better.
        num_steps: in all.
        chunk: steps between two looks.
        name: of the stage.
        progress: told after every chunk.
        stock: draws of the next chunk, for a learning that has a field ``drawn`` for them, from the steps that will then be done; leading
            axis of rows.

    Raises:
        NonFiniteError: as ``progress`` decides.
    """
    guarded = Settings(Guarded(settings.varied), Guarded(settings.shared))
    ends = [min(begin + chunk, num_steps) for begin in range(0, num_steps, chunk)]
    num_rows = num_rows_of(states)
    unknown = np.full((num_rows, len(ends) + 1), np.nan)
    first = eqx.filter_vmap(Guarded(settings.shared).init)(states)
    going = progress.begun(name, Going(first, states, unknown, np.zeros(num_rows, np.int64), np.int64(0)))
    curve = going.curve.copy()
    if going.done == 0:
        curve[:, 0] = np.asarray(value(states))
    for look, done in enumerate(ends, start=1):
        if done <= going.done:
            continue
        drawn = None if stock is None else stock(done)
        after, metrics = _advanced(guarded, going.state, drawn, done - int(going.done))
        progress.failing(name, after, int(going.done), done)
        curve[:, look] = np.asarray(value(after.state))
        is_best = np.nan_to_num(curve[:, look], nan=-np.inf) >= np.max(np.nan_to_num(curve[:, :look], nan=-np.inf), axis=1)
        best = chosen(jnp.asarray(is_best), after.state, going.best)
        going = Going(after, best, curve.copy(), np.where(is_best, done, going.at), np.int64(done))
        numbers = [{"validation": float(curve[row, look]), **_last_numbers(metrics, row)} for row in range(num_rows)]
        skipped = np.asarray(after.skipped)
        progress.looked(name, going, num_steps, [each | {"skipped": int(skipped[row])} for row, each in enumerate(numbers)])
    return StageOfRows(going.best, np.asarray(going.at), going.state.state)


def begun_states(settings: Settings, init: Callable[..., Any], *rows: Any) -> Any:
    """``init(learning, *row)`` of every row."""
    return over_settings(lambda learning, row: init(learning, *row))(settings, rows)


def stacked(trees: Sequence[T]) -> T:
    """One tree with a leading axis at every array; what is no array is that of the first.

    Example:
        >>> stacked([{"a": jnp.array(1.0), "b": "x"}, {"a": jnp.array(2.0), "b": "x"}])["a"].tolist()
        [1.0, 2.0]
    """
    arrays = [eqx.filter(tree, eqx.is_array) for tree in trees]
    _, rest = eqx.partition(trees[0], eqx.is_array)
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays), rest)


def row_of(tree: T, row: int) -> T:
    """One row of what ``stacked`` makes."""
    return jax.tree.map(lambda leaf: leaf[row] if eqx.is_array(leaf) else leaf, tree)


def num_rows_of(tree: Any) -> int:
    """The length of the leading axis."""
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))[0].shape[0]


def chosen(is_first: Bool[Array, " rows"], first: T, second: T) -> T:
    """Row by row the one or the other.

    Example:
        >>> chosen(jnp.array([True, False]), jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])).tolist()
        [1.0, 4.0]
    """

    def choose(a: Any, b: Any) -> Any:
        return jnp.where(is_first.reshape(-1, *[1] * (a.ndim - 1)), a, b) if eqx.is_array(a) else a

    return jax.tree.map(choose, first, second)


def _last_numbers(metrics: Any, row: int) -> dict[str, float]:
    """Of the last step of a chunk, what is one number."""
    named = {name: np.asarray(value)[row, 0, -1] for name, value in metrics._asdict().items() if isinstance(value, jax.Array)}
    return {name: float(value) for name, value in named.items() if name != "is_finite"}


# Compiled once for all seeds of a sweep.
@eqx.filter_jit
def _advanced(settings: Settings, states: GuardedState, drawn: Any, num_steps: int) -> tuple[GuardedState, Any]:
    def one(varied: Any, state: GuardedState, drawn: Any) -> tuple[GuardedState, Any]:
        learning: Any = eqx.combine(varied, settings.shared)
        if drawn is not None:
            learning = eqx.tree_at(lambda guarded: guarded.algorithm.drawn, learning, DataSet(drawn))
        return run(learning, state, 1, num_steps)[:2]

    return in_blocks(one, (settings.varied, states, drawn))
