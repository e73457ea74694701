"""Demonstrations in D4RL's HDF5 layout (Fu et al. 2020): all steps in a row, cut where ``terminals`` or ``timeouts`` are set.

Read: ``observations``, ``actions``, ``rewards``, ``terminals``, ``timeouts``, ``next_observations`` and ``infos/action_log_probs``.
Imports no jax.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from triality.data.columns import convert_columns
from triality.data.demonstrations import Demonstrations, problem_report
from triality.data.flattening import Keys, choose_names, flatten
from triality.data.hdf5 import Hdf5File
from triality.errors import DataError

FLAGS = {"terminals": "terminated", "timeouts": "truncated"}
MOST_TEXT = 1000
VECTORS = {"rewards": "rewards", "infos/action_log_probs": "log_prob"}


def is_d4rl(file: Hdf5File) -> bool:
    """Whether the file has D4RL's two arrays at its root."""
    return {"observations", "actions"} <= set(file.names(file.root)) and file.is_array(file.root, "actions")


def read_d4rl(file: Hdf5File, keys: Keys = None) -> Demonstrations:
    """The demonstrations; steps after the last end flag are left out, as D4RL's own ``sequence_dataset`` does, and counted in ``meta``.

    With ``keys``, an observation is made of arrays of that name: ``observations``, its members where it is a group, or arrays of
    ``infos`` such as ``qpos`` and ``qvel``; then no ``next_observations`` are known.

    Raises:
        DataError: arrays that are not there or do not fit, no end flag anywhere, NaN.
    """
    source, leaves = str(file.path), dict(file.leaves(file.root))
    problems = [f"{name}: expected this array, got none; add it" for name in ("terminals",) if name not in leaves]
    if problems:
        raise DataError(problem_report(source, problems))
    parts = [name for name in leaves if name.split("/")[0] in ("observations", "infos") and name not in VECTORS]
    usual = [name for name in parts if name.split("/")[0] == "observations"]
    chosen = choose_names(source, parts if keys is not None else usual, keys)
    observations, problems = flatten({name: file.read(leaves[name]) for name in chosen})
    arrays: dict[str, np.ndarray] = {"observations": observations, "actions": _matrix(file.read(leaves["actions"]))}
    if chosen == ["observations"] and "next_observations" in leaves:
        arrays["next_observations"] = file.read(leaves["next_observations"])
    arrays |= {field: _vector(file.read(leaves[name])) for name, field in VECTORS.items() if name in leaves}
    flags = {field: _flags(name, file.read(leaves[name]), problems) for name, field in FLAGS.items() if name in leaves}
    arrays |= flags
    rows = {name: len(array) for name, array in arrays.items()}
    if not problems and len(set(rows.values())) > 1:
        told = ", ".join(f"{count} of {name}" for name, count in rows.items())
        problems.append(f"expected as many rows in every array, got {told}; save one row a step")
    if problems:
        raise DataError(problem_report(source, problems))
    return _cut(source, arrays, np.logical_or.reduce(list(flags.values())), _meta(file))


def _cut(source: str, arrays: dict[str, np.ndarray], ends: np.ndarray, meta: dict[str, Any]) -> Demonstrations:
    last = np.flatnonzero(ends)
    if not len(last):
        raise DataError(
            f"{source}: expected terminals or timeouts to be set where episodes end, got none set in {len(ends)} steps; "
            "set timeouts at the last step of each episode"
        )
    finished = int(last[-1]) + 1
    if finished < len(ends):
        meta["unfinished_steps_left_out"] = len(ends) - finished
    if "truncated" in arrays:  # some files set both at a time limit; the environment's own end goes before
        arrays["truncated"] = arrays["truncated"] & ~arrays["terminated"]
    columns, problems = convert_columns(
        {**{name: array[:finished] for name, array in arrays.items()}, "lengths": np.diff(last, prepend=-1)}
    )
    if problems:
        raise DataError(problem_report(source, problems))
    return Demonstrations(**columns, meta=meta)


def _meta(file: Hdf5File) -> dict[str, Any]:
    """Numbers and short texts of the group ``metadata``, without the weights of the policy."""
    found: dict[str, Any] = {}
    if file.is_group(file.root, "metadata"):
        for name, array in file.leaves(file.root["metadata"]):
            value = file.read_word(array)
            if value is not None:
                found[name] = value[:MOST_TEXT] if isinstance(value, str) else value
    return {"origin": "D4RL HDF5", **({"d4rl": found} if found else {})}


def _matrix(array: np.ndarray) -> np.ndarray:
    """Discrete actions are sometimes stored as one column of integers."""
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "iu" else array


def _vector(array: np.ndarray) -> np.ndarray:
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _flags(name: str, array: np.ndarray, problems: list[str]) -> np.ndarray:
    flat = _vector(array)
    if flat.ndim != 1 or not np.isin(flat, (0, 1)).all():
        problems.append(f"{name}: expected one 0 or 1 a step, got {array.dtype} of shape {array.shape}; save booleans")
        return np.zeros(len(array), bool)
    return flat.astype(bool)
