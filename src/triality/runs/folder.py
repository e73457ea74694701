"""The folder that a run writes: made once everything has been checked, recognized when opened, never overwritten by accident."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from triality import __version__
from triality.errors import ConfigError, StorageError
from triality.runs.atomic import TEMPORARY_PREFIX
from triality.runs.checkpoint_series import CHECKPOINTS, is_of_series
from triality.runs.json_files import read_json, to_json_value, write_json
from triality.runs.lock import LOCK, refuse_locked
from triality.runs.metrics_log import MetricsLog
from triality.runs.recognition import is_ours
from triality.runs.summary import check_summary
from triality.runs.sweep_folder import PAGE, RESULT, is_point
from triality.tracking.left_behind import is_left_by_tracker

CONFIG = "config.json"
# All that ``overwrite`` may remove. A run that learns to write another file names it here.
RESULTS = (
    "state.ckpt",
    "summary.json",
    "report.html",
    "evaluation.json",
    "retrained.json",
    "transfer.json",
    "judgement.json",
    "judgement.html",
    RESULT,
    PAGE,
    "figures.npz",
)
FILES = ("metrics.jsonl", "failed.ckpt", "failed.json", *RESULTS)
RETRAINING = "retraining"


@dataclass(frozen=True)
class RunFolder:
    """Paths and records of one run.

    ``config.json`` is written first and marks the folder as a run; ``metrics.jsonl`` grows; ``state.ckpt``, ``figures.npz``,
    ``summary.json`` and ``report.html`` come at the end. Every file that is written through here, but the log, is replaced all at once.

    Example:
        >>> import tempfile
        >>> run = RunFolder.create(Path(tempfile.mkdtemp()) / "run")
        >>> run.write_config("irl", {"num_steps": 100})
        >>> run.metrics.append({"step": 0, "loss": float("inf")})
        >>> RunFolder.open(run.path).read_config()["config"], run.metrics.read()
        ({'num_steps': 100}, [{'step': 0, 'loss': None}])
    """

    path: Path

    @classmethod
    def check(cls, path: str | PathLike[str], overwrite: bool = False, resume: bool = False) -> None:
        """Raise what ``create`` would raise, and leave no trace: for the checks before anything compiles.

        Raises:
            ConfigError: ``path`` is a file, a folder that is not empty (without ``overwrite``) or no run folder (with it, or to ``resume``
                in), or one that cannot be written. A run whose ``config.json`` is damaged or gone may be overwritten (``recognition``).
            StorageError: its ``config.json`` is damaged.
            RunLockedError: another process writes a run there.
        """
        folder = Path(path)
        _refuse_file(folder)
        check_writable(folder)
        refuse_locked(folder)
        _refuse_used(folder, "overwrite" if overwrite else "resume" if resume else None)

    @classmethod
    def create(cls, path: str | PathLike[str], overwrite: bool = False) -> RunFolder:
        """An empty run folder, with its parents; ``overwrite`` first removes what an earlier run wrote there, and nothing else.

        Raises:
            ConfigError, StorageError: as ``check``.
        """
        folder = Path(path)
        _refuse_file(folder)
        _refuse_used(folder, "overwrite" if overwrite else None)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The mark of a run folder goes last, so that an interrupted removal can be repeated. The lock is its holder's.
            for entry in sorted(folder.iterdir(), key=lambda entry: entry.name == CONFIG):
                if entry.name != LOCK:
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        except OSError as error:
            raise StorageError(f"{folder}: expected to be able to make it, got '{error.strerror}'; choose another --out") from error
        return cls(folder)

    @classmethod
    def open(cls, path: str | PathLike[str]) -> RunFolder:
        """An existing run folder.

        Raises:
            ConfigError: there is no folder, or it is no run.
            StorageError: its ``config.json`` is damaged.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise ConfigError(
                f"{folder}: expected the folder of a run, got {'a file' if folder.exists() else 'nothing there'}; check the path"
            )
        if not (folder / CONFIG).is_file():
            raise ConfigError(f"{folder}: expected the folder of a run, got one without {CONFIG}; give the --out of an earlier run")
        run = cls(folder)
        run.read_config()
        return run

    @property
    def config_path(self) -> Path:
        """``config.json``: the version, the command and its configuration."""
        return self.path / CONFIG

    @property
    def state_path(self) -> Path:
        """``state.ckpt``: the final state, for ``write_checkpoint`` and ``read_checkpoint``."""
        return self.path / "state.ckpt"

    @property
    def summary_path(self) -> Path:
        """``summary.json``: the result, in its frozen fields."""
        return self.path / "summary.json"

    @property
    def report_path(self) -> Path:
        """``report.html``: the report, one self-contained file."""
        return self.path / "report.html"

    @property
    def metrics(self) -> MetricsLog:
        """``metrics.jsonl``."""
        return MetricsLog(self.path / "metrics.jsonl")

    def write_config(self, command: str, config: Any, inputs: Mapping[str, str] | None = None) -> None:
        """Record which command this is a run of, its whole configuration (a mapping or a dataclass), and what tells its inputs apart."""
        record = {"triality": __version__, "command": command, "config": to_json_value(config)}
        write_json(self.config_path, record | ({"inputs": dict(inputs)} if inputs else {}))

    def forget_result(self) -> list[str]:
        """Remove what a run writes at its end: it is about to go on. The names of what was there.

        Raises:
            StorageError: the operating system refuses.
        """
        there = [name for name in RESULTS if (self.path / name).is_file()]
        try:
            for name in there:
                (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{self.path}: expected to be able to write there, got '{error.strerror}'; check its mode") from error
        return there

    def read_config(self) -> dict[str, Any]:
        """``{"triality": version, "command": name, "config": {...}}``.

        Raises:
            StorageError: ``config.json`` is missing or damaged.
        """
        record = read_json(self.config_path)
        if not _is_config(record):
            raise StorageError(
                f"{self.config_path}: expected 'triality', 'command' and 'config', got {sorted(record)}; restore it or run again"
            )
        return record

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Check and write ``summary.json``.

        Raises:
            StorageError: a frozen field is missing or of another kind, or the file cannot be written.
        """
        value = to_json_value(summary)
        check_summary(value)
        write_json(self.summary_path, value)

    def read_summary(self) -> dict[str, Any]:
        """The checked content of ``summary.json``.

        Raises:
            StorageError: missing (the run has not ended), damaged, or of other fields.
        """
        summary = read_json(self.summary_path)
        check_summary(summary)
        return summary


def check_writable(folder: Path, option: str = "--out") -> None:
    """Raise unless ``folder`` can be made, if it is new, and read and written: by trying, since root has every permission and still cannot.

    Raises:
        ConfigError: the operating system refuses.
    """
    made: list[Path] = []
    try:
        for each in reversed((folder.absolute(), *folder.absolute().parents)):
            if not each.exists():
                each.mkdir()
                made.append(each)
        os.listdir(folder)
        with tempfile.TemporaryFile(dir=folder, prefix=TEMPORARY_PREFIX):
            pass
    except OSError as error:
        raise ConfigError(f"{folder}: expected a path that can be written, got '{error.strerror}'; choose another {option}") from error
    finally:
        for each in reversed(made):
            with contextlib.suppress(OSError):
                each.rmdir()


def _is_config(record: dict[str, Any]) -> bool:
    kinds = {"triality": str, "command": str, "config": dict}
    return all(isinstance(record.get(name), kind) for name, kind in kinds.items())


def _refuse_file(folder: Path) -> None:
    # These two of os.path never raise: what the system makes of the path is told by trying.
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ConfigError(f"{folder}: expected a folder to write the run to, got a file; choose another --out")


def _is_empty(folder: Path) -> bool:
    """Whether there is nothing but a lock, which a run leaves that was refused or killed right at its beginning."""
    return not folder.is_dir() or all(entry.name == LOCK for entry in folder.iterdir())


def _is_known(entry: Path) -> bool:
    if is_left_by_tracker(entry):
        return True
    if entry.is_dir() and not entry.is_symlink():
        if entry.name == CHECKPOINTS:
            return all(is_of_series(each) and not each.is_dir() for each in entry.iterdir())
        is_below = entry.name == RETRAINING or is_point(entry)
        return is_below and all(_is_known(each) for each in entry.iterdir())
    return entry.name in (CONFIG, LOCK, *FILES) or entry.name.startswith(TEMPORARY_PREFIX)


def _refuse_used(folder: Path, what: str | None) -> None:
    """``--overwrite`` on a wrong path must not delete somebody's work, and ``--resume`` must not write into it."""
    if _is_empty(folder):
        return
    if what is None:
        remedy = "add --resume or --overwrite, or choose another --out"
        raise ConfigError(f"{folder}: expected an empty or a new folder, got one with files in it; {remedy}")
    remedy = "choose another --out, or empty it yourself"
    foreign = sorted(entry.name for entry in folder.iterdir() if not _is_known(entry))
    if foreign:
        raise ConfigError(f"{folder}: expected only the files of a run to {what}, got {', '.join(foreign[:5])} as well; {remedy}")
    _refuse_config(folder, what, remedy)


def _refuse_config(folder: Path, what: str, remedy: str) -> None:
    """A damaged ``config.json`` is no reason to keep what is otherwise known as a run, but one to go on with none of it."""
    path, damage, is_known = folder / CONFIG, "", is_ours(folder)
    try:
        record = read_json(path) if path.is_file() else None
        if record is not None and _is_config(record):
            return
        got = f"no {CONFIG}" if record is None else f"another {CONFIG}"
        is_known = is_known and (record is None or "triality" in record)  # what is whole and says nothing of us is somebody else's
    except StorageError as error:
        got, damage = f"a damaged {CONFIG}", f" ({error})"
    if is_known and what == "overwrite":
        return
    remedy = f"restore {CONFIG} from a copy, or begin anew with --overwrite" if is_known else remedy
    kind = StorageError if damage else ConfigError
    raise kind(f"{folder}: expected a run folder to {what}, got one with {got}{damage}; {remedy}")
