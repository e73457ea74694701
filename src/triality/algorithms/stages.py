"""A stage of a run: chunks of one compiled program, between which validation looks and somebody is told.

What validation likes best is kept, the beginning included, and what came out last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.errors import NonFiniteError
from triality.run import run
from triality.sampler import AbstractSampler, in_pieces

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Told after every chunk: name of the stage, steps done, steps in all, numbers worth showing."""


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


def no_progress(stage: str, done: int, total: int, numbers: dict[str, float]) -> None:
    """Tells nobody."""
    del stage, done, total, numbers


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
        learning: anything with a ``step`` whose metrics hold ``is_finite``.
        state: where to begin.
        value: what validation says of a state; larger is better.
        num_steps: in all.
        chunk: steps between two looks.
        name: of the stage.
        progress: told after every chunk.
        renewed: the algorithm for the next chunk, from itself and the steps that will then be done.

    Raises:
        NonFiniteError: parameters became NaN or infinite.
    """
    best, curve, at = state, [value(state)], 0
    for begin in range(0, num_steps, chunk):
        done = min(begin + chunk, num_steps)
        learning = renewed(learning, done)
        state, metrics = _advanced(learning, state, done - begin)
        if not bool(np.all(np.asarray(metrics.is_finite))):
            raise NonFiniteError(
                f"expected finite parameters, got NaN or infinity within steps {begin + 1}-{done} of the {name} stage; "
                "lower the learning rate"
            )
        curve.append(value(state))
        if curve[-1] >= max(curve):
            best, at = state, done
        progress(name, done, num_steps, {"validation": curve[-1], **_last_numbers(metrics)})
    return Stage(best, curve, at, state)


@eqx.filter_jit
def mean_log_prob(sampler: AbstractSampler[Any], x: Any) -> Float[Array, ""]:
    """Of held-out samples, nats a sample."""
    return jnp.mean(in_pieces(sampler.log_prob, x))


def _last_numbers(metrics: Any) -> dict[str, float]:
    """Of the last step of a chunk, what is one number."""
    named = {name: np.asarray(value)[0, -1] for name, value in metrics._asdict().items() if isinstance(value, jax.Array)}
    return {name: float(value) for name, value in named.items() if name != "is_finite"}


# Compiled once for all runs of the same shapes: of a second seed nothing is compiled again.
@eqx.filter_jit
def _advanced(learning: Any, state: Any, num_steps: int) -> tuple[Any, Any]:
    return run(learning, state, 1, num_steps)[:2]
