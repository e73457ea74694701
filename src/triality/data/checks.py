"""Demonstrations against the environment that they are used with: the last check before anything compiles. Imports no jax."""

from __future__ import annotations

import dataclasses
import re
from os import PathLike
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from triality.data.demonstrations import Demonstrations, problem_report
from triality.data.duplicates import NEAR, duplicate_fraction, near_duplicate_fraction
from triality.errors import ConfigError, DataError
from triality.specs import EnvironmentSpec

ACTION_POLICIES = ("error", "clip", "raw")
ENVIRONMENT = "environment"
"""In the demonstrations' meta: the id of the environment that they were recorded in."""
RESET_SEEDS = "reset_seeds"
"""In the demonstrations' meta: the seed that each episode's simulator was reset with, in the order of the file."""


class CheckedDemonstrations(NamedTuple):
    """Demonstrations that fit an environment, and what the user should be told about them.

    Fields:
        demonstrations: as they came in, or with clipped actions.
        notes: one sentence each, for people to read; empty where there is nothing to say.
    """

    demonstrations: Demonstrations
    notes: tuple[str, ...]


def check_against(
    demonstrations: Demonstrations,
    spec: EnvironmentSpec,
    actions: str = "error",
    num_demos: int | None = None,
    margin: float = 0.0,
    source: str | PathLike[str] | None = None,
) -> CheckedDemonstrations:
    """Check where they were recorded, sizes, the kind and range of the actions, and the number of demonstrations asked for.

    Where ``meta["environment"]`` is an id with a version, it has to be the environment's own: another version is another task. A
    module before it (``module:Name-v0``) counts for nothing. Any other text is told in a note, and where there is none nothing is known.

    Args:
        demonstrations: what was read.
        spec: the environment's sizes and bounds.
        actions: what to do with actions outside the box. ``error`` refuses them. ``clip`` moves them to the bound, and drops
            ``log_prob``, which is no density of a clipped action. A squashed policy has no density at the bound itself, and hardly any
            near it: give a ``margin``. ``raw`` keeps them: meant for an unsquashed policy, with the
            simulator's own clipping.
        num_demos: how many will be selected; ``None`` takes all.
        margin: by which share of half the box clipped actions stay within it.
        source: the file that they were read from, for the messages.

    Raises:
        DataError: lists all that does not fit.
        ConfigError: ``actions`` is no such policy.
    """
    if actions not in ACTION_POLICIES:
        raise ConfigError(f"expected --actions {', '.join(ACTION_POLICIES)}, got '{actions}'; choose one of them")
    name_problems, name_notes = _recorded_elsewhere(demonstrations, spec, source)
    problems = name_problems + _size_problems(demonstrations, spec, num_demos)
    kind_problems = _kind_problems(demonstrations, spec)
    notes = name_notes + _notes(demonstrations)
    if not kind_problems and spec.is_discrete:
        problems += _index_problems(demonstrations, spec)
    elif not kind_problems and spec.action_low:
        outside = _outside(demonstrations, spec)
        if outside.any() and actions == "error":
            got = f"{_fractions(outside)} outside, {_first(demonstrations, outside)}"
            problems.append(f"actions: expected all of them within the box of {spec.name}, got {got}; {REMEDY}")
        elif outside.any():
            if actions == "clip":
                demonstrations, note = _clipped(demonstrations, spec, outside, margin)
            else:
                note = _raw_note(outside)
            notes.append(note)
    if problems or kind_problems:
        raise DataError(problem_report(f"{source or 'demonstrations'} for {spec.name}", kind_problems + problems))
    return CheckedDemonstrations(demonstrations, tuple(notes))


REMEDY = (
    "use --actions clip (moves them to the bound and drops log_prob) "
    "or --actions raw (keeps them, for an unsquashed policy and a simulator that clips by itself)"
)


VERSIONED = re.compile(r"(?:[\w.]+:)?([\w./-]+-v\d+)")
"""An id as Gymnasium has them: a module perhaps, which registers it, then the name with its version."""


def _recorded_elsewhere(
    demonstrations: Demonstrations, spec: EnvironmentSpec, source: str | PathLike[str] | None
) -> tuple[list[str], list[str]]:
    """Problems and notes of the environment that the record names. Equal sizes say little: versions differ in their dynamics."""
    recorded = demonstrations.meta.get(ENVIRONMENT)
    if not isinstance(recorded, str) or not recorded or _without_module(recorded) == _without_module(spec.name):
        return [], []
    if VERSIONED.fullmatch(recorded) is None:
        return [], [f"meta names the environment '{recorded}', which is no id: that it is {spec.name} is not checked"]
    return [
        f"meta: expected demonstrations of {spec.name}, got those of {recorded}; use --env {recorded}, or, if you know that they fit, "
        f"write them anew under that name: triality demos convert {source or 'FILE'} OUT --env {spec.name}"
    ], []


def _without_module(name: str) -> str:
    found = VERSIONED.fullmatch(name)
    return name if found is None else found[1]


def _size_problems(demonstrations: Demonstrations, spec: EnvironmentSpec, num_demos: int | None) -> list[str]:
    problems = []
    size, longest = demonstrations.observations.shape[1], int(demonstrations.lengths.max())
    if size != spec.observation_size:
        problems.append(f"observations: expected {spec.observation_size} coordinates, got {size}; use the demonstrations of {spec.name}")
    if longest > spec.time_limit:
        problems.append(
            f"lengths: expected at most {spec.time_limit} steps (the time limit), got {longest}; use a longer time limit, or cut them"
        )
    if num_demos is not None and not 1 <= num_demos <= demonstrations.num_trajectories:
        have = demonstrations.num_trajectories
        problems.append(f"number of demonstrations: expected 1 to {have} (all there are), got {num_demos}; lower --num-demos")
    return problems


def _kind_problems(demonstrations: Demonstrations, spec: EnvironmentSpec) -> list[str]:
    if demonstrations.is_discrete and not spec.is_discrete:
        wanted = f"continuous actions of {spec.action_size} coordinates"
        return [f"actions: expected {wanted}, got discrete ones; use the demonstrations of {spec.name}"]
    if not demonstrations.is_discrete and spec.is_discrete:
        return [
            f"actions: expected discrete ones (0 to {spec.num_actions - 1}), got continuous ones; use the demonstrations of {spec.name}"
        ]
    if not spec.is_discrete and demonstrations.actions.shape[1] != spec.action_size:
        got = demonstrations.actions.shape[1]
        return [f"actions: expected {spec.action_size} coordinates, got {got}; use the demonstrations of {spec.name}"]
    return []


def _index_problems(demonstrations: Demonstrations, spec: EnvironmentSpec) -> list[str]:
    bad = (demonstrations.actions < 0) | (demonstrations.actions >= spec.num_actions)
    if not bad.any():
        return []
    first = int(np.argmax(bad))
    got = f"{int(bad.sum())} others, the first at index {first}: {demonstrations.actions[first]}"
    return [f"actions: expected indices 0 to {spec.num_actions - 1}, got {got}; number the actions as {spec.name} does"]


def _outside(demonstrations: Demonstrations, spec: EnvironmentSpec) -> Bool[np.ndarray, "steps act"]:
    low, high = _box(demonstrations, spec)
    return (demonstrations.actions < low) | (demonstrations.actions > high)


def _box(demonstrations: Demonstrations, spec: EnvironmentSpec) -> tuple[np.ndarray, np.ndarray]:
    """The bounds in the type of the actions: float32(0.4) lies above 0.4, and must not count as outside."""
    dtype = demonstrations.actions.dtype
    return np.asarray(spec.action_low, dtype), np.asarray(spec.action_high, dtype)


def _fractions(outside: Bool[np.ndarray, "steps act"]) -> str:
    return f"{outside.mean():.1%} of the coordinates ({outside.any(axis=1).mean():.1%} of the steps)"


def _first(demonstrations: Demonstrations, outside: Bool[np.ndarray, "steps act"]) -> str:
    """Where in the array, and what stands there."""
    step, coordinate = (int(index) for index in np.argwhere(outside)[0])
    return f"the first at index ({step}, {coordinate}): {demonstrations.actions[step, coordinate]:.6g}"


def _clipped(
    demonstrations: Demonstrations, spec: EnvironmentSpec, outside: Bool[np.ndarray, "steps act"], margin: float
) -> tuple[Demonstrations, str]:
    low, high = _box(demonstrations, spec)
    inset = (margin * (high - low) / 2).astype(low.dtype)
    clipped = np.clip(demonstrations.actions, low + inset, high - inset)
    dropped = "; their log_prob is dropped" if demonstrations.log_prob is not None else ""
    where = "the box" if margin == 0 else f"{1 - margin:.3g} of the box"
    note = f"clipped {int(outside.sum())} action coordinates to {where}, {_fractions(outside)}{dropped}"
    return dataclasses.replace(demonstrations, actions=clipped, log_prob=None), note


def _raw_note(outside: Bool[np.ndarray, "steps act"]) -> str:
    return f"kept actions outside the box, {_fractions(outside)}: use an unsquashed policy"


def _notes(demonstrations: Demonstrations) -> list[str]:
    notes = []
    duplicates = duplicate_fraction(demonstrations)
    if duplicates > 0:
        notes.append(f"{duplicates:.1%} of the demonstrations repeat an earlier one bit by bit; each still counts once more")
    near = near_duplicate_fraction(demonstrations) - duplicates
    if near > 1e-9:
        what = "of the demonstrations repeat another one" if duplicates == 0 else "more repeat one"
        notes.append(
            f"{near:.1%} {what} up to {NEAR:g} of each coordinate's range (copies with fewer digits?); each still counts once more"
        )
    if demonstrations.num_trajectories == 1:
        notes.append("there is a single demonstration: nothing tells how much demonstrations differ")
    return notes
