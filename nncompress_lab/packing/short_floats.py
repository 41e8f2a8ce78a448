"""A few floats of few significant bits as integers of as many bits as they need.

Biases and tables of a strongly compressed model are such floats, and the tables of an
entropy coder would take more than they do. NumPy only.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing.cursor import Cursor, number

Items = npt.NDArray[Any]

MOST: Final = 2**12  # items
WIDEST: Final = 32  # bits of an integer
HEAD: Final = 32  # of the first byte, which no stream of symbols begins with


def encode(items: Items) -> bytes | None:
    """Code the bits of floats, the sign as the last one, if that can be short.

    Args:
        items: Unsigned integers, shape `(n,)`, turned so that the sign is the lowest bit.

    Returns:
        What `decode` turns back into the same items; None if there are too many or they
        have too many significant bits.

    Example:
        >>> halves = np.array([0.5, -1.5, 0.0], np.float32).view(np.uint32)
        >>> len(encode(halves << 1 | halves >> 31))
        6
    """
    if not 0 < items.size <= MOST:
        return None
    magnitudes = items >> 1
    together = int(np.bitwise_or.reduce(magnitudes))
    empty = (together & -together).bit_length() - 1 if together else 0
    magnitudes = magnitudes >> empty
    least = int(magnitudes[magnitudes > 0].min()) - 1 if together else 0
    bits = (int(magnitudes.max()) - least).bit_length() + 1
    if bits > WIDEST:
        return None
    known = np.where(magnitudes > 0, magnitudes - least, 0).astype(np.uint64)
    integers = known << np.uint64(1) | (items & 1).astype(np.uint64)
    places = np.arange(bits, dtype=np.uint64)
    packed = np.packbits(
        (integers[:, None] >> places & np.uint64(1)).astype(np.uint8).reshape(-1),
        bitorder="little",
    )
    return bytes([HEAD + empty, bits]) + number(least) + packed.tobytes()


def decode(cursor: Cursor, first: int, count: int, dtype: str) -> Items:
    """Read floats that `encode` coded.

    Args:
        cursor: Behind the first byte; it moves behind the floats.
        first: That byte.
        count: How many floats there are, at least 1.
        dtype: Of the unsigned integers.

    Returns:
        Array of shape `(count,)`.

    Raises:
        CorruptFileError: If `encode` cannot have written this.
    """
    empty, bits, least = first - HEAD, cursor.byte(), cursor.number()
    width = 8 * np.dtype(dtype).itemsize
    if count > MOST or not 0 < bits <= WIDEST:
        raise CorruptFileError("it holds short floats that are too many or too long")
    packed = np.frombuffer(cursor.take(-(-count * bits // 8)), np.uint8)
    places = np.unpackbits(packed, bitorder="little")
    if places[count * bits :].any():
        raise CorruptFileError("bits are left over in it")
    values = places[: count * bits].reshape(count, bits).astype(np.uint64)
    integers = values @ (np.uint64(1) << np.arange(bits, dtype=np.uint64))
    known = integers >> np.uint64(1)
    if (int(known.max()) + least) << empty >= 2 ** (width - 1) or empty >= width:
        raise CorruptFileError("it holds short floats that do not fit their type")
    magnitudes = np.where(known > 0, known + np.uint64(least), np.uint64(0))
    items = magnitudes << np.uint64(empty + 1) | integers & np.uint64(1)
    return items.astype(dtype)
