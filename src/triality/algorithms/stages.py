"""A stage of a run: chunks of one compiled program, between which validation looks and somebody is told.

What validation likes best is kept, the beginning included, and what came out last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.algorithms.guarded import Guarded, GuardedState, refuse_failing
from triality.devices.fleet import Fleet, OneDevice
from triality.run import run
from triality.sampler import AbstractSampler, in_pieces


class Going(NamedTuple):
    """Where a stage stands after a chunk: all that it needs to go on.

    Fields:
        state: of the learning, with what its guard counts.
        best: the state that validation liked best so far.
        curve: validation value at the beginning and after each chunk; NaN for those to come.
        at: steps that the best one had taken; of rows side by side an array, as the curve has one more axis.
        done: steps done.
    """

    state: GuardedState
    best: Any
    curve: np.ndarray
    at: np.int64 | np.ndarray
    done: np.int64


@runtime_checkable
class Progress(Protocol):
    """Who is told how a stage goes, and may have kept where an earlier one of the same name stood."""

    def begun(self, stage: str, first: Going) -> Going:
        """Where to go on: ``first``, or what was kept of this stage."""
        ...

    def looked(self, stage: str, going: Going, total: int, numbers: dict[str, float]) -> None:
        """After every chunk: where the stage stands, steps in all, numbers worth showing."""
        ...

    def advanced(self, learning: Any, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
        """The state after a chunk of guarded steps, and their metrics: where it is computed is who is told's to say."""
        ...

    def agreed(self, value: float) -> float:
        """What validation says, the same for all who compute together."""
        ...


class Unwatched:
    """Tells nobody, keeps nothing, computes on one device."""

    def begun(self, stage: str, first: Going) -> Going:
        del stage
        return first

    def looked(self, stage: str, going: Going, total: int, numbers: dict[str, float]) -> None:
        del stage, going, total, numbers

    def advanced(self, learning: Any, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
        return advanced_on(OneDevice(), learning, state, num_steps)

    def agreed(self, value: float) -> float:
        return value


no_progress = Unwatched()


class Stage(NamedTuple):
    """What came of a stage.

    Fields:
        best: the state that validation liked best.
        curve: validation value after each chunk, nats a sample; larger is better.
        num_steps: steps that the best one had taken.
        last: the state at the end; for games whose energy is no density, and which validation cannot judge.
    """

    best: Any
    curve: list[float]
    num_steps: int
    last: Any


def best_of(
    learning: Any,
    state: Any,
    value: Callable[[Any], float],
    num_steps: int,
    chunk: int,
    name: str,
    progress: Progress,
    renewed: Callable[[Any, int], Any] = lambda learning, done: learning,
) -> Stage:
    """Chunks of one compiled program, and a shorter one where steps are left over; what validation likes best, the beginning included.

    Args:
        learning: anything with a ``step``; a step that gives NaN is not taken.
        state: where to begin.
        value: what validation says of a state; larger is better.
        num_steps: in all.
        chunk: steps between two looks.
        name: of the stage.
        progress: told after every chunk; a stage that it has kept goes on where it stood.
        renewed: the algorithm for the next chunk, from itself and the steps that will then be done.

    Raises:
        NonFiniteError: three steps in a row gave NaN or infinity.
    """
    guarded = Guarded(learning)
    ends = [min(begin + chunk, num_steps) for begin in range(0, num_steps, chunk)]
    unknown = np.full(len(ends) + 1, np.nan)
    going = progress.begun(name, Going(guarded.init(state), state, unknown, np.int64(0), np.int64(0)))
    curve = going.curve.copy()
    if going.done == 0:
        curve[0] = progress.agreed(value(state))
    for look, done in enumerate(ends, start=1):
        if done <= going.done:
            continue
        learning = renewed(learning, done)
        after, metrics = progress.advanced(learning, going.state, done - int(going.done))
        refuse_failing(after, f"steps {going.done + 1}-{done} of the {name} stage", "lower the learning rate")
        curve[look] = progress.agreed(value(after.state))
        is_best = np.nan_to_num(curve[look], nan=-np.inf) >= np.max(np.nan_to_num(curve[:look], nan=-np.inf))
        best, at = (after.state, np.int64(done)) if is_best else (going.best, going.at)
        going = Going(after, best, curve.copy(), at, np.int64(done))
        progress.looked(name, going, num_steps, {"validation": float(curve[look]), **_last_numbers(metrics), "skipped": int(after.skipped)})
    return Stage(going.best, curve.tolist(), int(going.at), going.state.state)


@eqx.filter_jit
def mean_log_prob(sampler: AbstractSampler[Any], x: Any) -> Float[Array, ""]:
    """Of held-out samples, nats a sample."""
    return jnp.mean(in_pieces(sampler.log_prob, x))


def _last_numbers(metrics: Any) -> dict[str, float]:
    """Of the last step of a chunk, what is one number."""
    named = {name: np.asarray(value)[0, -1] for name, value in metrics._asdict().items() if isinstance(value, jax.Array)}
    return {name: float(value) for name, value in named.items() if name != "is_finite"}


def advanced_on(fleet: Fleet, learning: Any, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
    """A chunk of guarded steps on the devices of ``fleet``, which split the batches."""
    guarded = fleet.placed(Guarded(fleet.shared(learning)))
    return fleet.here(_advanced(guarded, fleet.placed(state), num_steps))


# Compiled once for all runs of the same shapes: of a second seed nothing is compiled again.
@eqx.filter_jit
def _advanced(learning: Guarded, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
    return run(learning, state, 1, num_steps)[:2]
