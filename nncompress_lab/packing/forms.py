"""Items in their shortest form: all of them, without what is common, or by a palette.

Items are unsigned integers, whatever they stand for, so that every bit comes back:
negative zeros and all kinds of NaN too. NumPy only.
"""

import io
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import entropy, planes, positions, symbols
from nncompress_lab.packing.cursor import Cursor, number
from nncompress_lab.packing.planes import Items

PLAIN, SPARSE, PALETTE = 0, 1, 2
LARGEST_PALETTE = 256
# A value that is not at least as common as this is not worth a stream of its positions:
# what it costs among the others is already near the entropy.
COMMON = 1 / 16
MOST = 2**25  # items of which positions are stored: they take memory to read
_CHUNK = 2**16  # items that are looked up at a time
NEAR = 1.02  # what is estimated to be so much longer than another form is not tried
SOME = 4096  # items that are looked at to see whether all of them are worth it
SCATTER = 2654435761  # a prime: its multiples hit rows and columns of all sizes


def write(file: IO[bytes], items: Items, columns: int, *, is_float: bool) -> None:
    """Write items at the end of a file, behind the byte of their form.

    Args:
        file: Opened for writing in binary mode, at its end.
        items: Unsigned integers, shape `(n,)`.
        columns: Of the array that they are, read row by row; 1 to n, or 1.
        is_float: Whether they are the bits of floats.
    """
    start = file.tell()
    _write_plain_or_sparse(file, items, columns, is_float=is_float)
    if items.itemsize > 1 and _some(items)[0].size <= LARGEST_PALETTE:
        palette, codes = np.unique(items, return_inverse=True)
        if palette.size <= LARGEST_PALETTE:
            coded = io.BytesIO()
            coded.write(bytes([PALETTE]) + number(palette.size))
            coded.writelines(planes.encode(palette, is_float=is_float))
            codes = codes.astype(np.uint8)
            _write_plain_or_sparse(coded, codes, columns, is_float=False)
            _replace_if_shorter(file, start, coded.getvalue())


def read(cursor: Cursor, kind: int, count: int, dtype: str, *, is_float: bool) -> Items:
    """Read items that `write` wrote.

    Args:
        cursor: Where they are, behind the byte of their form; it moves behind them.
        kind: That byte.
        count: How many there are.
        dtype: Of the unsigned integers.
        is_float: As for `write`.

    Returns:
        Array of shape `(count,)`, perhaps not to be written to.

    Raises:
        CorruptFileError: If `write` cannot have written this.
    """
    if kind == PALETTE:
        size = _at_most(LARGEST_PALETTE, cursor.number(), "different items")
        palette = planes.decode(cursor, size, dtype, is_float=is_float)
        codes = _plain_or_sparse(cursor, cursor.byte(), count, "uint8", is_float=False)
        if count and int(codes.max()) >= palette.size:
            raise CorruptFileError("it holds a code that stands for nothing")
        return _looked_up(palette, codes)
    return _plain_or_sparse(cursor, kind, count, dtype, is_float=is_float)


def _looked_up(palette: Items, codes: Items) -> Items:
    """Some at a time, because NumPy takes eight bytes for each that it looks up."""
    items = np.empty(codes.size, palette.dtype)
    for start in range(0, codes.size, _CHUNK):
        items[start : start + _CHUNK] = palette[codes[start : start + _CHUNK]]
    return items


def _plain_or_sparse(
    cursor: Cursor, kind: int, count: int, dtype: str, *, is_float: bool
) -> Items:
    if kind == PLAIN:
        return planes.decode(cursor, count, dtype, is_float=is_float)
    if kind != SPARSE:
        raise CorruptFileError("it is of a kind that does not exist")
    _at_most(MOST, count, "items with positions")
    columns = _at_most(count, cursor.number(), "columns")
    if not columns:
        raise CorruptFileError("it holds no columns")
    stored = np.dtype(dtype).newbyteorder("<")
    common = np.frombuffer(cursor.take(stored.itemsize), stored)[0]
    others = positions.decode(cursor, count, columns)
    items = np.full(count, common, dtype)
    items[others] = planes.decode(
        cursor, int(np.count_nonzero(others)), dtype, is_float=is_float
    )
    return items


def _at_most(most: int, count: int, what: str) -> int:
    if count > most:
        raise CorruptFileError(
            f"it holds {count} {what}, and at most {most} are possible"
        )
    return count


def _write_plain_or_sparse(
    file: IO[bytes], items: Items, columns: int, *, is_float: bool
) -> None:
    start = file.tell()
    file.write(bytes([PLAIN]))
    file.writelines(planes.encode(items, is_float=is_float))
    if not 0 < items.size <= MOST:
        return
    common = _most_common(items)
    others = items != common
    free = items.size - np.count_nonzero(others)
    if not COMMON < free / items.size < 1:
        return
    few = items.size < symbols.MANY
    ways = positions.ways(others, columns)
    if items.itemsize == 1:
        bits = min(way.bits for way in ways) + _bits_without(items, common)
        if bits >= (NEAR if few else 1) * 8 * (file.tell() - start):
            return
    sparse = [
        bytes([SPARSE]) + number(columns),
        np.array(common).astype(items.dtype.newbyteorder("<")).tobytes(),
        positions.encode(ways, all_of_them=few),
        *planes.encode(items[others], is_float=is_float),
    ]
    _replace_if_shorter(file, start, b"".join(sparse))


def _bits_without(items: Items, common: Any) -> float:
    """About what all items but the common ones take."""
    counts = entropy.counted(items)
    counts[common] = 0
    return entropy.estimated_bits(counts)


def _replace_if_shorter(file: IO[bytes], start: int, coded: bytes) -> None:
    """Put `coded` in the place of all that follows `start` if it is shorter."""
    if len(coded) < file.tell() - start:
        file.seek(start)
        file.truncate()
        file.write(coded)


def _most_common(items: Items) -> Any:
    """The most common value, among some of them if there are many possible ones."""
    if items.itemsize == 1:
        return np.uint8(entropy.counted(items).argmax())
    values, counts = _some(items)
    return values[counts.argmax()]


def _some(items: Items) -> tuple[Items, npt.NDArray[np.int64]]:
    """Different values, and their counts, among a few thousand items from all over."""
    if items.size > SOME:
        items = items[np.arange(SOME) * SCATTER % items.size]
    return np.unique(items, return_counts=True)
