"""Integers of 1 to 7 bits without a gap: eight of them in `bits` bytes. NumPy only.

Packing is done once, here. Unpacking runs inside a layer's `call`, so it is written
against an array module that offers what both NumPy and `keras.ops` have.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_CHUNK = 2**16  # integers that are packed at a time; a multiple of 8
PER_BLOCK = 8  # eight integers of `bits` bits fill exactly `bits` bytes


def packed_size(count: int, *, bits: int) -> int:
    """Bytes that `count` integers of `bits` bits take.

    Example:
        >>> packed_size(10, bits=4), packed_size(16, bits=3)
        (8, 6)
    """
    return -(-count // PER_BLOCK) * bits


def pack_bits(values: npt.NDArray[np.uint8], *, bits: int) -> npt.NDArray[np.uint8]:
    """Write integers one behind the other, the lowest bit first.

    Args:
        values: Integers below `2**bits`, any shape; read in C order.
        bits: Width of each, 1 to 8.

    Returns:
        Bytes of shape `(packed_size(values.size, bits=bits),)`. Unused bits are 0.

    Raises:
        ValueError: If `bits` is not 1 to 8 or a value needs more than `bits` bits.

    Example:
        >>> pack_bits(np.array([1, 2, 3], np.uint8), bits=4)
        array([33,  3,  0,  0], dtype=uint8)
    """
    if not 1 <= bits <= 8:
        raise ValueError(f"`bits` must be 1 to 8. Received: bits={bits!r}.")
    if values.size and int(values.max()) >= 2**bits:
        raise ValueError(
            f"Every value must be below 2**bits = {2**bits}. Received: a largest value "
            f"of {int(values.max())}. Quantize with at most {bits} bits."
        )
    values = values.reshape(-1, 1)
    packed = np.zeros(packed_size(values.size, bits=bits), np.uint8)
    for start in range(0, values.size, _CHUNK):
        some = values[start : start + _CHUNK]
        stream = np.unpackbits(some, axis=1, count=bits, bitorder="little")
        flat = np.packbits(stream.reshape(-1), bitorder="little")
        packed[start * bits // 8 :][: flat.size] = flat
    return packed


def unpack_bits(packed: Any, *, bits: int, count: int, xp: Any = np) -> Any:
    """Read integers that `pack_bits` wrote.

    Args:
        packed: Bytes of shape `(packed_size(count, bits=bits),)`.
        bits: Width of each integer, 1 to 8.
        count: How many there are.
        xp: `numpy` or `keras.ops`; the result is an array of that module.

    Returns:
        int32 array of shape `(count,)`.

    Example:
        >>> unpack_bits(np.array([33, 3, 0, 0], np.uint8), bits=4, count=3)
        array([1, 2, 3], dtype=int32)
    """
    blocks = cast(xp.reshape(packed, (-1, bits)), "int32", xp=xp)  # `<<` needs room
    columns = []
    for position in range(PER_BLOCK):
        byte, shift = divmod(position * bits, 8)
        value = xp.right_shift(blocks[:, byte], shift)
        if shift + bits > 8:  # the integer goes on in the next byte
            upper = xp.left_shift(blocks[:, byte + 1], 8 - shift)
            value = xp.bitwise_or(value, upper)
        columns.append(xp.bitwise_and(value, 2**bits - 1))
    return xp.reshape(xp.stack(columns, axis=1), (-1,))[:count]


def cast(array: Any, dtype: str, *, xp: Any = np) -> Any:
    """The array in another type: NumPy and `keras.ops` spell it differently."""
    return array.astype(dtype) if xp is np else xp.cast(array, dtype)
