"""Whether a run may go on in the folder of another: the same command, options and inputs, but for those that change no number of it.

Imports no jax.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from triality.errors import ConfigError, DataError, StorageError
from triality.runs.checkpoint_file import library_versions
from triality.runs.folder import RunFolder
from triality.runs.json_files import to_json_value
from triality.runs.keeping import Keeping
from triality.runs.sweep_folder import PAGE, RESULT, is_sweep

FREE = ("out", "overwrite", "kept", "placed", "track", "workers", "max_restarts", "patience", "seeds_at_once")
"""Options that may differ: where, and how it is watched."""
READ = ("demos", "data", "test", "expert", "run")
"""Options that name what is read, which may have been moved since."""
LENGTH = "iterations"
OF_NUMBERS = ("triality", "numpy", "jax", "jaxlib", "equinox", "optax")
"""Packages by whose versions the last digits of a number may differ."""
REPORTED = ("irl", "ebm", "seq")
"""Commands whose last deed is a report."""
BLOCK = 2**20


def refuse_other_run(folder: RunFolder, command: str, config: Mapping[str, Any], keeping: Keeping) -> list[str]:
    """Raise unless ``folder`` holds a run of this command, configuration and input; every difference is named.

    A path that is spelled otherwise than it was is no difference where the content is known to be the same: a sentence for each.

    Raises:
        ConfigError: it does not.
        StorageError: its ``config.json`` is damaged.
    """
    record = folder.read_config()
    problems = [] if record["command"] == command else [f"the command: {record['command']} there, {command} now"]
    there, now, known = record["config"], to_json_value(config), record.get("inputs")
    before = known if isinstance(known, dict) else {}
    same = [name for name in READ if name in keeping.inputs and before.get(name) == keeping.inputs[name]]
    moved = [name for name in same if there.get(name) != now.get(name) and _is_read_alike(there.get(name), now.get(name))]
    if not problems:
        problems += _differences(there, now, (*FREE, *moved, LENGTH) if keeping.is_extendable else (*FREE, *moved))
        changed = [name for name, digest in keeping.inputs.items() if before.get(name, digest) != digest]
        problems += [f"{name}: other content there than now" for name in changed]
    if problems:
        listed = "\n  - ".join(problems)
        raise ConfigError(
            f"{folder.path}: expected the run that is to be resumed, got another; use its options, or another --out\n  - {listed}"
        )
    return [f"{name} is read from {_told(now.get(name))}, before from {_told(there.get(name))}: its content is the same" for name in moved]


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


def other_versions(there: Mapping[str, Any]) -> str:
    """A sentence on the packages that were of another version when a checkpoint was written; nothing where none was.

    Example:
        >>> other_versions(library_versions())
        ''
        >>> other_versions(library_versions() | {"optax": "0.0.1"}).split(":")[0]
        'the checkpoint was written with optax 0.0.1'
    """
    here = library_versions()
    differ = [name for name in OF_NUMBERS if name in there and there[name] != here[name]]
    if not differ:
        return ""
    before, now = (", ".join(f"{name} {versions[name]}" for name in differ) for versions in (there, here))
    return (
        f"the checkpoint was written with {before}: the run goes on with {now}, and its numbers may differ in their last digits from those "
        "of a run that was not interrupted"
    )


def is_over(folder: RunFolder, config: Mapping[str, Any]) -> bool:
    """Whether a run of this length has come to its end there, its summary whole and its report written; of a sweep, its result and page.

    Raises:
        StorageError: ``config.json`` is damaged.
    """
    record = folder.read_config()
    if record["config"].get(LENGTH) != to_json_value(config).get(LENGTH):
        return False
    if is_sweep(record["command"]):
        return (folder.path / RESULT).is_file() and (folder.path / PAGE).is_file()
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
        f"{name}: {' there, '.join(_apart(there.get(name), now.get(name)))} now"
        for name in sorted({*there, *now})
        if name not in free and there.get(name) != now.get(name)
    ]


def _is_read_alike(there: Any, now: Any) -> bool:
    """Whether two paths say the same of how their file is read: by what stands before a colon, and by the ending of the name."""
    if not isinstance(there, str) or not isinstance(now, str):
        return False
    return there.rpartition(":")[0] == now.rpartition(":")[0] and PurePath(there).suffix == PurePath(now).suffix


def _apart(there: Any, now: Any) -> tuple[str, str]:
    """Both in words; as JSON writes them where only that tells them apart, as text and a number."""
    words = _told(there), _told(now)
    return words if words[0] != words[1] else (json.dumps(there), json.dumps(now))


def _told(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
