"""Statistics of scores over runs and tasks (Agarwal et al. 2021, arXiv:2108.13264): what a handful of seeds allows to be said.

A table of scores is (runs, tasks), high = good, each task normalized so that scores of different tasks mean the same: 0 random actions,
1 the demonstrations. The interquartile mean of all of them is ``triality.interquartile_mean``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from triality.errors import DataError
from triality.interquartile_mean import interquartile_mean

Statistic = Callable[[Float[np.ndarray, "runs tasks"]], float]
NUM_DRAWS = 2000


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def normalized(scores: Float[np.ndarray, "runs tasks"], random: Float[np.ndarray, " tasks"], best: Float[np.ndarray, " tasks"]):
    """(score - random) / (best - random) of every run and task.

    Raises:
        DataError: a task whose two ends are equal.

    Example:
        >>> normalized(np.array([[-10.0, 5.0]]), np.array([-20.0, 0.0]), np.array([0.0, 10.0])).tolist()
        [[0.5, 0.5]]
    """
    if np.any(best == random):
        raise DataError(
            f"expected a best score apart from the random one, got equal ones in task {int(np.argmax(best == random))}; drop it"
        )
    return (scores - random) / (best - random)


def iqm(scores: Float[np.ndarray, "runs tasks"]) -> float:
    """Interquartile mean over all runs and tasks together.

    Example:
        >>> iqm(np.array([[0.0, 1.0], [3.0, 100.0]]))
        2.0
    """
    return float(interquartile_mean(_checked(scores).ravel()))


def optimality_gap(scores: Float[np.ndarray, "runs tasks"], enough: float = 1.0) -> float:
    """How far the scores fall short of ``enough`` on average, where more than enough makes up for nothing: low = good.

    Example:
        >>> optimality_gap(np.array([[0.5], [3.0]]))
        0.25
    """
    return float(np.mean(enough - np.minimum(_checked(scores), enough)))


def probability_of_improvement(first: Float[np.ndarray, "runs tasks"], second: Float[np.ndarray, "other_runs same_tasks"]) -> float:
    """P(X > Y) + P(X = Y) / 2 of one run of either on one task, averaged over tasks: Mann and Whitney's U as a share.

    Raises:
        DataError: numbers of tasks that differ.

    Example:
        >>> probability_of_improvement(np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]]))
        0.625
    """
    if _checked(first).shape[1] != _checked(second).shape[1]:
        raise DataError(f"expected scores of the same tasks, got {first.shape[1]} and {second.shape[1]} of them; compare task by task")
    above, equal = first[:, None] > second[None], first[:, None] == second[None]
    return float(np.mean(above + 0.5 * equal))


def performance_profile(scores: Float[np.ndarray, "runs tasks"], thresholds: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Share of runs and tasks with a score above each threshold; tasks count alike.

    Example:
        >>> performance_profile(np.array([[0.0, 1.0], [0.5, 2.0]]), np.array([-1.0, 0.5, 1.5])).tolist()
        [1.0, 0.5, 0.25]
    """
    return np.mean(_checked(scores).ravel()[:, None] > thresholds, axis=0)


def stratified_interval(
    scores: Float[np.ndarray, "runs tasks"], statistic: Statistic = iqm, num_draws: int = NUM_DRAWS, seed: int = 0
) -> Interval:
    """95 % percentile bootstrap: runs are drawn with replacement within each task, every task keeps its weight.

    The draws are fixed by ``seed``. Below three runs an interval says nothing, and is refused.

    Raises:
        DataError: fewer than three runs.

    Example:
        >>> value, low, high = stratified_interval(np.array([[0.8], [0.9], [1.0], [1.2]]))
        >>> round(value, 6), 0.8 <= low <= value <= high <= 1.2
        (0.95, True)
    """
    runs, tasks = _checked(scores).shape
    if runs < 3:
        raise DataError(f"expected at least 3 runs for an interval, got {runs}; run more seeds")
    draw = np.random.default_rng(seed)
    drawn = [statistic(np.take_along_axis(scores, draw.integers(runs, size=(runs, tasks)), axis=0)) for _ in range(num_draws)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(statistic(scores)), float(low), float(high))


def _checked(scores: Float[np.ndarray, "runs tasks"]) -> Float[np.ndarray, "runs tasks"]:
    if scores.ndim != 2 or scores.size == 0 or not np.all(np.isfinite(scores)):
        raise DataError(f"expected finite scores as (runs, tasks), got shape {scores.shape}; one column a task, NaN has to be dropped")
    return scores
