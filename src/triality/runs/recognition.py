"""Whether a folder is a run of ours where its ``config.json`` does not say so, being damaged or gone. Imports no jax.

Any one of these is enough, and nobody else leaves it: a checkpoint whose manifest names our format; a summary with the frozen fields; a log
beside a lock that names its holder as ours does; a ``config.json`` that begins as ours does and then breaks off.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from triality.errors import StorageError
from triality.runs.checkpoint_file import FORMAT
from triality.runs.json_files import read_json, read_short_file
from triality.runs.lock import LOCK, MARK
from triality.runs.readable_log import read_readable
from triality.runs.seen_checkpoints import manifest_of, paths_of
from triality.runs.summary import check_summary

OUR_BEGINNING = re.compile(rb'\s*\{\s*"triality"\s*:')
"""Of a ``config.json``."""


def is_ours(folder: Path) -> bool:
    """Whether ``folder`` holds what only a run of ours leaves.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "config.json").write_text('{"name": "another program"}')
        >>> is_ours(folder)
        False
        >>> _ = (folder / "config.json").write_text('{"triality": "0.1.0", "comm')
        >>> is_ours(folder)
        True
    """
    return any(_signs(folder))


def _signs(folder: Path) -> Iterator[bool]:
    """The cheapest first."""
    yield _begins_as_ours(folder / "config.json")
    yield _is_summary(folder / "summary.json")
    yield _is_mark(folder / LOCK) and bool(read_readable(folder / "metrics.jsonl").records)
    for path in paths_of(folder):
        with contextlib.suppress(Exception):  # damaged zips raise a dozen unrelated classes
            yield manifest_of(path).get("format") == FORMAT


def _begins_as_ours(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return OUR_BEGINNING.match(read_short_file(path)) is not None
    return False


def _is_summary(path: Path) -> bool:
    with contextlib.suppress(StorageError):
        check_summary(read_json(path))
        return True
    return False


def _is_mark(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        mark = json.loads(read_short_file(path))
        return isinstance(mark, dict) and mark.keys() == set(MARK)
    return False
