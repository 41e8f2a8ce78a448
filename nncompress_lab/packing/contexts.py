"""A mask as one bit for each place, expected according to its row and its column.

Rows that hold about as many places as each other form a class, and so do columns. What
both classes say together is the context of a place; how many places of each context are
taken is written first, so that the bits cost their entropy within each context. Dead rows
and columns then cost nothing. NumPy only.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import entropy, symbols
from nncompress_lab.packing.cursor import Cursor
from nncompress_lab.packing.frequencies import Counts, counts_of, levels_of

Mask = npt.NDArray[np.bool_]
Classes = npt.NDArray[np.uint8]

# How finely counts are told apart: in one class, by powers of 2, or twice as finely.
FINENESS = (0, 1, 2)
_DIGITS = 3  # of how many places of a context are taken
_CHUNK = 2**16  # places that are put in order at a time
_BITS_PER_CONTEXT = 5.0  # about what it takes to write that


@dataclass(frozen=True)
class _Grid:
    """The classes of the rows and columns of an array of `count` places."""

    count: int
    rows: Classes
    columns: Classes

    @property
    def shape(self) -> tuple[int, int]:
        """How many classes of rows and of columns there are."""
        return int(self.rows.max()) + 1, int(self.columns.max()) + 1

    def places(self) -> Counts:
        """How many places each context has."""
        rows, columns = self.shape
        sizes = np.outer(
            entropy.counted(self.rows)[:rows], entropy.counted(self.columns)[:columns]
        )
        missing = self.rows.size * self.columns.size - self.count
        beyond = self.columns[self.columns.size - missing :]
        sizes[self.rows[-1]] -= np.bincount(beyond, minlength=columns)
        return sizes.reshape(-1)

    def in_order(self) -> Iterator[tuple[Counts, Counts]]:
        """Places, and where they lie in the order of contexts; some at a time."""
        places = self.places()
        reached = np.cumsum(places) - places  # in that order, by each context
        for start in range(0, self.count, _CHUNK):
            place = np.arange(start, min(start + _CHUNK, self.count))
            row, column = np.divmod(place, self.columns.size)
            context = self.rows[row].astype(np.int64) * self.shape[1]
            context += self.columns[column]
            order = np.argsort(context, kind="stable")
            counts = np.bincount(context, minlength=reached.size)
            firsts = reached - (np.cumsum(counts) - counts)
            yield place[order], firsts[context[order]] + np.arange(place.size)
            reached += counts


def encode(mask: Mask, columns: int) -> bytes:
    """Code which places of an array are taken.

    Args:
        mask: Shape `(n,)`, at least one of them True: an array read row by row. The last
            row may be shorter.
        columns: Of the array, at least 1.
    """
    taken = np.flatnonzero(mask)
    row, column = taken // columns, taken % columns
    row_counts = np.bincount(row, minlength=-(-mask.size // columns))
    column_counts = np.bincount(column, minlength=columns)

    def bits(fineness: tuple[int, int]) -> float:
        grid = grid_of(fineness)
        context = grid.rows[row].astype(np.int64) * grid.shape[1] + grid.columns[column]
        return _estimated_bits(grid, np.bincount(context, minlength=grid.places().size))

    def grid_of(fineness: tuple[int, int]) -> _Grid:
        rows = _classes(row_counts, fineness[0])
        return _Grid(mask.size, rows, _classes(column_counts, fineness[1]))

    fineness = min(itertools.product(FINENESS, FINENESS), key=bits)
    return _encode(mask, grid_of(fineness), fineness)


def decode(cursor: Cursor, count: int, columns: int) -> Mask:
    """Read a mask that `encode` wrote.

    Args:
        cursor: Where it is; it moves behind it.
        count: Places of the array.
        columns: Of the array, at most `count`.

    Returns:
        bool array of shape `(count,)`. Three bytes a place and some megabytes are
        allocated meanwhile.

    Raises:
        CorruptFileError: If `encode` cannot have written this.
    """
    by_row, by_column = divmod(cursor.byte(), 4)
    rows = _read_classes(cursor, -(-count // columns), by_row)
    grid = _Grid(count, rows, _read_classes(cursor, columns, by_column))
    places = grid.places()
    filled = np.flatnonzero(places)
    levels = symbols.decode(cursor, filled.size).astype(np.int64)
    popping = entropy.Popping(cursor)
    in_order = np.zeros(count, np.bool_)
    start = 0
    for size, ones in zip(places[filled], counts_of(levels, _DIGITS), strict=True):
        if ones:
            weights = _weights(size, ones)
            in_order[start : start + size] = popping.pop(size, weights, "bool")
        start += size
    popping.close()
    mask = np.empty_like(in_order)
    for place, source in grid.in_order():
        mask[place] = in_order[source]
    return mask


def _encode(mask: Mask, grid: _Grid, fineness: tuple[int, int]) -> bytes:
    by_row, by_column = fineness
    places = grid.places()
    filled = np.flatnonzero(places)
    in_order = np.empty_like(mask)
    for place, target in grid.in_order():
        in_order[target] = mask[place]
    ends = np.cumsum(places[filled])
    parts = np.split(in_order, ends[:-1])
    levels = levels_of(np.array([part.sum() for part in parts]), _DIGITS)
    pushed = entropy.Pushed()
    for part, ones in zip(parts[::-1], counts_of(levels, _DIGITS)[::-1], strict=True):
        if ones:
            pushed.push(part, _weights(part.size, ones))
    return b"".join(
        [
            bytes([4 * by_row + by_column]),
            symbols.encode(grid.rows) if by_row else b"",
            symbols.encode(grid.columns) if by_column else b"",
            symbols.encode(levels.astype(np.uint8)),
            pushed.written(),
        ]
    )


def _classes(counts: Counts, fineness: int) -> Classes:
    if not fineness:
        return np.zeros(counts.size, np.uint8)
    return levels_of(counts, fineness - 1).astype(np.uint8)


def _read_classes(cursor: Cursor, count: int, fineness: int) -> Classes:
    if fineness not in FINENESS:
        raise CorruptFileError("it holds contexts of a kind that does not exist")
    return symbols.decode(cursor, count) if fineness else np.zeros(count, np.uint8)


def _weights(places: int, ones: int) -> Counts:
    """Of a free and of a taken place; rounding can make `ones` more than all."""
    return np.array([max(places - ones, 1), ones])


def _estimated_bits(grid: _Grid, ones: Counts) -> float:
    places = grid.places()
    mixed = (ones > 0) & (ones < places)
    ones, zeros = ones[mixed], (places - ones)[mixed]
    bits = ones @ np.log2(1 + zeros / ones) + zeros @ np.log2(1 + ones / zeros)
    classes = [
        entropy.estimated_bits(np.bincount(one)) for one in (grid.rows, grid.columns)
    ]
    return float(bits) + _BITS_PER_CONTEXT * np.count_nonzero(places) + sum(classes)
