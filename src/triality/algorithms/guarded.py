"""A step that gives NaN or infinity is not taken: the check is part of the compiled step.

    (new, metrics) = step(state)
    next = new                                   where no number of new is NaN, or infinite that was finite
         = state, with the random keys of new    else, and counted

So one minibatch without an overlap, or one roll-out in which a cost overflowed, costs a step and no run. A state that fails again and again
with other keys is beyond help: after ``limit`` failures in a row whoever runs the loop stops, with the state before the first of them,
whose next step gives the same NaN again.

What only remembers is not looked at: log densities of roll-outs and of past samplers, data, replayed steps. There -inf is legal, as it is
in the log weight of a row that counts nothing, which is infinite from the beginning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PyTree

from triality.algorithms.past_samplers import PastSamplers
from triality.errors import NonFiniteError
from triality.sampler import Samples
from triality.trajectory import Trajectory
from triality.updates.transition_buffer import TransitionBuffer

REMEMBERED = (Trajectory, Samples, PastSamplers, TransitionBuffer)
LIMIT = 3


class GuardedState(NamedTuple):
    """The state of an algorithm, and what the guard counts.

    Fields:
        state: the algorithm's own; always finite.
        in_row: failures since the last step that was taken.
        skipped: failures in all.
        failing: the random keys of ``state`` before the first failure of the present row, in the order of its leaves.
        bad: which watched leaves that step would have made NaN or infinite, in the order of ``watched``.
    """

    state: Any
    in_row: Int[Array, ""]
    skipped: Int[Array, ""]
    failing: list[Array]
    bad: Bool[Array, " leaves"]


class Guarded(eqx.Module):
    """``algorithm`` with the guard around its ``step`` and, where it has one, its ``update``.

    Args:
        algorithm: anything whose ``step`` maps a state to the next one and its metrics.

    Example:
        >>> class Root(eqx.Module):
        ...     def step(self, state):
        ...         return {"x": jnp.sqrt(state["x"] - 1.0)}, None
        >>> guarded = Guarded(Root())
        >>> state = guarded.init({"x": jnp.array(2.0)})
        >>> for _ in range(3):
        ...     state, _ = guarded.step(state)
        >>> float(state.state["x"]), int(state.skipped), int(state.in_row), names_of_bad(state)
        (0.0, 1, 1, ["['x']"])
    """

    algorithm: Any

    def init(self, state: Any) -> GuardedState:
        """Nothing has failed yet."""
        zero = jnp.zeros((), jnp.int32)
        return GuardedState(state, zero, zero, _keys(state), jnp.zeros(len(watched(state)), bool))

    def step(self, state: GuardedState) -> tuple[GuardedState, PyTree]:
        """One step, taken where it can be."""
        new, metrics = self.algorithm.step(state.state)
        return _after(state, new), metrics

    def update(self, state: GuardedState, *given: Any) -> tuple[GuardedState, PyTree]:
        """The same of an ``update``, which gets what the host has collected."""
        new, metrics = self.algorithm.update(state.state, *given)
        return _after(state, new), metrics


def watched(state: PyTree) -> list[tuple[str, Array]]:
    """What has to be finite: every floating leaf that is not remembered only, with its path."""
    places = jax.tree_util.tree_flatten_with_path(state, is_leaf=lambda node: isinstance(node, REMEMBERED))[0]
    return [(jax.tree_util.keystr(place), leaf) for place, leaf in places if eqx.is_inexact_array(leaf)]


def before_failure(state: GuardedState) -> Any:
    """The algorithm's state whose next step failed first in the present row."""
    leaves, structure = jax.tree.flatten(state.state)
    keys = iter(state.failing)
    return jax.tree.unflatten(structure, [next(keys) if _is_key(leaf) else leaf for leaf in leaves])


def names_of_bad(state: GuardedState) -> list[str]:
    """Paths of the leaves that failed last; of one seed."""
    return [name for (name, _), bad in zip(watched(state.state), np.asarray(state.bad), strict=True) if bad]


def refuse_failing(state: GuardedState, where: str, remedy: str) -> None:
    """Raise where steps failed ``LIMIT`` times in a row, of any seed where the leaves have a leading axis of them.

    Raises:
        NonFiniteError: names the leaves, and holds the state whose next step gives the same NaN again.
    """
    rows = failing_rows(state)
    if rows:
        raise failure(state, rows[0], where, remedy)


def failing_rows(state: GuardedState) -> list[int]:
    """Rows along the leading axis that failed ``LIMIT`` times in a row or more, the worst first; [0] where there is no axis and it did.

    Example:
        >>> blank = Guarded(None).init({})
        >>> failing_rows(blank._replace(in_row=jnp.array([0, 3, 4, 2])))
        [2, 1]
    """
    in_row = np.atleast_1d(np.asarray(state.in_row))
    worst_first = np.argsort(-in_row, kind="stable")
    return [int(row) for row in worst_first if in_row[row] >= LIMIT]


def failure(state: GuardedState, row: int, where: str, remedy: str) -> NonFiniteError:
    """The error of one row, with the state whose next step gives the same NaN again."""
    of_row = state if np.ndim(state.in_row) == 0 else jax.tree.map(lambda leaf: leaf[row] if eqx.is_array(leaf) else leaf, state)
    names = names_of_bad(of_row)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    error = NonFiniteError(
        f"expected finite parameters, got NaN or infinity in {shown} {LIMIT} times in a row within {where}; {remedy}. Nothing of these "
        "steps was taken"
    )
    error.failing, error.names = before_failure(of_row), names
    return error


def _after(before: GuardedState, new: Any) -> GuardedState:
    pairs = zip(watched(new), watched(before.state), strict=True)
    sound = [jnp.all(jnp.isfinite(fresh) | (jnp.isinf(fresh) & ~jnp.isfinite(old))) for (_, fresh), (_, old) in pairs]
    finite = jnp.stack(sound) if sound else jnp.zeros(0, bool)
    ok = jnp.all(finite)
    is_first = ~ok & (before.in_row == 0)
    failing = [jnp.where(is_first, old, kept) for old, kept in zip(_keys(before.state), before.failing, strict=True)]
    return GuardedState(
        state=_chosen(ok, new, before.state),
        in_row=jnp.where(ok, 0, before.in_row + 1),
        skipped=before.skipped + ~ok,
        failing=failing,
        bad=jnp.where(is_first, ~finite, before.bad),
    )


def _chosen(ok: Array, new: Any, old: Any) -> Any:
    """``new`` where all is well, else ``old`` with the keys of ``new``: the same step again would fail again.

    A branch, which copies one side, where a choice of every number would read both; ``vmap`` over seeds makes it the choice again.
    """
    leaves, structure = jax.tree.flatten(new)
    pairs = list(zip(leaves, jax.tree.leaves(old), strict=True))
    moved = [index for index, (fresh, kept) in enumerate(pairs) if eqx.is_array(fresh) and fresh is not kept and not _is_key(fresh)]
    taken = jax.lax.cond(ok, lambda: [pairs[index][0] for index in moved], lambda: [pairs[index][1] for index in moved])
    for index, leaf in zip(moved, taken, strict=True):
        leaves[index] = leaf
    return jax.tree.unflatten(structure, leaves)


def _keys(state: PyTree) -> list[Array]:
    return [leaf for leaf in jax.tree.leaves(state) if _is_key(leaf)]


def _is_key(leaf: Any) -> bool:
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
