"""Episodes as the readers of other formats find them, joined into one record of demonstrations. Imports no jax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from triality.data.columns import FLOAT32_MAX, convert_columns
from triality.data.demonstrations import Demonstrations, problem_report
from triality.errors import DataError

MOST_TOLD = 20
"""Problems that a message lists: a file of a thousand bad episodes has one cause."""
STEP_FIELDS = ("actions", "rewards", "terminated", "truncated", "log_prob")


class Episode(NamedTuple):
    """One episode of T steps.

    Fields:
        name: what messages call it, such as ``episode 3``.
        observations: (T, obs), or (T + 1, obs) with the one after the last action.
        actions: (T,) integers or (T, act) floats.
        rewards: (T,)
        terminated: (T,) booleans, and so is truncated; where one is recorded and the other not, the other is None.
        truncated: see there.
        log_prob: (T,) log density of the actions as stored, nats.
        weight: of the trajectory.
    """

    name: str
    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray | None = None
    terminated: np.ndarray | None = None
    truncated: np.ndarray | None = None
    log_prob: np.ndarray | None = None
    weight: np.floating | float | None = None


def join_episodes(source: str, episodes: Sequence[Episode], meta: Mapping[str, Any]) -> Demonstrations:
    """All episodes in one record; successors are kept where the last one of each episode was recorded.

    Raises:
        DataError: none at all, arrays of one episode that do not fit each other, episodes that do not, one that lacks what others have,
            NaN or infinities. All problems are listed, with episode, array and index.

    Example:
        >>> episode = Episode("episode 0", np.arange(6.0).reshape(3, 2), np.array([0, 1]))
        >>> demos = join_episodes("here", [episode, episode], {})
        >>> demos.lengths.tolist(), demos.next_observations.tolist()[1]
        ([2, 2], [4.0, 5.0])
    """
    if not episodes:
        raise DataError(f"{source}: expected at least one episode, got none; record some")
    problems = [text for episode in episodes for text in _problems(episode)] + _differences(episodes)
    if problems:
        more = [f"and {len(problems) - MOST_TOLD} more problems"] if len(problems) > MOST_TOLD else []
        raise DataError(problem_report(source, problems[:MOST_TOLD] + more))
    lengths = np.array([len(episode.actions) for episode in episodes])
    has_last = [len(episode.observations) > length for episode, length in zip(episodes, lengths, strict=True)]
    arrays = {"observations": np.concatenate([e.observations[:length] for e, length in zip(episodes, lengths, strict=True)])}
    if all(has_last):
        arrays["next_observations"] = np.concatenate([episode.observations[1:] for episode in episodes])
    for field in STEP_FIELDS:
        if getattr(episodes[0], field) is not None:
            arrays[field] = np.concatenate([getattr(episode, field) for episode in episodes])
    if episodes[0].weight is not None:
        arrays["weights"] = np.array([episode.weight for episode in episodes])
    columns, problems = convert_columns({**arrays, "lengths": lengths})
    if problems:
        raise DataError(problem_report(source, problems))
    return Demonstrations(**columns, meta=meta)


def last_flag(length: int, value: bool) -> np.ndarray:
    """(T,) False, and ``value`` at the last step.

    Example:
        >>> last_flag(3, True).tolist()
        [False, False, True]
    """
    flags = np.zeros(length, bool)
    flags[-1:] = value
    return flags


def _problems(episode: Episode) -> list[str]:
    """Numbers of rows, and values that are no numbers."""
    length, problems = len(episode.actions), []
    if length == 0:
        return [f"{episode.name}: expected at least one step, got none; leave empty episodes out"]
    if len(episode.observations) not in (length, length + 1):
        problems.append(
            f"{episode.name}: expected {length} observations (one an action) or {length + 1} (one more), "
            f"got {len(episode.observations)}; record them together"
        )
    for field in STEP_FIELDS[1:]:
        array = getattr(episode, field)
        if array is not None and len(array) != length:
            problems.append(f"{episode.name}: {field}: expected {length} values (one an action), got {len(array)}; record them together")
    return problems + _not_finite(episode)


def _not_finite(episode: Episode) -> list[str]:
    problems = []
    for field in ("observations", *STEP_FIELDS):
        array = getattr(episode, field)
        if array is None or array.dtype.kind != "f":
            continue
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(array) <= FLOAT32_MAX)
        if bad.any():
            first = tuple(int(i) for i in np.unravel_index(np.argmax(bad), array.shape))
            problems.append(
                f"{episode.name}: {field}: expected finite numbers, got {int(bad.sum())} that are not, the first at index "
                f"{first[0] if len(first) == 1 else first}: {array[first]}; repair or leave out that episode"
            )
    return problems


def _differences(episodes: Sequence[Episode]) -> list[str]:
    """In what episodes differ from the first: sizes, kinds of actions, and what was recorded."""
    first, problems = episodes[0], []
    for episode in episodes[1:]:
        for field in ("observations", "actions"):
            mine, theirs = getattr(episode, field), getattr(first, field)
            if mine.shape[1:] != theirs.shape[1:] or (mine.dtype.kind == "f") != (theirs.dtype.kind == "f"):
                problems.append(
                    f"{episode.name}: {field}: expected rows of shape {theirs.shape[1:]} and type {theirs.dtype} as in {first.name}, "
                    f"got {mine.shape[1:]} and {mine.dtype}; read one environment at a time"
                )
        for field in (*STEP_FIELDS[1:], "weight"):
            if (getattr(episode, field) is None) != (getattr(first, field) is None):
                have, lack = (first.name, episode.name) if getattr(episode, field) is None else (episode.name, first.name)
                problems.append(f"{field}: expected it in every episode or in none, got it in {have} and not in {lack}; record it for all")
    return problems
