"""``triality demos``: what is in a file of demonstrations, the same as npz or Minari, and whether it fits an environment. No jax."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from triality.cli.demos_options import DemosCheckOptions, DemosConvertOptions, DemosInfoOptions, DemosOptions
from triality.cli.names import Task, find_task, nearest
from triality.cli.outputs import check_file
from triality.data.checks import ENVIRONMENT, RESET_SEEDS, check_against
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.data.duplicates import duplicate_fraction, near_duplicate_fraction
from triality.data.minari_writer import check_minari_target, write_minari
from triality.data.one_length import lengths_in_words
from triality.errors import ConfigError, DataError
from triality.specs import MUJOCO_SPECS, SPECS, EnvironmentSpec

KNOWN = SPECS | MUJOCO_SPECS
MOST_META = 300
RECORDED_IN = "recorded_in"
"""In the demonstrations' meta: where they were recorded, if they count as those of another environment."""


def run(options: DemosOptions) -> int:
    """Do what was asked for; returns the exit code."""
    return ACTIONS[type(options.action)](options.action)


def find_any_task(name: str) -> Task:
    """The task of that id: compiled, or any that Gymnasium can make, so that what ``irl --host`` learns in can be checked as well.

    Raises:
        ConfigError: no such environment, naming the nearest; or one that no policy of ours can act in.
    """
    if name in KNOWN:
        return find_task(name)
    try:
        return find_task(name, host=True)
    except ConfigError as error:
        if error.__cause__ is None:  # Gymnasium made it
            raise
        raise ConfigError(
            f"expected an environment id, got '{name}', which Gymnasium cannot make either ({error.__cause__}); {nearest(name, KNOWN)}, "
            "or module:Name-v0 for one of your own"
        ) from error


def info(options: DemosInfoOptions) -> int:
    """Print what the file holds; returns the exit code."""
    asked = None if options.env is None else find_any_task(options.env).bare
    demonstrations = read_demonstrations_from(options.file, options.keys)
    spec = asked or _recorded_spec(demonstrations)
    table = Table(title=Text(str(options.file)), show_header=False)
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold")
    for what, found in describe(demonstrations, spec):
        table.add_row(Text(what), Text(found))
    Console().print(table)
    return 0


def _recorded_spec(demonstrations: Demonstrations) -> EnvironmentSpec | None:
    """Of the environment that the record names, if it is one of the table: a name in a file is no reason to import and make anything."""
    recorded = demonstrations.meta.get(ENVIRONMENT)
    return KNOWN.get(recorded) if isinstance(recorded, str) else None


def convert(options: DemosConvertOptions) -> int:
    """Read, write, say what was written; returns the exit code.

    Raises:
        ConfigError: what is to be written exists, or cannot be.
    """
    if options.to == "minari":
        check_minari_target(options.out)
    else:
        check_file(options.out)
        if os.path.lexists(options.out):
            raise ConfigError(f"{options.out}: expected a new file, got one that is there; choose another name")
    demonstrations = read_demonstrations_from(options.file, options.keys)
    if options.env is not None:
        demonstrations = counted_as(demonstrations, options.env)
    recorded = demonstrations.num_trajectories
    demonstrations = of_length(demonstrations, options.min_length)
    what = f"{demonstrations.num_trajectories} demonstrations, {demonstrations.num_steps} steps"
    if options.to == "minari":
        what += f", by minari.load_dataset('{write_minari(options.out, demonstrations)}')"
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_demonstrations(options.out, demonstrations)
    if demonstrations.num_trajectories < recorded:
        what += f"; {recorded - demonstrations.num_trajectories} of less than {options.min_length} steps left out"
    Console().print(Text(f"{options.out}: {what}"), soft_wrap=True)
    return 0


def of_length(demonstrations: Demonstrations, least: int) -> Demonstrations:
    """Those of at least so many steps; what the record says of each one goes with it.

    Raises:
        DataError: there are none.

    Example:
        >>> two = Demonstrations(np.zeros((3, 2)), np.zeros(3, int), np.array([1, 2]), meta={"reset_seeds": [7, 8]})
        >>> found = of_length(two, 2)
        >>> found.lengths.tolist(), found.meta
        ([2], {'reset_seeds': [8]})
    """
    kept = np.flatnonzero(demonstrations.lengths >= least)
    if not kept.size:
        longest = int(demonstrations.lengths.max())
        raise DataError(f"expected demonstrations of at least {least} steps, got none longer than {longest}; lower --min-length")
    if kept.size == demonstrations.num_trajectories:
        return demonstrations
    seeds, found = demonstrations.meta.get(RESET_SEEDS), demonstrations.take(kept)
    if not isinstance(seeds, list) or len(seeds) != demonstrations.num_trajectories:
        return found
    return replace(found, meta={**found.meta, RESET_SEEDS: [seeds[index] for index in kept]})


def counted_as(demonstrations: Demonstrations, env: str) -> Demonstrations:
    """The same, named as those of another environment; what they were named by before is kept as ``recorded_in``.

    Example:
        >>> one = Demonstrations(np.zeros((1, 2)), np.zeros(1, int), np.ones(1, int), meta={"environment": "Hopper-v4"})
        >>> counted_as(one, "Hopper-v5").meta
        {'recorded_in': 'Hopper-v4', 'environment': 'Hopper-v5'}
    """
    meta = dict(demonstrations.meta)
    before = {RECORDED_IN: meta[ENVIRONMENT]} if meta.get(ENVIRONMENT, env) != env else {}
    return replace(demonstrations, meta={**before, **meta, ENVIRONMENT: env})


def check(options: DemosCheckOptions) -> int:
    """Print notes where all fits; returns the exit code.

    Raises:
        DataError: lists all that does not fit.
    """
    task = find_any_task(options.env)
    demonstrations, spec = read_demonstrations_from(options.file, options.keys), task.bare
    checked = check_against(demonstrations, spec, options.actions, source=options.file)
    console = Console()
    for note in (*checked.notes, *_length_notes(demonstrations, task)):
        console.print(Text(f"note: {note}"), soft_wrap=True)
    what = f"{demonstrations.num_trajectories} demonstrations, {demonstrations.num_steps} steps"
    console.print(Text(f"{options.file}: {what}, fit {spec.name}"), soft_wrap=True)
    return 0


def _length_notes(demonstrations: Demonstrations, task: Task) -> list[str]:
    """Whole trajectories of other lengths than the roll-outs' are refused; whether they will be compared, the run decides."""
    lengths, limit = demonstrations.lengths, task.bare.time_limit
    if task.is_absorbing or (lengths == limit).all():
        return []
    return [
        f"{lengths_in_words(lengths)} where roll-outs have {limit} steps: triality irl takes them with --level step, or by an algorithm of "
        "single steps (airl, gail, bc, dagger), and refuses to compare whole trajectories"
    ]


ACTIONS: dict[type, Callable[[Any], int]] = {DemosInfoOptions: info, DemosConvertOptions: convert, DemosCheckOptions: check}


def describe(demonstrations: Demonstrations, spec: EnvironmentSpec | None = None) -> list[tuple[str, str]]:
    """What is in demonstrations, in words: pairs of what it is and what was found.

    Example:
        >>> dict(describe(Demonstrations(np.zeros((3, 2)), np.array([[1.0], [0.5], [0.0]]), np.array([2, 1]))))["actions at the bounds"]
        '33.3% of the coordinates, 33.3% of the steps at or outside -1 and 1'
    """
    meta = dict(demonstrations.meta)
    rows = [
        ("origin", str(meta.pop("origin", "not recorded"))),
        ("episodes", f"{demonstrations.num_trajectories}"),
        ("steps", f"{demonstrations.num_steps}"),
        ("lengths", _spread(demonstrations.lengths)),
        ("observations", f"{demonstrations.observations.shape[1]} numbers ({demonstrations.observations.dtype})"),
        ("actions", _actions(demonstrations)),
        ("returns", "not recorded" if demonstrations.rewards is None else _spread(demonstrations.returns())),
        ("ends", _ends(demonstrations)),
        ("next observations", "recorded" if demonstrations.next_observations is not None else "not recorded"),
        ("log_prob", "not recorded" if demonstrations.log_prob is None else f"{_spread(demonstrations.log_prob)} nats"),
        ("weights", "all equal" if demonstrations.weights is None else _spread(demonstrations.weights)),
        ("repeated episodes", f"{duplicate_fraction(demonstrations):.1%}, nearly {near_duplicate_fraction(demonstrations):.1%}"),
    ]
    bounds = _at_bounds(demonstrations, spec)
    rows += [("actions at the bounds", bounds)] if bounds else []
    text = json.dumps(meta, ensure_ascii=False, default=str)
    rows += [("meta", text if len(text) <= MOST_META else f"{text[:MOST_META]} ...")] if meta else []
    return rows


def _spread(values: np.ndarray) -> str:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return f"{low:,.6g} in all" if len(values) > 1 else f"{low:,.6g}"
    mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return f"mean {mean:,.6g}, deviation {deviation:,.4g}, {low:,.6g} to {high:,.6g}"


def _actions(demonstrations: Demonstrations) -> str:
    if demonstrations.is_discrete:
        return f"discrete, {int(demonstrations.actions.min())} to {int(demonstrations.actions.max())}"
    return f"{demonstrations.actions.shape[1]} numbers ({demonstrations.actions.dtype})"


def _ends(demonstrations: Demonstrations) -> str:
    last = np.cumsum(demonstrations.lengths) - 1
    flags = {"terminated": demonstrations.terminated, "truncated": demonstrations.truncated}
    told = [f"{int(flag[last].sum())} {name}" for name, flag in flags.items() if flag is not None]
    return ", ".join(told) or "not recorded: an episode shorter than the environment's time limit counts as terminated"


def _at_bounds(demonstrations: Demonstrations, spec: EnvironmentSpec | None) -> str:
    """Share of actions where a squashed policy has no density, or is at the edge of it."""
    if demonstrations.is_discrete:
        return ""
    actions, size = demonstrations.actions, demonstrations.actions.shape[1]
    if spec is not None and spec.action_size != size:
        return (
            f"not comparable: {spec.name} takes {spec.action_size} numbers"
            if not spec.is_discrete
            else f"{spec.name} takes discrete actions"
        )
    low, high = (spec.action_low, spec.action_high) if spec is not None else ((-1.0,) * size, (1.0,) * size)
    at = (actions <= np.asarray(low, actions.dtype)) | (actions >= np.asarray(high, actions.dtype))
    box = "-1 and 1" if spec is None else f"the box of {spec.name}"
    return f"{at.mean():.1%} of the coordinates, {at.any(axis=1).mean():.1%} of the steps at or outside {box}"
