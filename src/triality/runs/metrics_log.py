"""``metrics.jsonl``: one JSON object a line, appended while a run goes on, readable while it is written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from triality.errors import StorageError
from triality.runs.atomic import replace_file
from triality.runs.json_files import parse_json, to_json_value


@dataclass(frozen=True)
class MetricsLog:
    """A log of records.

    A process killed while it appends leaves a torn last line. A reader ignores it; the next ``append`` cuts it off first, so that
    the new record does not melt into it.
    """

    path: Path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record. NaN and infinities become null.

        Raises:
            StorageError: the record has no JSON form, or the file cannot be written.
        """
        line = json.dumps(to_json_value(record), allow_nan=False).encode() + b"\n"
        try:
            with open(self.path, "a+b") as file:
                _cut_torn_line(file)
                file.write(line)
        except OSError as error:
            raise StorageError(f"{self.path}: expected to be able to append, got '{error.strerror}'; free space") from error

    def replace(self, records: Iterable[Mapping[str, Any]]) -> None:
        """These records in place of all that are there, all at once.

        Raises:
            StorageError: a record has no JSON form, or the file cannot be written.
        """
        lines = b"".join(json.dumps(to_json_value(record), allow_nan=False).encode() + b"\n" for record in records)

        def write(file: BinaryIO) -> None:
            file.write(lines)

        replace_file(self.path, write)

    def size(self) -> int:
        """Bytes of whole records; of an absent log 0."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def sync(self) -> None:
        """Everything that was appended is on the disk, whatever happens to the machine.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            with open(self.path, "r+b") as file:
                os.fsync(file.fileno())
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"{self.path}: expected to be able to write it, got '{error.strerror}'; free space") from error

    def is_whole(self, num_bytes: int) -> bool:
        """Whether its first ``num_bytes`` are there, and are whole records."""
        try:
            with open(self.path, "rb") as file:
                content = file.read(num_bytes)
        except OSError:
            content = b""
        try:
            for line in content.split(b"\n")[:-1]:
                parse_json(line)
        except ValueError:
            return False
        return len(content) == num_bytes and content[-1:] in (b"", b"\n")

    def truncate(self, num_bytes: int) -> None:
        """Forget what was appended after the log was ``num_bytes`` long.

        Raises:
            StorageError: it is shorter than that, or cannot be written.
        """
        if (size := self.size()) < num_bytes:
            raise StorageError(f"{self.path}: expected a log of at least {num_bytes} bytes, got {size}; restore it from a copy")
        try:
            if size > num_bytes:
                os.truncate(self.path, num_bytes)
        except OSError as error:
            raise StorageError(f"{self.path}: expected to be able to cut it, got '{error.strerror}'; check its mode") from error

    def read(self) -> list[dict[str, Any]]:
        """Every whole record, oldest first; an absent file is an empty log.

        Raises:
            StorageError: a line before the last is damaged.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{self.path}: expected a readable log, got '{error.strerror}'; check its mode") from error
        whole = content.split(b"\n")[:-1]
        return [self._parse(number, line) for number, line in enumerate(whole, start=1)]

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            record = parse_json(line)
        except ValueError as error:
            raise StorageError(f"{self.path}, line {number}: expected a JSON object, got damage ({error}); remove that line") from error
        if not isinstance(record, dict):
            raise StorageError(f"{self.path}, line {number}: expected a JSON object, got a {type(record).__name__}; remove that line")
        return record


def _cut_torn_line(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
