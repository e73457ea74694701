"""Episodes of Minari's Arrow and Parquet storage: a folder ``0``, ``1``, ... each, with one file of T + 1 rows. Imports no jax.

The last row of everything but the observations is padding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from triality.data.arrow import leaves, read_arrow, read_parquet_columns, to_numpy
from triality.data.demonstrations import problem_report
from triality.data.demonstrations_minari import LOG_PROB, OBSERVATION, Recorded, read_metadata
from triality.data.flattening import Keys, choose_names
from triality.errors import DataError

EPISODE = re.compile(r"0|[1-9][0-9]{0,17}")
COLUMNS = (OBSERVATION, "actions", "rewards", "terminations", "truncations")


def read_arrow_episodes(folder: Path, metadata: Mapping[str, Any], keys: Keys = None) -> list[Recorded]:
    """All episodes in the order of their numbers.

    Raises:
        DataError: no such files, damaged ones, columns missing, or other things than numbers in those that are read.
        ConfigError: pyarrow is not installed.
    """
    entries = sorted((int(entry.name), entry) for entry in folder.iterdir() if entry.is_dir() and EPISODE.fullmatch(entry.name))
    shapes = {part: _shapes(metadata.get(space)) for part, space in ((OBSERVATION, "observation_space"), ("actions", "action_space"))}
    return [_episode(entry, number, shapes, keys) for number, entry in entries]


def _episode(folder: Path, number: int, shapes: dict[str, dict[str, tuple[int, ...]]], keys: Keys) -> Recorded:
    files = sorted(path for path in folder.iterdir() if path.suffix in (".arrow", ".parquet") and path.is_file())
    if len(files) != 1:
        raise DataError(f"{folder}: expected one Arrow or Parquet file, got {len(files)}; copy the data set again")
    path = files[0]
    table = read_arrow(path) if path.suffix == ".arrow" else read_parquet_columns(path, lambda names: names)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(problem_report(str(path), [f"{name}: expected this column, got none; record it again" for name in missing]))
    parts = leaves(table[OBSERVATION], "")
    parts = {name or OBSERVATION: array for name, array in parts.items()}
    actions = {name or "actions": array for name, array in leaves(table["actions"], "").items()}
    steps = {name: to_numpy(f"{path}: {name}", table[name])[:-1] for name in COLUMNS[2:]}
    if "infos" in table.column_names:
        infos = leaves(table["infos"], "")
        found = next((name for name in LOG_PROB if name in infos), None)
        if found is not None:
            steps["log_prob"] = to_numpy(f"{path}: infos/{found}", infos[found])
    observations = {name: to_numpy(f"{path}: {name}", parts[name]) for name in choose_names(str(path), list(parts), keys)}
    weight = read_metadata(folder / "metadata.json").get("weight")
    return Recorded(
        f"episode {number}",
        {name: _reshaped(array, shapes[OBSERVATION].get(name)) for name, array in observations.items()},
        {name: to_numpy(f"{path}: {name}", array)[:-1] for name, array in actions.items()},
        steps,
        _weight(folder, weight),
    )


def _weight(folder: Path, weight: Any) -> float | None:
    try:
        return float(weight) if isinstance(weight, int | float) else None
    except OverflowError as error:
        raise DataError(f"{folder}: weight: expected a number that float64 holds, got {error}; record it again") from error


def _shapes(space: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of the boxes of a space, by path: files hold them flattened, and a picture is known by its sides."""
    try:
        return dict(_boxes(json.loads(space), ""))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError):
        return {}


def _boxes(space: Any, prefix: str) -> list[tuple[str, tuple[int, ...]]]:
    members = space.get("subspaces")
    if members is None:
        return [(prefix.removesuffix("/") or OBSERVATION, tuple(int(side) for side in space["shape"]))] if "shape" in space else []
    named = members.items() if isinstance(members, dict) else enumerate(members)
    return [each for name, member in named for each in _boxes(member, f"{prefix}{name}/")]


def _reshaped(array: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    return array.reshape(len(array), *shape) if shape and array.ndim == 2 and np.prod(shape) == array.shape[1] else array
