"""What can be read of a metrics log that somebody only looks at: damage costs the lines that it hit, and is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from triality.errors import StorageError
from triality.runs.json_files import parse_json


class ReadableLog(NamedTuple):
    """The records of a log that can be read, oldest first, and a sentence on those that cannot, empty where there are none."""

    records: list[dict[str, Any]]
    problem: str


def read_readable(path: Path) -> ReadableLog:
    """Every whole line that is a JSON object; an absent file is an empty log, and a torn last line is one that is being written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metrics.jsonl"
        >>> _ = path.write_text('{"iteration": 5}\\n{"itera\\n{"iteration": 15}\\n{"iter')
        >>> [record["iteration"] for record in read_readable(path).records]
        [5, 15]

    Raises:
        StorageError: the file is there and cannot be read at all.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return ReadableLog([], "")
    except OSError as error:
        raise StorageError(f"{path}: expected a readable log, got '{error.strerror}'; check its mode") from error
    records: list[dict[str, Any]] = []
    damaged: list[str] = []
    for number, line in enumerate(lines, start=1):
        record = _parsed(line)
        if record is None:
            damaged.append(str(number))
        else:
            records.append(record)
    if not damaged:
        return ReadableLog(records, "")
    which = ", ".join(damaged[:5]) + (f" and {len(damaged) - 5} more" if len(damaged) > 5 else "")
    return ReadableLog(records, f"{path}: expected a JSON object on every line, got damage on {which}; the other lines are shown")


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = parse_json(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
