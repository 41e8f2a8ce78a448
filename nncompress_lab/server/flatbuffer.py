"""A reader of flatbuffers, the format of `.tflite` files, which believes no offset.

The format is described in "FlatBuffers Internals" (https://flatbuffers.dev/internals/).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nncompress_lab.errors import CorruptFileError

_UINT16, _INT32, _UINT32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")
MOST_ITEMS = 10_000_000  # of all vectors of tables and numbers together


class Budget:
    """How many items may still be read: vectors can share bytes without an end."""

    def __init__(self) -> None:
        self.left = MOST_ITEMS

    def take(self, count: int) -> None:
        """Take items, or say that the file has too many."""
        self.left -= count
        if self.left < 0:
            raise CorruptFileError("it holds more tables than any model")


@dataclass(frozen=True)
class Table:
    """A table: fields by number, each of which may be missing.

    Args:
        content: Of the whole file.
        place: Where the table begins.
        budget: Of the whole file.
    """

    content: memoryview
    place: int
    budget: Budget

    @classmethod
    def root(cls, content: Any) -> "Table":
        """The table that a file begins with; `content` is anything that has bytes."""
        view = memoryview(content)
        return cls(view, _number(view, 0, _UINT32), Budget())

    def number(self, field: int, format_: str, default: int = 0) -> Any:
        """A number, of one of `struct`'s formats."""
        place = self._place(field)
        kind = struct.Struct(f"<{format_}")
        return default if place is None else _number(self.content, place, kind)

    def text(self, field: int) -> str:
        """A string; empty if it is missing."""
        return bytes(self.data(field)).decode(errors="replace")

    def data(self, field: int) -> memoryview:
        """A vector of bytes."""
        start, count = self._vector(field)
        return _part(self.content, start, count)

    def numbers(self, field: int, format_: str) -> tuple[Any, ...]:
        """A vector of numbers, of one of `struct`'s formats."""
        start, count = self._vector(field)
        self.budget.take(count)
        size = struct.calcsize(f"<{format_}")
        part = _part(self.content, start, count * size)
        return struct.unpack(f"<{count}{format_}", part)

    def table(self, field: int) -> "Table | None":
        """A table; None if it is missing."""
        place = self._place(field)
        return None if place is None else self._at(place)

    def tables(self, field: int) -> Iterator["Table"]:
        """A vector of tables."""
        start, count = self._vector(field)
        self.budget.take(count)
        _part(self.content, start, count * _UINT32.size)
        for number in range(count):
            yield self._at(start + number * _UINT32.size)

    def _at(self, place: int) -> "Table":
        offset = _number(self.content, place, _UINT32)
        return Table(self.content, place + offset, self.budget)

    def _place(self, field: int) -> int | None:
        index = self.place - _number(self.content, self.place, _INT32)
        entry = 2 * _UINT16.size + field * _UINT16.size
        if entry >= _number(self.content, index, _UINT16):
            return None
        offset = _number(self.content, index + entry, _UINT16)
        return self.place + offset if offset else None

    def _vector(self, field: int) -> tuple[int, int]:
        """Where a vector's items begin, and how many there are."""
        place = self._place(field)
        if place is None:
            return 0, 0
        place += _number(self.content, place, _UINT32)
        return place + _UINT32.size, _number(self.content, place, _UINT32)


def _number(content: memoryview, place: int, kind: struct.Struct) -> Any:
    return kind.unpack(_part(content, place, kind.size))[0]


def _part(content: memoryview, start: int, size: int) -> memoryview:
    if start < 0 or start + size > len(content):
        raise CorruptFileError("a part of it lies beyond its end")
    return content[start : start + size]
