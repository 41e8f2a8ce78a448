"""Numbers of several bytes as planes of single bytes, the most significant first.

The bytes of a float mean different things: the first ones are much alike from number to
number, the last ones look like chance. Each plane is a stream of symbols of its own.
NumPy only.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.packing import symbols
from nncompress_lab.packing.cursor import Cursor

Items = npt.NDArray[Any]  # unsigned integers: the bits of what an array holds

_CHUNK = 2**16  # numbers that are turned at a time


def encode(items: Items, *, is_float: bool) -> Iterator[bytes]:
    """Code numbers plane by plane; neither their number nor their type is stored.

    Only one plane is in memory at a time, so that it may be written before the next.

    Args:
        items: Unsigned integers, shape `(n,)`.
        is_float: Whether they are the bits of floats. These are turned by one place
            first, so that the exponent begins with the first plane and the sign is the
            last bit.

    Yields:
        The code of each plane.
    """
    bits = items.itemsize * 8
    for shift in reversed(range(0, bits, 8)):
        plane = np.empty(items.size, np.uint8)
        for start in range(0, items.size, _CHUNK):
            part = items[start : start + _CHUNK]
            turned = _turn_left(part, 1, bits) if is_float else part
            plane[start : start + _CHUNK] = turned >> shift
        yield symbols.encode(plane)


def decode(cursor: Cursor, count: int, dtype: str, *, is_float: bool) -> Items:
    """Read numbers that `encode` wrote.

    Args:
        cursor: Where they are; it moves behind them.
        count: How many there are.
        dtype: Of the unsigned integers, for example `"uint32"`.
        is_float: As for `encode`.

    Returns:
        Array of shape `(count,)`, not to be written to.
    """
    if np.dtype(dtype).itemsize == 1:
        return symbols.decode(cursor, count)
    items = np.zeros(count, dtype)
    bits = items.itemsize * 8
    for shift in reversed(range(0, bits, 8)):
        plane = symbols.decode(cursor, count)
        for start in range(0, count, _CHUNK):
            part = items[start : start + _CHUNK]
            part |= plane[start : start + _CHUNK].astype(dtype) << shift
            if is_float and not shift:
                part[:] = _turn_left(part, bits - 1, bits)
    return items


def _turn_left(items: Items, places: int, bits: int) -> Items:
    return (items << places) | (items >> (bits - places))
