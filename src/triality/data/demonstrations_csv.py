"""Demonstrations as text: one row a step, named columns between commas, semicolons or tabs. Imports no jax.

| column | what it is |
|---|---|
| ``episode`` | the same value in every row of an episode, whose rows stand together; **required** |
| ``obs_0``, ``obs_1``, ... | what was seen before the action; **required**, unless ``keys`` names other columns |
| ``action`` or ``action_0``, ``action_1``, ... | a whole number (discrete), or numbers (continuous); one of the two is **required** |
| ``next_obs_0``, ... ``reward``, ``terminated``, ``truncated``, ``log_prob`` | as in the npz; flags are 0 and 1, or True and False |
| ``step`` | 0, 1, 2, ... in every episode; checked where there |
"""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from triality.data.columns import convert_columns
from triality.data.demonstrations import Demonstrations, problem_report
from triality.data.flattening import Keys
from triality.data.text_lines import MOST_CHARACTERS, short_lines
from triality.errors import DataError

SINGLE = {"reward": "rewards", "terminated": "terminated", "truncated": "truncated", "log_prob": "log_prob"}
FLAGS = ("terminated", "truncated")
FAMILIES = {"obs": "observations", "next_obs": "next_observations", "action": "actions"}
DELIMITERS = (",", ";", "\t")
MOST_CELLS = 2**28
MOST_BYTES = 4 * 2**30
EXACT = 2**53
"""Whole numbers up to here are all different in float64."""
TRUTH = {"true": 1.0, "false": 0.0}


class _Text(NamedTuple):
    """The rows of a file by column, with the line that each row ends on."""

    columns: dict[str, list[str]]
    lines: list[int]


def read_csv(path: Path, keys: Keys = None) -> Demonstrations:
    """The demonstrations. With ``keys`` the observation is made of the columns of these names, and columns unknown are left alone.

    Raises:
        DataError: columns missing, unknown or numbered with gaps; cells that are no numbers; episodes whose rows do not stand
            together. Problems are listed together, with column and line.
    """
    text = _read(path)
    problems: list[str] = []
    names = _families(list(text.columns), keys, problems)
    if problems:
        raise DataError(problem_report(str(path), problems))
    numbers = {
        name: _numbers(text, name, problems)
        for name in (*(each for group in names.values() for each in group), *SINGLE)
        if name in text.columns
    }
    lengths = _lengths(text, problems)
    if problems:
        raise DataError(problem_report(str(path), problems))
    arrays: dict[str, np.ndarray] = {"lengths": lengths}
    for family, group in names.items():
        arrays[family] = np.stack([numbers[name] for name in group], axis=1)
    if names["actions"] == ["action"]:
        arrays["actions"] = _indices(arrays["actions"][:, 0], text, problems)
    arrays |= {SINGLE[name]: numbers[name] for name in SINGLE if name in numbers}
    for name in FLAGS:
        if name in arrays:
            arrays[name] = _flags(name, arrays[name], text, problems)
    columns, more = convert_columns(arrays) if not problems else ({}, [])
    if problems or more:
        raise DataError(problem_report(str(path), problems + more))
    return Demonstrations(**columns, meta={"origin": "CSV"})


def _read(path: Path) -> _Text:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise DataError(f"{path}: expected at most {MOST_BYTES >> 30} GiB of text, got {size} bytes; convert the file in parts")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(path, file.readline(MOST_CHARACTERS))
            file.seek(0)
            reader = csv.reader(short_lines(path, file), delimiter=delimiter, skipinitialspace=True, strict=True)
            names = [cell.strip() for cell in next(reader)]
            if "episode" not in names:
                raise DataError(f"{path}: expected a column called episode, got {', '.join(names)[:60]!a}; repair the quotes of the names")
            twice = sorted(name for name, count in Counter(names).items() if count > 1)
            if twice:
                raise DataError(f"{path}: expected every column name once, got '{twice[0]}' more than once; rename one")
            cells: list[list[str]] = [[] for _ in names]
            lines: list[int] = []
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != len(names):
                    raise DataError(f"{path}: expected {len(names)} cells in line {reader.line_num}, got {len(row)}; repair the line")
                for column, cell in zip(cells, row, strict=True):
                    column.append(cell.strip())
                lines.append(reader.line_num)
                if len(lines) * len(names) > MOST_CELLS:
                    raise DataError(f"{path}: expected at most {MOST_CELLS} cells, got more; convert the file in parts")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text in UTF-8, npz or HDF5, or a folder, got bytes of another format; convert it") from error
    except csv.Error as error:
        raise DataError(f"{path}: expected quotes in pairs around a cell, got others ({error}); repair them") from error
    if not lines:
        raise DataError(f"{path}: expected rows below the names, got none; check the file")
    return _Text(dict(zip(names, cells, strict=True)), lines)


def _delimiter(path: Path, line: str) -> str:
    """The one that makes a column called episode."""
    for delimiter in DELIMITERS:
        if "episode" in [cell.strip().strip('"') for cell in line.split(delimiter)]:
            return delimiter
    raise DataError(
        f"{path}: expected npz, HDF5, or text whose first line names columns, 'episode' among them, got {line.strip()[:60]!a}; "
        "name the columns episode, obs_0, obs_1, ..., action_0, ... or check the path"
    )


def _families(found: list[str], keys: Keys, problems: list[str]) -> dict[str, list[str]]:
    """Names of the columns that make observations, successors and actions, in order."""
    groups = {array: _numbered(family, found, problems) for family, array in FAMILIES.items()}
    if keys is not None:
        missing = [key for key in keys if key not in found]
        if missing or not keys or len(set(keys)) < len(keys):
            got, known = ", ".join(missing or keys) or "none", ", ".join(found)
            problems.append(f"keys: expected columns of this table, each once, got {got}; choose among {known}")
        groups |= {"observations": list(keys), "next_observations": []}
    if "action" in found and groups["actions"]:
        problems.append("action: expected one discrete action or numbered continuous ones, got both action and action_0; drop one of them")
    groups["actions"] = groups["actions"] or (["action"] if "action" in found else [])
    for array, example in (("observations", "obs_0"), ("actions", "action (discrete) or action_0 (continuous)")):
        if not groups[array] and not (array == "observations" and keys is not None):
            problems.append(f"{example}: expected this column, got none; name the columns so")
    if keys is None:
        known = {"episode", "step", *SINGLE, *(name for group in groups.values() for name in group)}
        for name in [each for each in found if each not in known and not _is_numbered(each)]:
            close = difflib.get_close_matches(name, [*known, *FAMILIES], n=1, cutoff=0.6)
            guess = f"rename it to {close[0]}" if close else "leave it out"
            convention = "a column of the convention (episode, step, obs_0, action_0, ...)"
            problems.append(f"{name}: expected {convention}, got this one; {guess}, or choose with --keys")
    return {array: group for array, group in groups.items() if group or array != "next_observations"}


def _is_numbered(name: str) -> bool:
    family, _, number = name.rpartition("_")
    return family in FAMILIES and number.isdecimal()


def _numbered(family: str, found: list[str], problems: list[str]) -> list[str]:
    count = sum(name.rpartition("_")[0] == family and _is_numbered(name) for name in found)
    names = [f"{family}_{index}" for index in range(count)]
    missing = [name for name in names if name not in found]
    if missing:
        problems.append(f"{missing[0]}: expected this column, since there are {count} of {family}_, got none; number them 0, 1, 2, ...")
    return names


def _numbers(text: _Text, name: str, problems: list[str]) -> np.ndarray:
    values = np.zeros(len(text.lines))
    for row, cell in enumerate(text.columns[name]):
        try:
            values[row] = TRUTH[cell.lower()] if name in FLAGS and cell.lower() in TRUTH else float(cell)
        except ValueError:
            problems.append(f"{name}: expected a number, got '{cell[:20]}' in line {text.lines[row]}; repair or leave out that episode")
            return values
        if not np.isfinite(values[row]) or "_" in cell:
            problems.append(
                f"{name}: expected a finite number, got '{cell[:20]}' in line {text.lines[row]}; repair or leave out that episode"
            )
            return values
    return values


def _lengths(text: _Text, problems: list[str]) -> np.ndarray:
    episodes = text.columns["episode"]
    runs = [(value, len(list(group))) for value, group in groupby(episodes)]
    again = sorted(value for value, count in Counter(value for value, _ in runs).items() if count > 1)
    if again:
        problems.append(
            f"episode: expected the rows of an episode to stand together, got those of '{again[0]}' apart; sort by episode and step"
        )
    lengths = np.array([length for _, length in runs])
    if "step" in text.columns and not again:
        steps = _numbers(text, "step", problems)
        wrong = steps != np.concatenate([np.arange(length) for length in lengths])
        if wrong.any():
            row = int(np.argmax(wrong))
            problems.append(
                f"step: expected 0, 1, 2, ... in every episode, got {steps[row]:g} in line {text.lines[row]}; sort by episode and step"
            )
    return lengths


def _indices(values: np.ndarray, text: _Text, problems: list[str]) -> np.ndarray:
    wrong = (values != np.round(values)) | (np.abs(values) > EXACT)
    if wrong.any():
        row = int(np.argmax(wrong))
        problems.append(
            f"action: expected whole numbers (a column called action is discrete), got {values[row]:g} in line {text.lines[row]}; "
            "call it action_0 if it is continuous"
        )
    return np.where(wrong, 0.0, values).astype(np.int64)


def _flags(name: str, values: np.ndarray, text: _Text, problems: list[str]) -> np.ndarray:
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        problems.append(f"{name}: expected 0 and 1, or True and False, got {values[row]:g} in line {text.lines[row]}; repair it")
    return values == 1
