"""Every file of a run folder, read whole: what is damaged, and what is missing. Nothing is changed. Imports no jax."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from triality.errors import StorageError, TrialityError
from triality.runs.archive import ArchiveError, decode_array, read_members
from triality.runs.checkpoint_file import read_leaves
from triality.runs.checkpoint_series import CHECKPOINTS, CORRUPT, WHY, CheckpointSeries
from triality.runs.folder import RESULTS, RunFolder
from triality.runs.json_files import read_json

RECORDS = ("failed.json", *(name for name in RESULTS if name.endswith(".json") and name != "summary.json"))
"""Of what came after, as JSON: evaluations, fresh policies, judgements."""


class Verdict(NamedTuple):
    """On one file.

    Fields:
        name: below the run's folder.
        is_sound: whether all of it could be read and fits its hashes.
        words: what it holds, or what is wrong with it.
    """

    name: str
    is_sound: bool
    words: str


def verify(path: Path) -> list[Verdict]:
    """A verdict on every file that a run writes and that is there.

    Raises:
        ConfigError: there is no run.

    Example:
        >>> import tempfile
        >>> run = RunFolder.create(Path(tempfile.mkdtemp()) / "run")
        >>> run.write_config("irl", {"iterations": 3})
        >>> run.metrics.append({"iteration": 1})
        >>> [(each.name, each.words) for each in verify(run.path)]
        [('config.json', 'of triality irl'), ('metrics.jsonl', '1 records')]
    """
    if not (path / "config.json").is_file():
        RunFolder.open(path)
    folder = RunFolder(path)
    readers: dict[Path, Callable[[], str]] = {
        folder.config_path: lambda: f"of triality {folder.read_config()['command']}",
        folder.metrics.path: lambda: f"{len(folder.metrics.read()):,} records",
        folder.state_path: lambda: _checkpoint(folder.state_path),
        path / "failed.ckpt": lambda: _checkpoint(path / "failed.ckpt"),
        path / "figures.npz": lambda: _arrays(path / "figures.npz"),
        folder.summary_path: lambda: f"{len(folder.read_summary()['seeds'])} seed(s)",
    }
    readers |= {path / name: (lambda name=name: f"{len(read_json(path / name))} entries") for name in RECORDS}
    readers |= {each: (lambda each=each: _checkpoint(each)) for each in CheckpointSeries(path).paths()}
    aside = sorted((path / CHECKPOINTS).glob(f"*{CORRUPT}"))
    return [_verdict(each, path, read) for each, read in readers.items() if each.exists()] + [_put_aside(each, path) for each in aside]


def _verdict(file: Path, folder: Path, read: Callable[[], str]) -> Verdict:
    name = str(file.relative_to(folder))
    try:
        return Verdict(name, True, read())
    except TrialityError as error:
        return Verdict(name, False, str(error).removeprefix(f"{file}: "))


def _put_aside(file: Path, folder: Path) -> Verdict:
    why = file.with_suffix(WHY)
    reason = why.read_text(errors="replace").strip() if why.is_file() else "for a reason that is lost"
    return Verdict(str(file.relative_to(folder)), True, f"put aside: {reason}")


def _checkpoint(path: Path) -> str:
    stored = read_leaves(path)
    return f"step {stored.step:,}, {len(stored.leaves):,} arrays, {sum(leaf.array.nbytes for leaf in stored.leaves):,} bytes"


def _arrays(path: Path) -> str:
    try:
        members = read_members(path)
        for name, payload in members.items():
            decode_array(name, payload)
    except ArchiveError as error:
        raise StorageError(f"{path}: {error}") from error
    return f"{len(members)} arrays"
