"""Numbers of several bytes as planes of single bytes, the most significant first.

The bytes of a float mean different things: the first ones are much alike from number to
number, the last ones look like chance. Each plane is a stream of symbols of its own.
A few short floats are no planes. NumPy only.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.packing import entropy, short_floats, symbols
from nncompress_lab.packing.cursor import Cursor

Items = npt.NDArray[Any]  # unsigned integers: the bits of what an array holds

SPARE = 0.005  # of the bytes of floats: so many more they may take to be read faster
SOME = 2**16  # floats that are looked at to see what all of them take
_CHUNK = 2**15  # numbers that are turned at a time


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
    if is_float and items.size <= short_floats.MOST:
        yield _few_floats(items)
        return
    spare = SPARE * _estimated_bytes(items) if is_float else 0.0
    for place in reversed(range(items.itemsize)):
        plane = _plane(items, place, is_float=is_float)
        if is_float:
            coded, extra = symbols.encode_fast(plane, spare)
            spare -= max(extra, 0)
            yield coded
        else:
            yield symbols.encode(plane)


def _few_floats(items: Items) -> bytes:
    """All planes, or the floats as short ones."""
    places = reversed(range(items.itemsize))
    planes = (symbols.encode(_plane(items, one, is_float=True)) for one in places)
    coded, short = b"".join(planes), short_floats.encode(_turned(items, 1))
    return coded if short is None else min(coded, short, key=len)


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
    size, lowest_first = np.dtype(dtype).itemsize, np.dtype(dtype).newbyteorder("<")
    first = cursor.byte() if is_float and count else None
    if first is not None and first >= short_floats.HEAD:
        short = short_floats.decode(cursor, first, count, dtype)
        return _turned(short, 8 * size - 1)
    found = [symbols.decode(cursor, count, first)]
    found += [symbols.decode(cursor, count) for _ in range(size - 1)]
    items = np.empty(count, dtype)
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        octets = np.empty((stop - start, size), np.uint8)
        for place, plane in enumerate(reversed(found)):
            octets[:, place] = plane[start:stop]
        part = octets.reshape(-1).view(lowest_first)
        items[start:stop] = _turned(part, 8 * size - 1) if is_float else part
    return items


def _plane(items: Items, place: int, *, is_float: bool) -> symbols.Symbols:
    plane = np.empty(items.size, np.uint8)
    for start in range(0, items.size, _CHUNK):
        part = items[start : start + _CHUNK]
        turned = _turned(part, 1) if is_float else part
        plane[start : start + _CHUNK] = _as_bytes(turned)[:, place]
    return plane


def _estimated_bytes(items: Items) -> float:
    """At most about what floats take, by the frequencies of the bytes of some."""
    some = items[:: -(-items.size // SOME)]
    planes = (_plane(some, place, is_float=True) for place in range(items.itemsize))
    bits = sum(entropy.estimated_bits(entropy.counted(plane)) for plane in planes)
    return bits / 8 * items.size / some.size


def _as_bytes(items: Items) -> Items:
    """The bytes of items, shape `(n, bytes of an item)`, the least significant first."""
    lowest_first = items.astype(items.dtype.newbyteorder("<"), copy=False)
    return lowest_first.view(np.uint8).reshape(items.size, -1)


def _turned(items: Items, places: int) -> Items:
    """Bits moved to the left, around the end."""
    bits = 8 * items.itemsize
    return (items << places) | (items >> (bits - places))
