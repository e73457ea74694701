"""Episodes of Minari's ``main_data.hdf5``: a group ``episode_0``, ``episode_1``, ... each. Imports no jax."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from triality.data.demonstrations import problem_report
from triality.data.demonstrations_minari import LOG_PROB, OBSERVATION, Recorded
from triality.data.flattening import Keys, choose_names
from triality.data.hdf5 import Hdf5File, with_hdf5
from triality.errors import DataError

EPISODE = re.compile(r"episode_(0|[1-9][0-9]{0,17})")
STEPS = ("rewards", "terminations", "truncations")


def is_minari(file: Hdf5File) -> bool:
    """Whether the file has a group ``episode_0``."""
    return file.is_group(file.root, "episode_0")


def read_hdf5_episodes(path: Path, metadata: Mapping[str, Any], keys: Keys = None) -> tuple[list[Recorded], dict[str, Any]]:
    """All episodes in the order of their numbers, and the metadata, from the file where ``metadata`` are empty.

    Raises:
        DataError: damaged, arrays missing, or other things than numbers in those that are read.
    """

    def use(file: Hdf5File) -> tuple[list[Recorded], dict[str, Any]]:
        numbers = sorted(int(found[1]) for name in file.names(file.root) if (found := EPISODE.fullmatch(name)))
        episodes = [_episode(file, number, keys) for number in numbers]
        return episodes, dict(metadata) if metadata else {name: _plain(value) for name, value in file.root.attrs.items()}

    return with_hdf5(path, use)


def _episode(file: Hdf5File, number: int, keys: Keys) -> Recorded:
    name = f"episode_{number}"
    group = file.root[name]
    missing = [each for each in (OBSERVATION, "actions", *STEPS) if each not in file.names(group)]
    if missing:
        raise DataError(
            problem_report(str(file.path), [f"{name}/{each}: expected this array, got none; record it again" for each in missing])
        )
    parts = _tree(file, group, OBSERVATION)
    chosen = choose_names(f"{file.path}: {name}", list(parts), keys)
    steps = {each: file.read(group[each]) for each in STEPS}
    if file.is_group(group, "infos"):
        infos = group["infos"]
        found = next((each for each in LOG_PROB if file.is_array(infos, each)), None)
        if found is not None:
            steps["log_prob"] = file.read(infos[found])
    weight = group.attrs.get("weight")
    return Recorded(
        name.replace("_", " "),
        {each: file.read(parts[each]) for each in chosen},
        {each: file.read(array) for each, array in _tree(file, group, "actions").items()},
        steps,
        weight if isinstance(weight, np.floating) else None,
    )


def _tree(file: Hdf5File, group: Any, name: str) -> dict[str, Any]:
    """Arrays below ``name`` by path, where the members of a tuple are numbers; the array itself where it is one."""
    if file.is_array(group, name):
        return {name: group[name]}
    found = {}
    for path, array in file.leaves(group[name]):
        found["/".join(part.removeprefix("_index_") for part in path.split("/"))] = array
    return found


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
