"""A mask as one bit for each place, expected according to its row and its column.

Rows that hold about as many places as each other form a class, and so do columns. What
both classes say together is the context of a place; how many places of each context are
taken is written first, so that the bits cost their entropy within each context. Dead rows
and columns then cost nothing. NumPy only.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import entropy, symbols
from nncompress_lab.packing.cursor import Cursor
from nncompress_lab.packing.frequencies import Counts, counts_of, levels_of
from nncompress_lab.packing.places import CHUNK, Classes, Places, members_of

Mask = npt.NDArray[np.bool_]

# How finely counts are sorted into classes: into one, by powers of 2, or twice as finely.
FINENESS = (0, 1, 2)
_DIGITS = 3  # of how many places of a context are taken
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
        sizes[self.rows[-1]] -= entropy.counted(beyond)[:columns]
        return sizes.reshape(-1)

    def contexts(self) -> Iterator["_Context"]:
        """Those that have places, in ascending order."""
        width = self.columns.size
        whole, rest = divmod(self.count, width)
        of_columns = members_of(self.columns)
        for rows in members_of(self.rows):
            above = rows.below(whole)
            ragged = above.size < rows.size  # the last row is a shorter one
            for columns in of_columns:
                of_last = columns.below(rest if ragged else 0)
                context = _Context(above, columns, of_last, width)
                if context.size:
                    yield context


@dataclass(frozen=True)
class _Context:
    """Places of one context: some columns of some rows, and of a last, shorter row."""

    rows: Places
    columns: Places
    of_last: Places
    width: int

    @property
    def size(self) -> int:
        """How many places it has."""
        return self.rows.size * self.columns.size + self.of_last.size

    def pieces(self, mask: Mask) -> Iterator[tuple[Mask, Any, tuple[int, ...]]]:
        """Its places in C order, some at a time: an array, an index, and its shape."""
        width = self.width
        whole = mask[: mask.size // width * width].reshape(-1, width)
        for rows in self.rows.some(max(1, CHUNK // max(1, self.columns.size))):
            for columns in self.columns.at_once():
                yield whole, (rows[:, None], columns), (rows.size, columns.size)
        for columns in self.of_last.at_once():
            yield mask[whole.size :], columns, columns.shape

    def of(self, mask: Mask) -> Mask:
        """Its places of a mask, in C order."""
        if self.size == mask.size:
            return mask
        pieces = [array[index].reshape(-1) for array, index, _ in self.pieces(mask)]
        return np.concatenate(pieces)


@dataclass(frozen=True, eq=False)
class Plan:
    """How a mask is coded in the fewest bits.

    Args:
        bits: About how many.
        fineness: Of the classes of rows and columns.
        grid: These classes.
        ones: How many places of each context are taken.
    """

    bits: float
    fineness: tuple[int, int]
    grid: _Grid
    ones: Counts


def planned(mask: Mask, columns: int) -> Plan:
    """Choose the classes with which a mask takes the fewest bits; it is not coded.

    Args:
        mask: Shape `(n,)`, at least one of them True: an array read row by row. The last
            row may be shorter.
        columns: Of the array, at least 1.
    """
    by_column = _column_counts(
        mask, np.zeros(-(-mask.size // columns), np.uint8), columns
    )
    row_counts = _row_counts(mask, columns)
    plans = []
    for row_fineness in FINENESS:
        rows = _classes(row_counts, row_fineness)
        counts = _column_counts(mask, rows, columns) if row_fineness else by_column
        for column_fineness in FINENESS:
            grid = _Grid(mask.size, rows, _classes(by_column[0], column_fineness))
            ones = np.zeros(grid.shape[::-1], np.int64)
            np.add.at(ones, grid.columns, counts.T)
            ones = ones.T.reshape(-1)
            bits = _estimated_bits(grid, ones)
            plans.append(Plan(bits, (row_fineness, column_fineness), grid, ones))
    return min(plans, key=lambda one: one.bits)


def encode(mask: Mask, plan: Plan) -> bytes:
    """Code which places of an array are taken.

    Args:
        mask: As for `planned`.
        plan: What that returned.
    """
    by_row, by_column = plan.fineness
    levels = levels_of(plan.ones[plan.grid.places() > 0], _DIGITS)
    pushed = entropy.Pushed()
    contexts = zip(plan.grid.contexts(), counts_of(levels, _DIGITS), strict=True)
    for context, ones in reversed(list(contexts)):
        if ones:
            pushed.push(context.of(mask), _weights(context.size, ones))
    return b"".join(
        [
            bytes([4 * by_row + by_column]),
            symbols.encode(plan.grid.rows) if by_row else b"",
            symbols.encode(plan.grid.columns) if by_column else b"",
            symbols.encode(levels.astype(np.uint8)),
            pushed.written(),
        ]
    )


def decode(cursor: Cursor, count: int, columns: int) -> Mask:
    """Read a mask that `encode` wrote.

    Args:
        cursor: Where it is; it moves behind it.
        count: Places of the array.
        columns: Of the array, at most `count`.

    Returns:
        bool array of shape `(count,)`. Four bytes a place at most and some megabytes are
        allocated meanwhile.

    Raises:
        CorruptFileError: If `encode` cannot have written this.
    """
    by_row, by_column = divmod(cursor.byte(), 4)
    rows = _read_classes(cursor, -(-count // columns), by_row)
    grid = _Grid(count, rows, _read_classes(cursor, columns, by_column))
    filled = int(np.count_nonzero(grid.places()))
    levels = symbols.decode(cursor, filled).astype(np.int64)
    popping = entropy.Popping(cursor)
    mask = np.zeros(count, np.bool_)
    contexts = zip(grid.contexts(), counts_of(levels, _DIGITS), strict=True)
    for context, ones in contexts:
        if not ones:
            continue
        weights = _weights(context.size, ones)
        if context.size == count:
            mask = popping.pop(count, weights, "bool")
            break
        for array, index, shape in context.pieces(mask):
            taken = popping.pop(math.prod(shape), weights, "bool")
            array[index] = taken.reshape(shape)
    popping.close()
    return mask


def _classes(counts: Counts, fineness: int) -> Classes:
    if not fineness:
        return np.zeros(counts.size, np.uint8)
    return levels_of(counts, fineness - 1).astype(np.uint8)


def _read_classes(cursor: Cursor, count: int, fineness: int) -> Classes:
    if fineness not in FINENESS:
        raise CorruptFileError("it holds contexts of a kind that does not exist")
    return symbols.decode(cursor, count) if fineness else np.zeros(count, np.uint8)


def _row_counts(mask: Mask, columns: int) -> Counts:
    whole = mask.size // columns * columns
    counts = np.count_nonzero(mask[:whole].reshape(-1, columns), axis=1)
    rest = [np.count_nonzero(mask[whole:])] if whole < mask.size else []
    return np.concatenate([counts, np.array(rest, np.int64)])


def _column_counts(mask: Mask, rows: Classes, columns: int) -> Counts:
    """How many places are taken in each class of rows (rows) and column (columns)."""
    whole = mask.size // columns
    array = mask[: whole * columns].reshape(whole, columns).view(np.uint8)
    counts = np.zeros((int(rows.max()) + 1, columns), np.int64)
    step = min(max(1, CHUNK // columns), 255)  # the most that a byte counts
    for one in np.flatnonzero(entropy.counted(rows[:whole])):
        members = np.flatnonzero(rows[:whole] == one)
        for start in range(0, members.size, step):
            some = array[members[start : start + step]]
            counts[one] += np.add.reduce(some, axis=0, dtype=np.uint8)
    counts[rows[-1], : mask.size - whole * columns] += mask[whole * columns :]
    return counts


def _weights(places: int, ones: int) -> Counts:
    """Of a free and of a taken place; rounding can make `ones` more than all."""
    return np.array([max(places - ones, 1), ones])


def _estimated_bits(grid: _Grid, ones: Counts) -> float:
    places = grid.places()
    mixed = (ones > 0) & (ones < places)
    ones, zeros = ones[mixed], (places - ones)[mixed]
    bits = ones @ np.log2(1 + zeros / ones) + zeros @ np.log2(1 + ones / zeros)
    classes = [
        entropy.estimated_bits(entropy.counted(one))
        for one in (grid.rows, grid.columns)
    ]
    return float(bits) + _BITS_PER_CONTEXT * np.count_nonzero(places) + sum(classes)
