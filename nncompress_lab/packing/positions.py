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
    mask = np.zeros(count, np.bool_)
    mask[_places(cursor, count)] = True
    if kind == BY_ROWS:
        return mask
    by_rows = np.empty_like(mask)
    by_rows[_column_order(count, columns)] = mask
    return by_rows


def _gaps(places: Places) -> bytes:
    gaps = np.diff(places, prepend=-1) - 1
    longs = gaps // _LONG
    written = np.full(places.size + int(longs.sum()), _LONG, np.uint8)
    written[np.cumsum(longs + 1) - 1] = gaps % _LONG
    return number(written.size) + symbols.encode(written)


def _places(cursor: Cursor, count: int) -> Places:
    written = cursor.number()
    if written > count:
        raise CorruptFileError("it holds more positions than places")
    gaps = symbols.decode(cursor, written)
    ends = gaps < _LONG
    steps = gaps.astype(np.int64) + ends
    places: Places = np.cumsum(steps)[ends] - 1
    if places.size and places[-1] >= count:
        raise CorruptFileError("it holds a position behind the last place")
    return places


def _column_order(count: int, columns: int) -> Places:
    """The places of an array, given row by row, in the order column by column."""
    places = np.arange(count)
    rows = -(-count // columns)
    if count == rows * columns:
        return places.reshape(rows, columns).T.reshape(-1)
    return np.argsort(places % columns, kind="stable")
