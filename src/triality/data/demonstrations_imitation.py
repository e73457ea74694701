"""Demonstrations as ``imitation`` 1.0 saves them: a folder of Hugging Face ``datasets``, one row a trajectory, in Arrow's stream layout.

Columns: ``obs`` (T + 1), ``acts`` (T), ``terminal`` (one flag), ``infos`` (T texts) and perhaps ``rews`` (T). The texts of ``infos`` are
jsonpickle, which can run code: they are never decoded. Imports no jax.

Reference: Gleave et al. 2022, imitation: Clean Imitation Learning Implementations, arXiv:2211.11972.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from triality.data.arrow import is_list, read_arrow, to_numpy
from triality.data.demonstrations import Demonstrations, problem_report
from triality.data.episodes import Episode, join_episodes, last_flag
from triality.data.flattening import Keys, choose_names, flatten
from triality.errors import DataError
from triality.runs.json_files import parse_foreign_json, read_short_file

STATE, SPLITS = "state.json", "dataset_dict.json"
COLUMNS = ("obs", "acts", "terminal")
LISTS = ("obs", "acts", "rews", "infos")
CUT = re.compile(r'"TimeLimit\.truncated":\s*(true|false)')
"""What Gymnasium's time limit leaves in the text of the last step's info. It is looked for as text."""


def is_datasets_folder(path: Path) -> bool:
    """Whether ``datasets`` saved this folder."""
    return (path / STATE).is_file() or (path / SPLITS).is_file()


def read_imitation(folder: Path, keys: Keys = None) -> Demonstrations:
    """The demonstrations. ``keys`` can only name ``obs``, which is one array here.

    How an episode ended: ``terminal`` is False where the recording was cut. Where it is True, imitation's own roll-outs do not tell
    termination from a time limit, so the last info's ``TimeLimit.truncated`` decides if every trajectory has it; if none has it and
    all are terminal, nothing is recorded, and an episode shorter than the environment's time limit counts as terminated.

    Raises:
        DataError: files missing or damaged, columns missing, other things than numbers in them.
        ConfigError: pyarrow is not installed.
    """
    if (folder / SPLITS).is_file():
        raise DataError(f"{folder}: expected one data set, got one folder for each split; name one of the folders in it")
    tables = [read_arrow(folder / name) for name in _data_files(folder)]
    for table in tables:
        problems = [f"{name}: expected this column, got none; save it with imitation" for name in COLUMNS if name not in table.column_names]
        problems += [
            f"{name}: expected a list a trajectory, got {table[name].type}; save it with imitation"
            for name in LISTS
            if name in table.column_names and not is_list(table[name].type)
        ]
        if problems:
            raise DataError(problem_report(str(folder), problems))
    choose_names(str(folder), ["obs"], keys)
    rows = [(table, index) for table in tables for index in range(table.num_rows)]
    ends = _ends(folder, rows)
    return join_episodes(
        str(folder),
        [_episode(folder, number, *row, end) for number, (row, end) in enumerate(zip(rows, ends, strict=True))],
        {"origin": "imitation (Hugging Face datasets)"},
    )


def _data_files(folder: Path) -> list[str]:
    """Names of the files, in the order that ``state.json`` gives."""
    try:
        state = parse_foreign_json(read_short_file(folder / STATE))
        names = [each["filename"] for each in state["_data_files"]]
        if state.get("_indices_data_files"):
            raise DataError(f"{folder}: expected rows in order, got an index of them; call flatten_indices() before save_to_disk")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / STATE}: expected the list of data files, got {type(error).__name__}: {error}; copy it again") from error
    bad = [name for name in names if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file()]
    if bad or not names:
        raise DataError(f"{folder}: expected the files that {STATE} lists, got none called {bad[0] if bad else 'anything'}; copy them all")
    return names


def _episode(folder: Path, number: int, table: Any, index: int, end: tuple[bool, bool] | None) -> Episode:
    name = f"trajectory {number}"

    def column(each: str) -> Any:
        if not table[each].slice(index, 1)[0].is_valid:
            raise DataError(f"{folder}: {name}: {each}: expected values, got none; save it again")
        return to_numpy(f"{folder}: {name}: {each}", table[each][index].values)

    observations, problems = flatten({"obs": column("obs")})
    if problems:
        raise DataError(problem_report(f"{folder}: {name}", problems))
    actions = column("acts")
    length = len(actions)
    return Episode(
        name,
        observations,
        actions.reshape(length, -1) if actions.ndim > 2 else actions,
        column("rews") if "rews" in table.column_names else None,
        None if end is None else last_flag(length, end[0]),
        None if end is None else last_flag(length, end[1]),
    )


def _ends(folder: Path, rows: Sequence[tuple[Any, int]]) -> list[tuple[bool, bool]] | list[None]:
    """Terminated and truncated of every trajectory, or nothing where it cannot be told."""
    terminal = [table["terminal"][index].as_py() for table, index in rows]
    if not all(isinstance(each, bool) for each in terminal):
        raise DataError(f"{folder}: terminal: expected one flag a trajectory, got other values; save it with imitation")
    cut = [_time_limit(table, index) for table, index in rows]
    if all(each is not None for each in cut):
        return [(flag and not each, bool(each) or not flag) for flag, each in zip(terminal, cut, strict=True)]
    if all(terminal):
        return [None] * len(rows)
    return [(flag, not flag) for flag in terminal]


def _time_limit(table: Any, index: int) -> bool | None:
    """Whether the last info says that a time limit cut; None where it says nothing."""
    if "infos" not in table.column_names:
        return None
    texts = table["infos"][index].values
    last = texts[len(texts) - 1].as_py() if texts is not None and len(texts) else None
    found = CUT.findall(last) if isinstance(last, str) else []
    return found[0] == "true" if len(found) == 1 else None
