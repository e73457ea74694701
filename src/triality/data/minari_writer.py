"""Demonstrations as a Minari data set (HDF5), which ``minari.load_dataset`` reads. Imports no jax; minari itself is not needed.

Minari wants a reward, two end flags and T + 1 observations. What was not recorded is filled (rewards with NaN, flags with False, the
last observation with the one before) and listed under ``triality`` in ``metadata.json``, so that reading the folder again gives the
same demonstrations, and nobody takes a filling for data.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_minari import HDF5, METADATA, OWN, read_minari
from triality.data.optional_packages import import_package
from triality.errors import ConfigError, DataError, StorageError
from triality.runs.atomic import TEMPORARY_PREFIX, sync_folder
from triality.runs.json_files import to_json_value

VERSION = "0.5.4"
"""Version of Minari whose layout this is."""
NAME = re.compile(r"[-_\w]+-v\d+")
FILLED = {"rewards": "rewards", "terminations": "terminated", "truncations": "truncated", "next_observations": "next_observations"}


def write_minari(folder: str | PathLike[str], demonstrations: Demonstrations) -> str:
    """Make the data set ``folder``, such as ``datasets/pendulum/expert-v0``, whole or not at all; returns the id that Minari loads it by.

    The id is the path below the folder that ``MINARI_DATASETS_PATH`` names, or the folder's own name. Log-densities go to
    ``infos/log_prob`` (T + 1, the first, of the reset, is NaN), weights to the attribute ``weight`` of the episode. Spaces are boxes
    without bounds, which demonstrations do not record, and as many discrete actions as were seen.

    Raises:
        ConfigError: the folder is there already, its name does not end in ``-v`` and a number, or h5py is not installed.
        DataError: successors that are not the next step's observations, which this layout cannot hold.
        StorageError: the operating system refused.
    """
    folder = Path(folder)
    check_minari_target(folder)
    h5py = import_package("h5py")
    observations = _observations(demonstrations)
    temporary = folder.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        data = temporary / "data"
        data.mkdir(parents=True)
        with h5py.File(data / HDF5, "w", track_order=True) as file:
            for index, steps in enumerate(_slices(demonstrations)):
                _write_episode(file.create_group(f"episode_{index}"), index, demonstrations, steps, observations[index])
        size = round((data / HDF5).stat().st_size / 1e6, 1)
        metadata = _metadata(folder, demonstrations, observations[0].dtype, size)
        (data / METADATA).write_text(json.dumps(metadata), encoding="utf-8")
        read_minari(data)
        os.rename(temporary, folder)
        sync_folder(folder.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{folder}: expected to be able to write it, got '{reason}'; free space or choose another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return str(metadata["dataset_id"])


def check_minari_target(folder: Path) -> None:
    """Raise unless a data set can be made there.

    Raises:
        ConfigError: something is there, or Minari would not take the name.
    """
    if not NAME.fullmatch(folder.name):
        raise ConfigError(f"{folder}: expected a name that Minari takes, such as pendulum-expert-v0, got '{folder.name}'; end it in -v0")
    if os.path.lexists(folder):
        raise ConfigError(f"{folder}: expected a new folder, got one that is there; choose another name, such as the next version")


def _observations(demonstrations: Demonstrations) -> list[np.ndarray]:
    """T + 1 observations of every episode; the last is repeated where no successor was recorded."""
    result, recorded = [], demonstrations.next_observations
    for index, steps in enumerate(_slices(demonstrations)):
        before = demonstrations.observations[steps]
        after = before if recorded is None else recorded[steps]
        if recorded is not None and not np.array_equal(after[:-1], before[1:]):
            step = int(np.argmax((after[:-1] != before[1:]).any(axis=1)))
            raise DataError(
                f"expected next_observations equal to the next step's observations, which is all that Minari holds, got others in "
                f"trajectory {index} at step {step}; write npz, or leave next_observations out"
            )
        result.append(np.concatenate([before, after[-1:]]))
    return result


def _slices(demonstrations: Demonstrations) -> list[slice]:
    ends = np.cumsum(demonstrations.lengths)
    return [slice(int(end - length), int(end)) for end, length in zip(ends, demonstrations.lengths, strict=True)]


def _write_episode(group: Any, index: int, demonstrations: Demonstrations, steps: slice, observations: np.ndarray) -> None:
    length = int(demonstrations.lengths[index])
    group.attrs["id"], group.attrs["total_steps"] = index, length
    if demonstrations.weights is not None:
        group.attrs["weight"] = demonstrations.weights[index]
    group["observations"], group["actions"] = observations, demonstrations.actions[steps]
    group["rewards"] = np.full(length, np.nan) if demonstrations.rewards is None else demonstrations.rewards[steps]
    for name, flags in (("terminations", demonstrations.terminated), ("truncations", demonstrations.truncated)):
        group[name] = np.zeros(length, bool) if flags is None else flags[steps]
    if demonstrations.log_prob is not None:
        log_prob = demonstrations.log_prob[steps]
        group["infos/log_prob"] = np.concatenate([np.full(1, np.nan, log_prob.dtype), log_prob])


def _metadata(folder: Path, demonstrations: Demonstrations, dtype: np.dtype, size: float) -> dict[str, Any]:
    size_of_box = demonstrations.observations.shape[1]
    if demonstrations.is_discrete:
        action_space = {"type": "Discrete", "dtype": "int64", "start": 0, "n": int(demonstrations.actions.max()) + 1}
    else:
        action_space = _box(demonstrations.actions.shape[1], demonstrations.actions.dtype)
    return {
        "total_episodes": demonstrations.num_trajectories,
        "total_steps": demonstrations.num_steps,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": json.dumps(_box(size_of_box, dtype)),
        "action_space": json.dumps(action_space),
        "dataset_id": _dataset_id(folder),
        "minari_version": VERSION,
        "dataset_size": size,
        OWN: {
            "absent": [name for name, field in FILLED.items() if getattr(demonstrations, field) is None],
            "meta": to_json_value(demonstrations.meta),
        },
    }


def _box(size: int, dtype: np.dtype) -> dict[str, Any]:
    return {"type": "Box", "dtype": str(dtype), "shape": [size], "low": [-np.inf] * size, "high": [np.inf] * size}


def _dataset_id(folder: Path) -> str:
    """Path below Minari's own folder of data sets; the folder's name elsewhere."""
    home = os.environ.get("MINARI_DATASETS_PATH")
    if home and folder.resolve().is_relative_to(Path(home).resolve()):
        return folder.resolve().relative_to(Path(home).resolve()).as_posix()
    return folder.name
