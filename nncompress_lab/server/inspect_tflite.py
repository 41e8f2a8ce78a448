"""What a LiteRT (`.tflite`) file holds: the constant arrays of each operator.

Fields are numbered as in LiteRT's schema (`schema.fbs` in its sources).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from nncompress_lab.errors import CorruptFileError, ModelFileError
from nncompress_lab.quantization.arrays.bitpacking import PER_BLOCK, unpack_bits
from nncompress_lab.server import table
from nncompress_lab.server.figures import Figures
from nncompress_lab.server.flatbuffer import Table
from nncompress_lab.server.loaded import even_sample
from nncompress_lab.server.statistics import Array

IDENTIFIER = b"TFL3"
# Name, NumPy's type, and bits of it.
TYPES: dict[int, tuple[str, Any, int]] = {
    0: ("float32", np.float32, 32),
    1: ("float16", np.float16, 16),
    2: ("int32", np.int32, 32),
    3: ("uint8", np.uint8, 8),
    4: ("int64", np.int64, 64),
    7: ("int16", np.int16, 16),
    9: ("int8", np.int8, 8),
    10: ("float64", np.float64, 64),
    17: ("int4", np.int8, 4),
    18: ("bfloat16", ml_dtypes.bfloat16, 16),
    19: ("int2", np.int8, 2),
}
# Those that weights are found in; their second and third input: kernel and bias.
LAYERS = {
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    9: "FULLY_CONNECTED",
    126: "BATCH_MATMUL",
    132: "CONV_3D",
}
TRANSPOSED = {67: "TRANSPOSE_CONV", 141: "CONV_3D_TRANSPOSE"}
OTHERS = {
    0: "ADD",
    6: "DEQUANTIZE",
    7: "EMBEDDING_LOOKUP",
    16: "LSTM",
    18: "MUL",
    24: "RNN",
    35: "UNIDIRECTIONAL_SEQUENCE_RNN",
    36: "GATHER",
    41: "SUB",
    42: "DIV",
    44: "UNIDIRECTIONAL_SEQUENCE_LSTM",
    46: "BIDIRECTIONAL_SEQUENCE_RNN",
    52: "BIDIRECTIONAL_SEQUENCE_LSTM",
    54: "PRELU",
}
OPERATORS = {**LAYERS, **TRANSPOSED, **OTHERS}
_CODE_IN_BYTE = 127  # larger codes stand in a field of their own
_DEQUANTIZE = 6


def summary_of(path: Path) -> dict[str, Any]:
    """Look into a LiteRT file.

    Args:
        path: Of the file.

    Returns:
        `model`, `totals` and `layers`, as `inspect_file.summarize` has them.

    Raises:
        ModelFileError: If it is another file.
        CorruptFileError: If what it says about itself does not fit together.
    """
    content = np.memmap(path, np.uint8, "r")
    if content[4:8].tobytes() != IDENTIFIER:
        raise ModelFileError(
            "This is not a .tflite file: those have TFL3 at their fifth byte. It may be "
            "a copy that broke off; copy or export the model again."
        )
    model = Table.root(content)
    rows, held = [], {}
    for name, code, constants in _operators(model):
        held.update({one.buffer: len(one.data) for _, one in constants})
        rows.append((name, code, constants))
    most = table.most_numbers([one.size for row in rows for _, one in row[2]])
    shown = [
        table.row(
            name,
            OPERATORS.get(code, f"operator {code}"),
            [Figures(one, role, most) for role, one in constants],
        )
        for name, code, constants in rows[: table.MAX_ROWS]
    ]
    graph = next(model.tables(2), None)
    return {
        "model": table.about("LiteRT", graph.text(4) if graph else "", model.text(3)),
        "totals": table.totals(
            shown,
            path.stat().st_size,
            weights=sum(held.values()),
            left_out=len(shown) < len(rows),
        ),
        "layers": shown,
    }


@dataclass(frozen=True, eq=False)
class Constant:
    """An array of a LiteRT file.

    Args:
        tensor: What the file says about it.
        buffer: The number of its bytes in the file.
        data: These bytes.
    """

    tensor: Table
    buffer: int
    data: memoryview

    def __post_init__(self) -> None:
        is_sparse = self.tensor.table(6) is not None
        short = 8 * len(self.data) < self._bits * self.size
        if any(axis < 0 for axis in self.shape) or (short and not is_sparse):
            raise CorruptFileError(
                f"it declares weights of shape {self.shape} and does not hold them"
            )

    @cached_property
    def name(self) -> str:
        """As the converter called it."""
        return self.tensor.text(3).partition(";")[0]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """As declared."""
        return self.tensor.numbers(0, "i")

    @property
    def size(self) -> int:
        """Numbers in the array."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> str:
        """The name of the type."""
        return self._type[0]

    @property
    def raw_bytes(self) -> int:
        """Bytes of the array in the file."""
        return len(self.data)

    def read(self, most: int) -> Array | None:
        """At most so many of the numbers, flat, in steps from the zero point."""
        name, type_, bits = self._type
        if name not in _KNOWN or 8 * len(self.data) < bits * self.size:
            return None  # words, or kept in a form of its own
        if bits < PER_BLOCK:
            return even_sample(self._steps(self._unpacked(bits)), most)
        array = np.frombuffer(self.data, type_, self.size).reshape(self.shape)
        return even_sample(self._steps(array), most)

    @cached_property
    def _type(self) -> tuple[str, Any, int]:
        number = self.tensor.number(1, "b")
        return TYPES.get(number, (f"type {number}", None, 0))

    @property
    def _bits(self) -> int:
        return self._type[2]

    def _unpacked(self, bits: int) -> Array:
        """Signed integers of fewer than 8 bits, the first in the lowest bits."""
        whole = np.zeros(-(-len(self.data) // bits) * bits, np.uint8)
        whole[: len(self.data)] = np.frombuffer(self.data, np.uint8)
        codes = unpack_bits(whole, bits=bits, count=self.size)
        top = 1 << (bits - 1)
        signed: Array = (np.asarray(codes, np.int16) ^ top) - top
        return signed.reshape(self.shape)

    def _steps(self, array: Array) -> Array:
        quantization = self.tensor.table(4)
        zero_points = quantization.numbers(3, "q") if quantization else ()
        if not quantization or not any(zero_points) or array.dtype.itemsize > 1:
            return array
        shape = [1] * array.ndim
        if len(zero_points) > 1:
            shape[quantization.number(6, "i")] = len(zero_points)
        origin = np.reshape(zero_points, shape).astype(np.int16)
        steps: Array = array.astype(np.int16) - origin
        return steps


_KNOWN = {name for name, _, _ in TYPES.values()}


def _operators(
    model: Table,
) -> Iterator[tuple[str, int, list[tuple[str, Constant]]]]:
    """Name, code and weights of each operator that has weights."""
    codes = [_code(one) for one in model.tables(1)]
    buffers = [_bytes_of(one) for one in model.tables(4)]
    for graph in model.tables(2):
        tensors = list(graph.tables(0))
        restored: dict[int, int] = {}  # by a DEQUANTIZE in front of the layer
        for operator in graph.tables(3):
            code = codes[operator.number(0, "I")]
            places = operator.numbers(1, "i")
            if code == _DEQUANTIZE and len(places) == 1:
                restored.update(dict.fromkeys(operator.numbers(2, "i"), places[0]))
                continue
            found = [
                (position, Constant(tensor, number, buffers[number]))
                for position, place in enumerate(places)
                if place >= 0
                for tensor in [tensors[restored.get(place, place)]]
                for number in [tensor.number(2, "I")]
                if len(buffers[number]) > 0
            ]
            weights = [
                (_role(code, position, one), one)
                for position, one in found
                if code in {**LAYERS, **TRANSPOSED} or not one.dtype.startswith("int")
            ]
            if weights:
                kernel = max(
                    (one for _, one in weights), key=lambda one: len(one.shape)
                )
                yield kernel.name.rpartition("/")[0] or kernel.name, code, weights


def _role(code: int, position: int, constant: Constant) -> str:
    roles = {1: "kernel", 2: "bias"} if code in LAYERS else {}
    return roles.get(position, constant.name.rpartition("/")[2])


def _code(operator: Table) -> int:
    short = operator.number(0, "b")
    return int(operator.number(3, "i") if short == _CODE_IN_BYTE else short)


def _bytes_of(buffer: Table) -> memoryview:
    start, size = buffer.number(1, "Q"), buffer.number(2, "Q")
    if start > 1:  # behind the tables, in files of more than 2 GB
        return buffer.content[start : start + size]
    return buffer.data(0)
