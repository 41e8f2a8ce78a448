"""One array as bytes: as items, of a large one block by block, in their shortest form.

An array is read row by row as unsigned integers. Blocks bound the memory that it takes to
write and to read, however large the array is. NumPy only.
"""

import io
import math
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import forms, symbols
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
BLOCKS = 3  # beside the forms that items have
BLOCK = 2**22  # items of a block; a multiple of 8, so that packed ones fill bytes
LEAST_BLOCK = 2**15  # smaller ones would take longer to read than what is in them


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


def write(
    file: IO[bytes],
    array: npt.NDArray[Any],
    dtype: str,
    layout: Layout,
    *,
    block: int = BLOCK,
) -> None:
    """Code an array into a file; its type and shape are not stored.

    Floats that have nothing in common take less than their bytes of memory meanwhile.

    Args:
        file: Opened for writing in binary mode, at its end.
        array: Any shape; of a type that `DTYPES` lists, or the bits of it.
        dtype: The name of that type.
        layout: What is known about it.
        block: Items of which more are cut into blocks of half to as many; a multiple of
            8, `2 * LEAST_BLOCK` to `forms.MOST`.
    """
    items = np.ascontiguousarray(array).reshape(-1).view(DTYPES[dtype])
    bits = layout.bits if dtype == "uint8" and _fits(items.size, layout.bits) else 0
    count = items.size * 8 // bits if bits else items.size
    columns = max(1, min(layout.columns, count, block))
    file.write(bytes([bits]))
    if count > block:
        # Blocks of whole rows, if these are not too long.
        block = block // (8 * columns) * (8 * columns) or block
        file.write(bytes([BLOCKS]) + number(block))
    for start in range(0, max(count, 1), block):
        part = _part(items, bits, start, min(start + block, count))
        width = max(1, min(columns, part.size))
        forms.write(file, part, width, is_float=dtype in FLOATS)


def decode(
    content: bytes | memoryview, dtype: str, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Read an array that `encode` returned; see `read`."""
    return read(Cursor(content), dtype, shape)


def read(cursor: Cursor, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Read an array that `write` wrote.

    Beside the array some megabytes are allocated, and for its items, or for those of one
    block, their bytes once more and 4 for each; each packed integer is an item.

    Args:
        cursor: Where it is, and nothing else; it moves to the end.
        dtype: As for `write`.
        shape: Of the array.

    Returns:
        The array; its bits, if NumPy lacks the type.

    Raises:
        CorruptFileError: If `write` cannot have written this for such an array.
    """
    size = math.prod(shape)
    bits = cursor.byte()
    if bits and (dtype != "uint8" or not _fits(size, bits)):
        raise CorruptFileError("it holds packed integers, which do not fit its type")
    count = size * 8 // bits if bits else size
    kind = cursor.byte()
    if kind == BLOCKS:
        items = _blocks(cursor, count, bits, dtype)
    else:
        items = _items(cursor, kind, count, bits, dtype)
    cursor.close()
    if dtype == "bool" and items.size and int(items.max()) > 1:
        raise CorruptFileError("it holds a truth value other than 0 and 1")
    items = np.require(items, requirements=["C", "W"])
    return items.view(DTYPES[dtype] if dtype == "bfloat16" else dtype).reshape(shape)


def _blocks(cursor: Cursor, count: int, bits: int, dtype: str) -> Items:
    block = cursor.number()
    if block % 8 or not LEAST_BLOCK <= block <= forms.MOST:
        raise CorruptFileError(f"it holds blocks of {block} items")
    items = np.empty(count * bits // 8 if bits else count, DTYPES[dtype])
    for start in range(0, count, block):
        part = _items(cursor, cursor.byte(), min(block, count - start), bits, dtype)
        place = start * bits // 8 if bits else start
        items[place : place + part.size] = part
    return items


def _items(cursor: Cursor, kind: int, count: int, bits: int, dtype: str) -> Items:
    """Some items, packed again if they were."""
    is_float = dtype in FLOATS
    items = forms.read(cursor, kind, count, DTYPES[dtype], is_float=is_float)
    if not bits:
        return items
    if items.size and int(items.max()) >= 2**bits:
        raise CorruptFileError(f"it holds an integer of more than {bits} bits")
    return symbols.pack(items, bits)


def _fits(size: int, bits: int) -> bool:
    """Whether so many bytes can hold integers of so many bits, and no others."""
    return 0 < bits < 8 and size % bits == 0


def _part(items: Items, bits: int, start: int, stop: int) -> Items:
    """Some of the items, unpacked if they are packed."""
    if not bits:
        return items[start:stop]
    packed = items[start * bits // 8 : stop * bits // 8]
    return symbols.unpack(packed, bits, stop - start)
