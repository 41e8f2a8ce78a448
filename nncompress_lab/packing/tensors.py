"""One array as bytes: cut into symbols, without what is common, in its shortest form.

An array is read row by row as unsigned integers, whatever it holds, so that every bit
comes back: negative zeros and all kinds of NaN too. NumPy only.
"""

import io
import math
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import entropy, planes, positions, symbols
from nncompress_lab.packing.cursor import Cursor, number
from nncompress_lab.packing.planes import Items

# Types by the name in the file: those that Keras can store. NumPy has no bfloat16; its
# arrays are the bits of it.
DTYPES = {
    **{f"float{bits}": f"uint{bits}" for bits in (16, 32, 64)},
    **{f"int{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    "bfloat16": "uint16",
    "bool": "uint8",
}
FLOATS = ("float16", "float32", "float64", "bfloat16")
PLAIN, SPARSE, PALETTE = 0, 1, 2
LARGEST_PALETTE = 256
# A value that is not at least as common as this is not worth a stream of its positions:
# what it costs among the others is already near the entropy.
COMMON = 1 / 16
MOST_SPARSE = 2**25  # items of which positions are stored: they take memory to read
_CHUNK = 2**16  # items that are looked up at a time
SOME = 4096  # items that are looked at to see whether all of them are worth it
SCATTER = 2654435761  # a prime: its multiples hit rows and columns of all sizes


@dataclass(frozen=True)
class Layout:
    """What a writer knows about an array beyond its type and shape.

    It only helps to find a short form; nothing is lost if it is wrong.

    Args:
        columns: Of the array as a matrix; what belongs to one output is a column.
        bits: Of the integers that are packed in its bytes, 1 to 7; 0 if none are.
    """

    columns: int
    bits: int = 0


def layout_of(shape: tuple[int, ...]) -> Layout:
    """The layout of an ordinary kernel: its last axis counts the outputs."""
    return Layout(columns=shape[-1] if shape else 1)


def encode(array: npt.NDArray[Any], dtype: str, layout: Layout) -> bytes:
    """Code an array; see `write`.

    Returns:
        What `decode` turns back into the same array.

    Example:
        >>> zeros = np.zeros((300, 100), np.float32)
        >>> zeros[::7, 3] = -0.5
        >>> coded = encode(zeros, "float32", layout_of(zeros.shape))
        >>> len(coded) < 50, np.array_equal(decode(coded, "float32", zeros.shape), zeros)
        (True, True)
    """
    file = io.BytesIO()
    write(file, array, dtype, layout)
    return file.getvalue()


def write(file: IO[bytes], array: npt.NDArray[Any], dtype: str, layout: Layout) -> None:
    """Code an array into a file; its type and shape are not stored.

    Floats that have nothing in common take less than their bytes of memory meanwhile.

    Args:
        file: Opened for writing in binary mode, at its end.
        array: Any shape; of a type that `DTYPES` lists, or the bits of it.
        dtype: The name of that type.
        layout: What is known about it.
    """
    items = np.ascontiguousarray(array).reshape(-1).view(DTYPES[dtype])
    columns = max(1, min(layout.columns, items.size))
    if dtype == "uint8" and layout.bits and items.size % layout.bits == 0:
        unpacked = symbols.unpack(items, layout.bits, items.size * 8 // layout.bits)
        file.write(bytes([layout.bits]))
        _write(file, unpacked, columns, is_float=False)
    else:
        file.write(bytes([0]))
        _write(file, items, columns, is_float=dtype in FLOATS)


def decode(
    content: bytes | memoryview, dtype: str, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Read an array that `encode` wrote.

    Args:
        content: What `encode` returned.
        dtype: As for `encode`.
        shape: Of the array. Beside it, some megabytes, as many bytes again and 4 for
            each item are allocated; packed integers are items.

    Returns:
        The array; its bits, if NumPy lacks the type.

    Raises:
        CorruptFileError: If `encode` cannot have written this for such an array.
    """
    cursor, size = Cursor(content), math.prod(shape)
    bits = cursor.byte()
    if bits and (bits > 7 or dtype != "uint8" or size % bits):
        raise CorruptFileError("it holds packed integers, which do not fit its type")
    if bits:
        unpacked = _decoded(cursor, size * 8 // bits, "uint8", is_float=False)
        if unpacked.size and int(unpacked.max()) >= 2**bits:
            raise CorruptFileError(f"it holds an integer of more than {bits} bits")
        items = symbols.pack(unpacked, bits)
    else:
        items = _decoded(cursor, size, DTYPES[dtype], is_float=dtype in FLOATS)
    cursor.close()
    if dtype == "bool" and items.size and int(items.max()) > 1:
        raise CorruptFileError("it holds a truth value other than 0 and 1")
    items = np.require(items, requirements=["C", "W"])
    return items.view(DTYPES[dtype] if dtype == "bfloat16" else dtype).reshape(shape)


def _write(file: IO[bytes], items: Items, columns: int, *, is_float: bool) -> None:
    """The shortest of a plain form, one with a palette, and one without what is common."""
    start = file.tell()
    _write_plain_or_sparse(file, items, columns, is_float=is_float)
    if items.itemsize > 1 and np.unique(_some(items)).size <= LARGEST_PALETTE:
        palette, codes = np.unique(items, return_inverse=True)
        if palette.size <= LARGEST_PALETTE:
            coded = io.BytesIO()
            coded.write(bytes([PALETTE]) + number(palette.size))
            coded.writelines(planes.encode(palette, is_float=is_float))
            codes = codes.astype(np.uint8)
            _write_plain_or_sparse(coded, codes, columns, is_float=False)
            _replace_if_shorter(file, start, coded.getvalue())


def _write_plain_or_sparse(
    file: IO[bytes], items: Items, columns: int, *, is_float: bool
) -> None:
    start = file.tell()
    file.write(bytes([PLAIN]))
    file.writelines(planes.encode(items, is_float=is_float))
    if not 0 < items.size <= MOST_SPARSE:
        return
    common = _most_common(items)
    others = items != common
    if not COMMON < 1 - np.count_nonzero(others) / items.size < 1:
        return
    sparse = [
        bytes([SPARSE]) + number(columns),
        np.array(common).astype(items.dtype.newbyteorder("<")).tobytes(),
        positions.encode(others, columns),
        *planes.encode(items[others], is_float=is_float),
    ]
    _replace_if_shorter(file, start, b"".join(sparse))


def _replace_if_shorter(file: IO[bytes], start: int, coded: bytes) -> None:
    """Put `coded` in the place of all that follows `start` if it is shorter."""
    if len(coded) < file.tell() - start:
        file.seek(start)
        file.truncate()
        file.write(coded)


def _decoded(cursor: Cursor, count: int, dtype: str, *, is_float: bool) -> Items:
    kind = cursor.byte()
    if kind == PALETTE:
        palette = planes.decode(
            cursor, _at_most(cursor.number(), LARGEST_PALETTE), dtype, is_float=is_float
        )
        codes = _decoded_items(cursor, cursor.byte(), count, "uint8", is_float=False)
        if count and int(codes.max()) >= palette.size:
            raise CorruptFileError("it holds a code that stands for nothing")
        return _looked_up(palette, codes)
    return _decoded_items(cursor, kind, count, dtype, is_float=is_float)


def _looked_up(palette: Items, codes: Items) -> Items:
    """Some at a time, because NumPy takes eight bytes for each that it looks up."""
    items = np.empty(codes.size, palette.dtype)
    for start in range(0, codes.size, _CHUNK):
        items[start : start + _CHUNK] = palette[codes[start : start + _CHUNK]]
    return items


def _decoded_items(
    cursor: Cursor, kind: int, count: int, dtype: str, *, is_float: bool
) -> Items:
    if kind == PLAIN:
        return planes.decode(cursor, count, dtype, is_float=is_float)
    if kind != SPARSE:
        raise CorruptFileError("it is of a kind that does not exist")
    columns = _at_most(cursor.number(), _at_most(count, MOST_SPARSE))
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


def _at_most(value: int, limit: int) -> int:
    if value > limit:
        raise CorruptFileError(f"it holds {value} of what there are at most {limit}")
    return value


def _most_common(items: Items) -> Any:
    """The most common value, among some of them if there are many possible ones."""
    if items.itemsize == 1:
        return np.uint8(entropy.counted(items).argmax())
    values, counts = np.unique(_some(items), return_counts=True)
    return values[counts.argmax()]


def _some(items: Items) -> Items:
    """A few thousand of the items, spread over all of them without a pattern."""
    if items.size <= SOME:
        return items
    return items[np.arange(SOME) * SCATTER % items.size]
