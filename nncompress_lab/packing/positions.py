"""Where the numbers of a sparse array are, in fewer bytes than one bit for each place.

Three ways, of which the shortest is taken: the gaps between the positions row by row, the
same column by column, and one bit for each place in the context of its row and column.
Gaps are short where the same pattern comes again; contexts where some rows or columns
hold many and others none, say for the border of an image that is always black.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import contexts, entropy, symbols, zstd
from nncompress_lab.packing.cursor import Cursor, number
from nncompress_lab.packing.symbols import Symbols

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

BY_ROWS, BY_COLUMNS, IN_CONTEXT = 0, 1, 2
NEAR = 1.01  # what is estimated to be so much longer than another way is not tried
_CHUNK = 2**16  # gaps that are read at a time
_LONG = 255  # a gap is written as bytes: each 255 says 255 more, the last says the rest


@dataclass(frozen=True, eq=False)
class Way:
    """A way to code positions.

    Args:
        bits: About what it takes.
        encode: Does it.
    """

    bits: float
    encode: Callable[[], bytes]


def ways(mask: Mask, columns: int) -> list[Way]:
    """The ways to code which places of an array are taken; none is gone yet.

    Args:
        mask: Shape `(n,)`, at least one of them True: an array read row by row. The last
            row may be shorter.
        columns: Of the array, at least 1.
    """
    plan = contexts.planned(mask, columns)
    found = [
        Way(plan.bits, lambda: bytes([IN_CONTEXT]) + contexts.encode(mask, plan)),
    ]
    if mask.size >= symbols.MANY and np.count_nonzero(mask) > mask.size / 2:
        return found  # gaps would be as many symbols as there are places
    found.append(_way(BY_ROWS, _gaps(np.flatnonzero(mask))))
    if 1 < columns < mask.size:
        found.append(_way(BY_COLUMNS, _gaps(np.flatnonzero(_turned(mask, columns)))))
    return found


def encode(found: list[Way], *, all_of_them: bool) -> bytes:
    """Code positions in the shortest of some ways.

    Args:
        found: What `ways` returned.
        all_of_them: Whether to try also those that are estimated to be longer.
    """
    least = min(one.bits for one in found)
    tried = [one for one in found if all_of_them or one.bits <= NEAR * least]
    return min((one.encode() for one in tried), key=len)


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


def _way(kind: int, gaps: Symbols) -> Way:
    by_frequency = entropy.estimated_bits(entropy.counted(gaps))
    as_repeated = 8.0 * len(zstd.compress(gaps.data, level=zstd.QUICK))
    return Way(
        min(by_frequency, as_repeated),
        lambda: bytes([kind]) + number(gaps.size) + symbols.encode(gaps),
    )


def _gaps(places: Places) -> Symbols:
    gaps = np.diff(places, prepend=-1) - 1
    longs = gaps // _LONG
    written = np.full(places.size + int(longs.sum()), _LONG, np.uint8)
    written[np.cumsum(longs + 1) - 1] = gaps % _LONG
    return written


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


def _turned(mask: Mask, columns: int) -> Mask:
    """A mask, given row by row, column by column; `_by_rows` is the inverse."""
    rows = -(-mask.size // columns)
    missing = rows * columns - mask.size
    if not missing:
        return mask.reshape(rows, columns).T.reshape(-1)
    whole = mask[: (rows - 1) * columns].reshape(rows - 1, columns)
    ends = columns - missing  # of the first columns, which are longer
    first = np.concatenate([whole[:, :ends], mask[None, whole.size :]])
    return np.concatenate([first.T.reshape(-1), whole[:, ends:].T.reshape(-1)])
