"""Constants in few bytes: packed integers, and zeros that take one bit.

ONNX has 8-bit and 4-bit integers. For other widths, and where most numbers are equal, the
file holds packed bits and the few standard operations that unpack them. A runtime does
that once, when it loads the file, because everything they depend on is constant.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from nncompress_lab.quantization.arrays.bitpacking import pack_bits
from nncompress_lab.runtimes.onnx_graph.graph import Graph

Array = npt.NDArray[Any]
INT32 = onnx.TensorProto.INT32
UNPACKING = 600  # bytes that the operations take, about; measured on small kernels


def floats(graph: Graph, array: Array, name: str) -> str:
    """Write a float32 array in the way that takes the fewest bytes.

    That is as it is, as the numbers that are not 0 with a bit for each number that says
    where they are, or, where only few are not 0, as these with their places.

    Returns:
        The name of a float32 tensor of the shape of `array`.
    """
    array = np.ascontiguousarray(array, np.float32)
    flat, shape = array.reshape(-1), graph.integers(*array.shape)
    kept, place = int(np.count_nonzero(flat)), np.min_scalar_type(flat.size)
    sizes: dict[str, int] = {
        "plain": flat.nbytes,
        "mask": flat.size // 8 + kept * flat.itemsize + UNPACKING,
        "places": kept * (flat.itemsize + place.itemsize) + UNPACKING,
    }
    best = min(sizes, key=lambda way: sizes[way])
    if best == "plain":
        return graph.constant(array, name)
    if best == "mask":
        values = graph.constant(np.append(np.float32(0), flat[flat != 0]), name)
        filled = graph.op("Gather", values, _places(graph, flat != 0, name))
    else:
        filled = _scattered(graph, flat, place, name)
    return graph.op("Reshape", filled, shape)


def _scattered(graph: Graph, flat: Array, place: np.dtype[Any], name: str) -> str:
    """A vector of zeros with its other numbers put in their places."""
    where = np.flatnonzero(flat)
    zeros = graph.op("ConstantOfShape", graph.integers(flat.size))
    places = graph.constant(where.astype(place), f"{name}_places")
    places = graph.op("Cast", places, to=onnx.TensorProto.INT64)
    return graph.op("ScatterElements", zeros, places, graph.constant(flat[where], name))


def integers(graph: Graph, codes: Array, bits: int, name: str) -> str:
    """Write small integers in the way that takes the fewest bytes.

    Args:
        graph: To write to.
        codes: Integers from 0 to `2**bits - 1`, any shape.
        bits: Width of each, 1 to 8.
        name: What the constant is to be called.

    Returns:
        The name of an int32 tensor of the shape of `codes`.
    """
    flat = codes.reshape(-1).astype(np.uint8)
    usual = np.bincount(flat, minlength=1).argmax()
    if saved_by_mask(flat, bits) > 0:
        others = np.append(usual, flat[flat != usual]).astype(np.uint8)
        values = _unpacked(graph, others, bits, name)
        result = graph.op("Gather", values, _places(graph, flat != usual, name))
    else:
        result = _unpacked(graph, flat, bits, name)
    return graph.op("Reshape", result, graph.integers(*codes.shape))


def saved_by_mask(codes: Array, bits: int) -> float:
    """Bytes that are saved where the most frequent integer takes one bit."""
    others = codes.size - int(np.bincount(codes.reshape(-1)).max())
    return codes.size * (bits - 1) / 8 - others * bits / 8 - UNPACKING


def _unpacked(graph: Graph, flat: Array, bits: int, name: str) -> str:
    """A vector of small integers as int32, from the bytes that `pack_bits` makes."""
    if bits == 8:
        return graph.op("Cast", graph.constant(flat, name), to=INT32)
    if bits == 4:
        byte = graph.op("Cast", graph.four_bits(flat, name), to=onnx.TensorProto.UINT8)
        return graph.op("Cast", byte, to=INT32)
    stream = _bits(graph, pack_bits(flat, bits=bits), name)
    rows = graph.op("Reshape", stream, graph.integers(-1, bits))
    worth = graph.constant(2 ** np.arange(bits, dtype=np.int32), "worth")
    axes = graph.integers(1)
    numbers = graph.op("ReduceSum", graph.op("Mul", rows, worth), axes, keepdims=0)
    return _first(graph, numbers, flat.size)


def _places(graph: Graph, mask: Array, name: str) -> str:
    """0 where the mask is False; where it is True, 1, 2, 3 and so on."""
    packed = pack_bits(mask.astype(np.uint8), bits=1)
    bits = _first(graph, _bits(graph, packed, f"{name}_mask"), mask.size)
    count = graph.op("CumSum", bits, graph.constant(np.int64(0), "axis"))
    return graph.op("Mul", count, bits)


def _bits(graph: Graph, packed: Array, name: str) -> str:
    """All bits of some bytes, the lowest of each byte first, as a vector of int32.

    By division: OpenVINO does not compute shifts of constants when it loads a file, and
    then multiplies wrongly by what depends on them (2026.4).
    """
    bytes_ = graph.constant(packed.reshape(-1, 1), name)
    powers = graph.constant(2 ** np.arange(8, dtype=np.int32), "powers")
    shifted = graph.op("Div", graph.op("Cast", bytes_, to=INT32), powers)
    bits = graph.op("Mod", shifted, graph.constant(np.int32(2), "two"))
    return graph.op("Reshape", bits, graph.integers(-1))


def _first(graph: Graph, vector: str, count: int) -> str:
    """The vector without what fills up its last byte."""
    return graph.op("Slice", vector, graph.integers(0), graph.integers(count))
