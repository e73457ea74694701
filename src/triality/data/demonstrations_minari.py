"""Demonstrations in Minari's layout: a folder with ``metadata.json`` and HDF5, Arrow or Parquet files, one group or folder an episode.

An episode holds T + 1 observations and T actions, each an array or, for Dict and Tuple spaces, a group of them. The layout is that of
Minari 0.5.4; the metadata of Minari 0.4, which stand in the HDF5 file itself, are read as well. Imports no jax.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from triality.data.demonstrations import Demonstrations, problem_report
from triality.data.episodes import Episode, join_episodes
from triality.data.flattening import Keys, flatten, sorted_names
from triality.errors import DataError
from triality.runs.json_files import parse_foreign_json, read_short_file

METADATA, HDF5 = "metadata.json", "main_data.hdf5"
OWN = "triality"
"""Key of what this library writes into the metadata, and what Minari leaves alone: ``meta`` and what was not recorded."""
OBSERVATION = "observations"
"""Name of an observation that is one array."""
LOG_PROB = ("log_prob", "action_log_probs", "logprob")
"""Names among the infos under which log-densities of the actions are looked for."""
MOST_TEXT = 2000


class Recorded(NamedTuple):
    """An episode as it is stored.

    Fields:
        name: what messages call it.
        observations: the chosen arrays by path, T + 1 rows each.
        actions: all arrays by path, T rows each.
        steps: ``rewards``, ``terminations``, ``truncations`` of T rows, and ``log_prob`` of T or, as infos are, T + 1.
        weight: of the trajectory, if one is stored.
    """

    name: str
    observations: dict[str, np.ndarray]
    actions: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]
    weight: np.floating | float | None = None


def minari_folder(path: Path) -> Path | None:
    """The folder that holds the data, where ``path`` is that folder or the data set's own; else None."""
    for folder in (path, path / "data"):
        if (folder / HDF5).is_file() or ((folder / METADATA).is_file() and "data_format" in read_metadata(folder / METADATA)):
            return folder
    return None


def read_metadata(path: Path) -> dict[str, Any]:
    """The JSON object in ``metadata.json``; empty where there is no such file.

    Raises:
        DataError: damaged, or no object.
    """
    if not path.is_file():
        return {}
    try:
        found = parse_foreign_json(read_short_file(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected JSON, got damaged text ({error}); copy the data set again") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected a JSON object, got a {type(found).__name__}; copy the data set again")
    return found


def read_minari(folder: Path, keys: Keys = None) -> Demonstrations:
    """The demonstrations in a folder that ``minari_folder`` found.

    Raises:
        DataError: whatever is missing, damaged or does not fit.
        ConfigError: h5py or pyarrow is not installed.
    """
    metadata = read_metadata(folder / METADATA)
    if (folder / HDF5).is_file():
        from triality.data.minari_hdf5 import read_hdf5_episodes

        return join_recorded(str(folder), *read_hdf5_episodes(folder / HDF5, metadata, keys), "HDF5")
    from triality.data.minari_arrow import read_arrow_episodes

    return join_recorded(str(folder), read_arrow_episodes(folder, metadata, keys), metadata, str(metadata["data_format"]).capitalize())


def join_recorded(source: str, recorded: list[Recorded], metadata: Mapping[str, Any], layout: str) -> Demonstrations:
    """The demonstrations of all episodes.

    Raises:
        DataError: fewer episodes than the metadata say, or arrays that do not fit.
    """
    expected = metadata.get("total_episodes")
    if isinstance(expected, int | np.integer) and expected != len(recorded):
        raise DataError(f"{source}: expected {expected} episodes (total_episodes of the metadata), got {len(recorded)}; copy it again")
    own = metadata.get(OWN)
    own = own if isinstance(own, dict) else {}
    absent = own.get("absent", [])
    episodes, problems = [], []
    for each in recorded:
        episode, found = _episode(each if own else each._replace(weight=None), absent if isinstance(absent, list) else [])
        episodes.append(episode)
        problems += [f"{each.name}: {text}" for text in found]
    if problems:
        raise DataError(problem_report(source, problems))
    meta = own.get("meta")
    return join_episodes(source, episodes, meta if isinstance(meta, dict) else _meta(metadata, layout))


def _episode(recorded: Recorded, absent: list[str]) -> tuple[Episode, list[str]]:
    observations, problems = flatten(recorded.observations)
    actions, action_problems = _actions(recorded.actions)
    steps = {name: array for name, array in recorded.steps.items() if name not in absent}
    log_prob = steps.get("log_prob")
    if log_prob is not None:
        log_prob = log_prob.reshape(len(log_prob), -1)
        log_prob = log_prob[len(log_prob) - len(actions) :, 0] if log_prob.shape[1] == 1 else None  # infos start with the reset's
    if "next_observations" in absent:
        observations = observations[: len(actions)]
    terminated, truncated = (steps.get(name) for name in ("terminations", "truncations"))
    episode = Episode(recorded.name, observations, actions, steps.get("rewards"), terminated, truncated, log_prob, recorded.weight)
    return episode, problems + action_problems


def _actions(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """One array of integers as it is, of floats as a matrix; several side by side if all are floats."""
    if len(arrays) == 1:
        array = next(iter(arrays.values()))
        if array.ndim == 1 and array.dtype.kind in "iu":
            return array, []
    kinds = {name: array.dtype.kind for name, array in arrays.items()}
    if set(kinds.values()) != {"f"}:
        told = ", ".join(f"{array.dtype} of shape {array.shape} in {name}" for name, array in arrays.items())
        return np.zeros(0), [f"actions: expected one discrete action or continuous ones, got {told}; such action spaces are not read"]
    matrix, problems = flatten({name: arrays[name] for name in sorted_names(list(arrays))})
    return matrix, [f"actions: {text}" for text in problems]


def _meta(metadata: Mapping[str, Any], layout: str) -> dict[str, Any]:
    """Where the data came from: short texts and numbers of the metadata, and the environment's id."""
    found = {"origin": f"Minari {layout}"}
    short = {name: value for name, value in metadata.items() if isinstance(value, str | int) and len(str(value)) <= MOST_TEXT}
    try:
        environment = json.loads(metadata.get("env_spec") or "{}").get("id")
    except (ValueError, TypeError, AttributeError, RecursionError):
        environment = None
    if isinstance(environment, str):
        found["environment"] = environment
    return {**found, "minari": short}
