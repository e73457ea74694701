"""Sizes that the messages of an Arrow stream declare, found without unpacking them. Imports no jax.

pyarrow unpacks a compressed batch before it can be asked how large it is. What is needed of a message's header is read here: it is a
flatbuffer, tables of offsets, and the first eight bytes of a compressed buffer are its size once unpacked.

Reference: https://arrow.apache.org/docs/format/Columnar.html, "Encapsulated message format" and "Buffer compression".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

DICTIONARY, BATCH = 2, 3
"""Kinds of messages that hold arrays."""
UNPACKED = -1
"""The size of a buffer that was left as it is."""


def unpacked_bytes(messages: Iterator[Any]) -> Iterator[int]:
    """Bytes that each of pyarrow's messages takes once it is unpacked.

    Raises:
        struct.error, ValueError: a damaged header.
    """
    for message in messages:
        header, body = memoryview(message.metadata), message.body
        yield 0 if body is None else _unpacked(header, memoryview(body))


def _unpacked(header: memoryview, body: memoryview) -> int:
    root = _number(header, "<I", 0)
    kind, place = _slot(header, root, 1), _slot(header, root, 2)
    if kind is None or place is None or header[kind] not in (DICTIONARY, BATCH):
        return 0
    batch = _follow(header, place)
    if header[kind] == DICTIONARY:
        place = _slot(header, batch, 1)
        if place is None:
            return 0
        batch = _follow(header, place)
    buffers = _slot(header, batch, 2)
    if buffers is None or _slot(header, batch, 3) is None:  # no buffers, or none of them compressed
        return len(body)
    start, total = _follow(header, buffers), 0
    for index in range(_number(header, "<I", start)):
        offset, length = (_number(header, "<q", start + 4 + 16 * index + 8 * part) for part in (0, 1))
        size = _number(body, "<q", offset) if length >= 8 else UNPACKED
        total += length if size == UNPACKED else size
        if size < UNPACKED or length < 0:
            raise ValueError(f"a buffer of {length} bytes that unpacks to {size}")
    return total


def _slot(header: memoryview, table: int, number: int) -> int | None:
    """Where a field of a table stands; None where it is left out."""
    index = table - _number(header, "<i", table)
    if 4 + 2 * number >= _number(header, "<H", index):
        return None
    offset = _number(header, "<H", index + 4 + 2 * number)
    return table + offset if offset else None


def _follow(header: memoryview, place: int) -> int:
    return place + _number(header, "<I", place)


def _number(data: memoryview, kind: str, place: int) -> int:
    if place < 0:
        raise ValueError(f"an offset of {place}")
    return struct.unpack_from(kind, data, place)[0]
