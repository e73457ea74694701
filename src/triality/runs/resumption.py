"""Whether a run may go on in the folder of another: the same command, options and inputs, but for those that change no number of it.

Imports no jax.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from triality.errors import ConfigError, DataError, StorageError
from triality.runs.folder import RunFolder
from triality.runs.json_files import to_json_value
from triality.runs.keeping import Keeping

FREE = ("out", "overwrite", "kept", "placed", "track", "workers", "max_restarts", "patience")
"""Options that may differ: where, and how it is watched."""
READ = ("demos", "data", "test", "expert", "run")
"""Options that name what is read, which may have been moved since."""
LENGTH = "iterations"
REPORTED = ("irl", "ebm", "seq")
"""Commands whose last deed is a report."""
BLOCK = 2**20


def refuse_other_run(folder: RunFolder, command: str, config: Mapping[str, Any], keeping: Keeping) -> None:
    """Raise unless ``folder`` holds a run of this command, configuration and input; every difference is named.

    Raises:
        ConfigError: it does not.
        StorageError: its ``config.json`` is damaged.
    """
    record = folder.read_config()
    problems = [] if record["command"] == command else [f"the command: {record['command']} there, {command} now"]
    if not problems:
        problems += _differences(record["config"], to_json_value(config), (*FREE, LENGTH) if keeping.is_extendable else FREE)
        before = record.get("inputs", {})
        changed = [name for name, digest in keeping.inputs.items() if before.get(name, digest) != digest]
        problems += [f"{name}: other content there than now" for name in changed]
    if problems:
        listed = "\n  - ".join(problems)
        raise ConfigError(
            f"{folder.path}: expected the run that is to be resumed, got another; use its options, or another --out\n  - {listed}"
        )


def refuse_foreign(config: Mapping[str, Any], folder: RunFolder, path: Path, only: Sequence[str] = ()) -> None:
    """Raise where the checkpoint at ``path``, written with ``config``, is not of the run in ``folder``; ``only`` by some options.

    Raises:
        StorageError: it is; every difference is named.
    """
    there, now = to_json_value(config), folder.read_config()["config"]
    both = there.keys() & now.keys() & set(only or now)  # another version may have had other options
    before, after = ({name: values[name] for name in both} for values in (there, now))
    differences = _differences(before, after, (*FREE, *READ, LENGTH))
    if differences:
        listed = "\n  - ".join(differences)
        raise StorageError(f"{path}: expected a checkpoint of this run, got one of another; put the run's own there\n  - {listed}")


def is_over(folder: RunFolder, config: Mapping[str, Any]) -> bool:
    """Whether a run of this length has come to its end there, its summary whole and its report written.

    Raises:
        StorageError: ``config.json`` is damaged.
    """
    record = folder.read_config()
    if record["config"].get(LENGTH) != to_json_value(config).get(LENGTH):
        return False
    try:
        folder.read_summary()
    except StorageError:
        return False
    return record["command"] not in REPORTED or folder.report_path.is_file()


def digest_of(path: Path) -> str:
    """blake2b of a file, or of the names and contents of all files of a folder.

    Raises:
        DataError: it cannot be read.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "x"
        >>> _ = file.write_bytes(b"1")
        >>> len(digest_of(file)), digest_of(file) == digest_of(file.parent)
        (32, False)
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for each in files:
            if path.is_dir():
                digest.update(str(each.relative_to(path)).encode(errors="surrogateescape") + b"\0")
            with open(each, "rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
    except OSError as error:
        raise DataError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from error
    return digest.hexdigest()


def _differences(there: Mapping[str, Any], now: Mapping[str, Any], free: Sequence[str]) -> list[str]:
    return [
        f"{name}: {_told(there.get(name))} there, {_told(now.get(name))} now"
        for name in sorted({*there, *now})
        if name not in free and there.get(name) != now.get(name)
    ]


def _told(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
