"""Demonstrations in LeRobot's layout v3.0: Parquet files with many episodes each, one row a step; states and actions only.

Read: ``meta/info.json``, ``data/chunk-*/file-*.parquet`` with ``observation.state``, ``action``, ``episode_index``, ``frame_index`` and,
where there, ``next.reward``, ``next.done``, ``next.terminated``, ``next.truncated``. Videos are never opened. Imports no jax.

Reference: LeRobotDataset v3.0, https://huggingface.co/docs/lerobot/lerobot-dataset-v3.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from triality.data.arrow import read_parquet_columns, to_numpy
from triality.data.demonstrations import Demonstrations, problem_report
from triality.data.episodes import Episode, join_episodes
from triality.data.flattening import Keys, choose_names, flatten
from triality.errors import DataError
from triality.runs.json_files import parse_foreign_json, read_short_file

INFO, STATE, PREFIX = "meta/info.json", "observation.state", "observation."
INDICES = ("episode_index", "frame_index")
OPTIONAL = ("next.reward", "next.done", "next.terminated", "next.truncated")
PICTURES = ("image", "video")


def is_lerobot(path: Path) -> bool:
    """Whether the folder has LeRobot's metadata."""
    return (path / INFO).is_file()


def read_lerobot(folder: Path, keys: Keys = None) -> Demonstrations:
    """The demonstrations. ``keys`` chooses other features than ``observation.state``, with or without ``observation.`` before them.

    ``next.done`` is true at the end of every episode in most data sets, whatever ended it: then it tells nothing, and an episode shorter
    than the environment's time limit counts as terminated. Where it is false at the end of some, those were cut.

    Raises:
        DataError: another version, files missing or damaged, pictures chosen, steps missing or out of order.
        ConfigError: pyarrow is not installed.
    """
    info = _info(folder)
    chosen = _chosen(folder, info, keys)
    files = sorted(folder.glob("data/chunk-*/file-*.parquet"))
    if not files:
        raise DataError(f"{folder}: expected data/chunk-000/file-000.parquet and so on, got none; copy the data folder too")
    parts = [_columns(path, chosen) for path in files]
    problems = [f"{name}: expected it in every file, got it in some only; copy the data set again" for name in _uneven(parts)]
    if problems:
        raise DataError(problem_report(str(folder), problems))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    _check_counts(folder, info, columns)
    observations, problems = flatten({name: columns[name] for name in chosen})
    if problems:
        raise DataError(problem_report(str(folder), problems))
    meta = {
        "origin": "LeRobot v3",
        "lerobot": {name: info[name] for name in ("robot_type", "fps") if isinstance(info.get(name), str | int | float)},
    }
    return join_episodes(str(folder), _episodes(folder, observations, columns), meta)


def _info(folder: Path) -> dict[str, Any]:
    path = folder / INFO
    try:
        info = parse_foreign_json(read_short_file(path))
        version, features = info["codebase_version"], info["features"]
        if not isinstance(features, dict) or not all(isinstance(each, dict) for each in features.values()):
            raise TypeError("features is no object of objects")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected LeRobot's metadata, got {type(error).__name__}: {error}; copy the data set again") from error
    if not str(version).startswith("v3."):
        raise DataError(f"{path}: expected codebase_version v3.0, got {version}; convert it with lerobot's convert_dataset_v21_to_v30")
    return info


def _chosen(folder: Path, info: dict[str, Any], keys: Keys) -> list[str]:
    features = info["features"]
    if keys is None:
        if STATE not in features:
            raise DataError(f"{folder}: expected the feature {STATE}, got {', '.join(sorted(features))}; choose some with --keys")
        return [STATE]
    names = [name for name in features if name.startswith(PREFIX)]
    chosen = choose_names(
        str(folder), names, [key if key in features or f"{PREFIX}{key}" not in features else f"{PREFIX}{key}" for key in keys]
    )
    pictures = [name for name in chosen if features[name].get("dtype") in PICTURES]
    if pictures:
        raise DataError(f"{folder}: {', '.join(pictures)}: expected numbers of a state, got pictures, which are not read; leave them out")
    return chosen


def _columns(path: Path, chosen: list[str]) -> dict[str, np.ndarray]:
    required = [*chosen, "action", *INDICES]

    def wanted(names: list[str]) -> list[str]:
        missing = [f"{name}: expected this column, got none; copy the data set again" for name in required if name not in names]
        if missing:
            raise DataError(problem_report(str(path), missing))
        return [*required, *(name for name in OPTIONAL if name in names)]

    table = read_parquet_columns(path, wanted)
    return {name: to_numpy(f"{path}: {name}", table[name]) for name in table.column_names}


def _uneven(parts: list[dict[str, np.ndarray]]) -> list[str]:
    everywhere = set.intersection(*(set(part) for part in parts))
    return sorted(set.union(*(set(part) for part in parts)) - everywhere)


def _check_counts(folder: Path, info: dict[str, Any], columns: dict[str, np.ndarray]) -> None:
    """A file that is missing is known by the totals of the metadata."""
    have = {"total_frames": len(columns["action"]), "total_episodes": len(np.unique(columns["episode_index"]))}
    problems = [
        f"{name}: expected {info[name]} (by {INFO}), got {count}; copy all data files"
        for name, count in have.items()
        if isinstance(info.get(name), int) and info[name] != count
    ]
    if problems:
        raise DataError(problem_report(str(folder), problems))


def _episodes(folder: Path, observations: np.ndarray, columns: dict[str, np.ndarray]) -> list[Episode]:
    index, frame = (columns[name].reshape(-1) for name in INDICES)
    cuts = np.flatnonzero(np.diff(index) != 0) + 1
    starts = np.concatenate([[0], cuts]) if len(index) else np.zeros(0, int)
    bounds = [*starts.tolist(), len(index)]
    problems = [
        f"episode {index[start]}: expected frame_index 0, 1, 2, ..., got {frame[start:end][:3].tolist()} ...; sort the rows, or copy again"
        for start, end in pairwise(bounds)
        if not np.array_equal(frame[start:end], np.arange(end - start))
    ]
    if problems:
        raise DataError(problem_report(str(folder), problems[:10]))
    terminated, truncated = _flags(folder, columns, np.array(bounds[1:], int) - 1)

    def rows(array: np.ndarray | None, start: int, end: int) -> np.ndarray | None:
        return None if array is None else array[start:end]

    rewards = columns["next.reward"].reshape(len(index)) if "next.reward" in columns else None
    actions = columns["action"]
    return [
        Episode(
            f"episode {index[start]}",
            observations[start:end],
            actions[start:end] if actions.ndim < 3 else actions[start:end].reshape(end - start, -1),
            rows(rewards, start, end),
            rows(terminated, start, end),
            rows(truncated, start, end),
        )
        for start, end in pairwise(bounds)
    ]


def _flags(folder: Path, columns: dict[str, np.ndarray], last: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    flags = {name: columns[name].reshape(len(columns["action"])) for name in OPTIONAL[1:] if name in columns}
    problems = [
        f"{name}: expected 0 or 1 a step, got others; save booleans" for name, flag in flags.items() if not np.isin(flag, (0, 1)).all()
    ]
    if problems:
        raise DataError(problem_report(str(folder), problems))
    flags = {name: flag.astype(bool) for name, flag in flags.items()}
    if "next.terminated" in flags or "next.truncated" in flags:
        return flags.get("next.terminated"), flags.get("next.truncated")
    done = flags.get("next.done")
    if done is None or done[last].all():
        return None, None
    cut = np.zeros_like(done)
    cut[last] = ~done[last]
    return done, cut
