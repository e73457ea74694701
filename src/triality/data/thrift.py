"""Thrift's compact encoding, as far as Parquet's headers need it: integers, bytes, lists and structs by the numbers of their fields.

Reference: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. Imports no jax.
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
INTEGERS = (4, 5, 6)
MOST_DEPTH = 16


class Thrift:
    """A reader of ``data`` that stands at ``at``.

    Raises:
        ValueError: by any of its methods: cut off, of an unknown kind, or nested deeper than any header is.

    Example:
        >>> Thrift(bytes([0x15, 0x04, 0x18, 0x01, 0x41, 0x00])).struct()
        {1: 2, 2: b'A'}
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by their numbers; a map, which no header of Parquet has, is refused."""
        if depth > MOST_DEPTH:
            raise ValueError("a header that is nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._integer()
            found[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in INTEGERS:
            return self._integer()
        if kind in (TRUE, FALSE, BYTE):  # of a list: as a field, a truth value is its kind
            return self._byte()
        if kind in (BINARY, DOUBLE):
            return self._bytes(self._varint() if kind == BINARY else 8)
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            head = self._byte()
            count = self._varint() if head >> 4 == 15 else head >> 4
            if depth > MOST_DEPTH or count > len(self.data) - self.at:  # every element takes a byte or more
                raise ValueError(f"a header with a list of {count}")
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        raise ValueError(f"a header with a field of kind {kind}")

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise ValueError("a header that is cut off")
        self.at += 1
        return self.data[self.at - 1]

    def _bytes(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise ValueError("a header that is cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("a header with a number of more than 64 bits")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
