"""Sizes that the pages of a Parquet file declare, found without unpacking them. Imports no jax.

The directory at the end of the file says how large each column is, and can say anything: pyarrow unpacks a page to the size in the page's
own header. Of that header, Thrift's compact encoding of a few numbers, the two sizes are read here, and the rest is stepped over.

Reference: https://parquet.apache.org/docs/file-format/ and https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import BinaryIO

MOST_HEADER = 2**20
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
INTEGERS = (4, 5, 6)
UNPACKED_SIZE, PACKED_SIZE = 2, 3
"""Numbers of the fields of a page's header."""
MOST_DEPTH = 8


def unpacked_bytes(file: BinaryIO, start: int, end: int) -> int:
    """Bytes of the pages from ``start`` to ``end`` of the file once they are unpacked.

    Raises:
        ValueError: a damaged header.
    """
    total = 0
    while start < end:
        file.seek(start)
        head = _Header(file.read(min(MOST_HEADER, end - start)))
        sizes = head.struct()
        unpacked, packed = sizes.get(UNPACKED_SIZE, -1), sizes.get(PACKED_SIZE, -1)
        if unpacked < 0 or packed < 0:
            raise ValueError(f"a page of {packed} bytes that unpacks to {unpacked}")
        total += unpacked
        start += head.at + packed
    return total


class _Header:
    """Reads Thrift's compact encoding from the beginning of ``data``."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, int]:
        """The integers of a struct by their field's number; everything else is stepped over."""
        if depth > MOST_DEPTH:
            raise ValueError("a page header that is nested too deeply")
        found: dict[int, int] = {}
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._integer()
            if kind in INTEGERS:
                found[number] = self._integer()
            else:
                self._skip(kind, depth)
        return found

    def _skip(self, kind: int, depth: int) -> None:
        if kind == BYTE:
            self._byte()
        elif kind == DOUBLE:
            self._advance(8)
        elif kind == BINARY:
            self._advance(self._varint())
        elif kind == STRUCT:
            self.struct(depth + 1)
        elif kind in (LIST, SET):
            head = self._byte()
            for _ in range(self._varint() if head >> 4 == 15 else head >> 4):
                self._element(head & 15, depth)
        elif kind not in (TRUE, FALSE):
            raise ValueError(f"a page header with a field of kind {kind}")

    def _element(self, kind: int, depth: int) -> None:
        """Of a list, where even a truth value takes a byte."""
        if kind in INTEGERS:
            self._integer()
        elif kind in (TRUE, FALSE):
            self._byte()
        else:
            self._skip(kind, depth + 1)

    def _byte(self) -> int:
        self._advance(1)
        return self.data[self.at - 1]

    def _advance(self, count: int) -> None:
        if self.at + count > len(self.data):
            raise ValueError("a page header that is cut off")
        self.at += count

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a page header with a number of more than 64 bits")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
