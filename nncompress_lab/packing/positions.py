"""Where the numbers of a sparse array are, in fewer bytes than one bit for each place.

Three ways, of which the shortest is taken: the gaps between the positions row by row, the
same column by column, and one bit for each place in the context of its row and column.
Gaps are short where the same pattern comes again; contexts where some rows or columns
hold many and others none, say for the border of an image that is always black.
"""

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import contexts, symbols
from nncompress_lab.packing.cursor import Cursor, number

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

BY_ROWS, BY_COLUMNS, IN_CONTEXT = 0, 1, 2
_CHUNK = 2**16  # gaps that are read at a time
_LONG = 255  # a gap is written as bytes: each 255 says 255 more, the last says the rest


def encode(mask: Mask, columns: int) -> bytes:
    """Code which places of an array are taken.

    Args:
        mask: Shape `(n,)`, at least one of them True: an array read row by row. The last
            row may be shorter.
        columns: Of the array, at least 1.
    """
    places = np.flatnonzero(mask)
    coded = [
        bytes([BY_ROWS]) + _gaps(places),
        bytes([IN_CONTEXT]) + contexts.encode(mask, columns),
    ]
    if 1 < columns < mask.size:
        turned = np.flatnonzero(mask[_column_order(mask.size, columns)])
        coded.append(bytes([BY_COLUMNS]) + _gaps(turned))
    return min(coded, key=len)


def decode(cursor: Cursor, count: int, columns: int) -> Mask:
    """Read a mask that `encode` wrote.

    Args:
        cursor: Where it is; it moves behind it.
        count: Places of the array.
        columns: Of the array.

    Returns:
        bool array of shape `(count,)`.

    Raises:
        CorruptFileError: If `encode` cannot have written this.
    """
    kind = cursor.byte()
    if kind == IN_CONTEXT:
        return contexts.decode(cursor, count, columns)
    if kind not in (BY_ROWS, BY_COLUMNS):
        raise CorruptFileError("it holds positions of a kind that does not exist")
    mask = _taken(cursor, count)
    return mask if kind == BY_ROWS else _by_rows(mask, columns)


def _gaps(places: Places) -> bytes:
    gaps = np.diff(places, prepend=-1) - 1
    longs = gaps // _LONG
    written = np.full(places.size + int(longs.sum()), _LONG, np.uint8)
    written[np.cumsum(longs + 1) - 1] = gaps % _LONG
    return number(written.size) + symbols.encode(written)


def _taken(cursor: Cursor, count: int) -> Mask:
    written = cursor.number()
    if written > count:
        raise CorruptFileError("it holds more positions than places")
    gaps = symbols.decode(cursor, written)
    mask, reached = np.zeros(count, np.bool_), -1
    for start in range(0, written, _CHUNK):
        part = gaps[start : start + _CHUNK]
        ends = part < _LONG
        places = reached + np.cumsum(part.astype(np.int64) + ends)
        reached = int(places[-1])
        if reached >= count:
            raise CorruptFileError("it holds a position behind the last place")
        mask[places[ends]] = True
    return mask


def _by_rows(mask: Mask, columns: int) -> Mask:
    """A mask that is given column by column; only the first columns may be whole."""
    rows = -(-mask.size // columns)
    whole = columns - (rows * columns - mask.size)
    turned = np.zeros((rows, columns), np.bool_)
    turned[:, :whole] = mask[: rows * whole].reshape(whole, rows).T
    rest = mask[rows * whole :].reshape(columns - whole, rows - 1)
    turned[:-1, whole:] = rest.T
    return turned.reshape(-1)[: mask.size]


def _column_order(count: int, columns: int) -> Places:
    """The places of an array, given row by row, in the order column by column."""
    places = np.arange(count)
    rows = -(-count // columns)
    if count == rows * columns:
        return places.reshape(rows, columns).T.reshape(-1)
    return np.argsort(places % columns, kind="stable")
