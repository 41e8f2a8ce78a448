"""Numbers of several bytes as planes of single bytes, the most significant first.

The bytes of a float mean different things: the first ones are much alike from number to
number, the last ones look like chance. Each plane is a stream of symbols of its own.
NumPy only.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.packing import symbols
from nncompress_lab.packing.cursor import Cursor

Items = npt.NDArray[Any]  # unsigned integers: the bits of what an array holds


def encode(items: Items, *, is_float: bool) -> bytes:
    """Code numbers plane by plane; neither their number nor their type is stored.

    Args:
        items: Unsigned integers, shape `(n,)`.
        is_float: Whether they are the bits of floats. These are turned by one place
            first, so that the exponent begins with the first plane and the sign is the
            last bit.
    """
    bits = items.itemsize * 8
    turned = _turn_left(items, 1, bits) if is_float else items
    planes = turned.astype(turned.dtype.newbyteorder(">")).view(np.uint8)
    return b"".join(
        symbols.encode(np.ascontiguousarray(plane))
        for plane in planes.reshape(-1, items.itemsize).T
    )


def decode(cursor: Cursor, count: int, dtype: str, *, is_float: bool) -> Items:
    """Read numbers that `encode` wrote.

    Args:
        cursor: Where they are; it moves behind them.
        count: How many there are.
        dtype: Of the unsigned integers, for example `"uint32"`.
        is_float: As for `encode`.

    Returns:
        Array of shape `(count,)`.
    """
    kind = np.dtype(dtype).newbyteorder(">")
    planes = np.empty((count, kind.itemsize), np.uint8)
    for place in range(kind.itemsize):
        planes[:, place] = symbols.decode(cursor, count)
    items = planes.view(kind).reshape(count).astype(dtype)
    bits = kind.itemsize * 8
    return _turn_left(items, bits - 1, bits) if is_float else items


def _turn_left(items: Items, places: int, bits: int) -> Items:
    return (items << places) | (items >> (bits - places))
