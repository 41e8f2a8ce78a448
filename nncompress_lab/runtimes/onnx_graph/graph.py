"""An ONNX graph while it is being written: constants, operations, and nothing twice.

Names count up within the layer that an operation belongs to, so that a model gives the
same bytes wherever it is exported. Equal constants and equal operations are written once:
a kernel that two layers share is one tensor in the file.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from nncompress_lab.quantization.arrays.affine import AffineParams

Array = npt.NDArray[Any]
OPSET = 21  # the first with 4-bit integers and scales by block
IR_VERSION = 10  # that opset 21 came with
DYNAMIC_BATCH = "batch"


@dataclass(frozen=True)
class Value:
    """A tensor of the graph and what it is in Keras.

    Args:
        name: Of the ONNX tensor.
        shape: As Keras has it, with the batch first; None where a size is not fixed.
        channels_first: Whether the ONNX tensor has the last axis of Keras behind the
            batch. ONNX convolutions want it so, and it stays until a layer minds.
        mask: Name of the truth values that say which steps count; None if all do.
    """

    name: str
    shape: tuple[int | None, ...]
    channels_first: bool = False
    mask: str | None = None

    @property
    def rank(self) -> int:
        """Number of axes, the batch included."""
        return len(self.shape)


@dataclass(frozen=True)
class Bytes:
    """A tensor that QuantizeLinear has rounded to uint8.

    Args:
        name: Of the tensor of uint8.
        numbers: Names of its scale and zero point.
        scale: Of the integers.
    """

    name: str
    numbers: tuple[str, str]
    scale: float


class Graph:
    """Collects the constants and operations of a model.

    Args:
        name: Of the model.
        ranges: Scale and zero point of tensors that are to be rounded to 8 bits, by the
            places that `place` names.
    """

    def __init__(
        self, name: str, ranges: dict[str, AffineParams] | None = None
    ) -> None:
        self.ranges = ranges or {}
        self.unrounded: dict[str, str] = {}  # tensors by places that lack a range
        self._name = name
        self._scope = ""
        self._nodes: dict[str, onnx.NodeProto] = {}
        self._constants: dict[str, onnx.TensorProto] = {}
        self._known: dict[Any, str] = {}
        self._counts: dict[str, int] = {}
        self._bytes: dict[str, Bytes] = {}

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """While the block runs, what is written is named after the layer `name`."""
        outer = self._scope
        self._scope = f"{outer}{name}/"
        try:
            yield
        finally:
            self._scope = outer

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Write an operation with one output, unless an equal one is there.

        Args:
            kind: Of the ONNX operator.
            *inputs: Names of tensors; an empty one is an optional input left out.
            **attributes: Of the operator.

        Returns:
            The name of its output.
        """
        key = (kind, inputs, tuple(sorted((k, str(v)) for k, v in attributes.items())))
        if key not in self._known:
            output = self._unique(kind)
            node = onnx.helper.make_node(
                kind, list(inputs), [output], name=output, **attributes
            )
            self._nodes[output] = node
            self._known[key] = output
        return self._known[key]

    def constant(
        self, array: Any, name: str = "constant", *, shared: bool = True
    ) -> str:
        """Write an array, unless an equal one is there; returns its name.

        Args:
            array: Any array or number.
            name: What it is, as a part of its name.
            shared: Whether others may use it, too.
        """
        array = np.ascontiguousarray(array)
        kind = "" if shared else str(len(self._constants))
        return self._tensor(array, onnx.numpy_helper.from_array, name, kind)

    def integers(self, *numbers: int) -> str:
        """A vector of sizes, axes or positions."""
        return self.constant(np.array(numbers, np.int64), "numbers")

    def four_bits(self, array: Array, name: str) -> str:
        """Write integers of 4 bits, two a byte: int8 as INT4, uint8 as UINT4."""
        kind = onnx.TensorProto.INT4 if array.dtype == np.int8 else 0
        kind = kind or onnx.TensorProto.UINT4

        def make(array: Array, name: str) -> onnx.TensorProto:
            low = np.append(array.reshape(-1), np.zeros(array.size % 2, array.dtype))
            nibbles = (low & 0xF).astype(np.uint8)
            packed = nibbles[::2] | (nibbles[1::2] << 4)
            return onnx.helper.make_tensor(
                name, kind, array.shape, packed.tobytes(), raw=True
            )

        return self._tensor(np.ascontiguousarray(array), make, name, "4 bits")

    def channels_first(self, value: Value) -> Value:
        """The value with its channels behind the batch."""
        if value.channels_first or value.rank < 3:
            return value
        order = [0, value.rank - 1, *range(1, value.rank - 1)]
        name = self._moved("Transpose", value.name, perm=order)
        return replace(value, name=name, channels_first=True)

    def as_keras(self, value: Value) -> Value:
        """The value with its axes in the order that Keras has them in."""
        if not value.channels_first:
            return value
        order = [0, *range(2, value.rank), 1]
        name = self._moved("Transpose", value.name, perm=order)
        return replace(value, name=name, channels_first=False)

    def reshape(self, name: str, shape: Sequence[int | None]) -> str:
        """The tensor in another shape; the batch stays, one more size may be None."""
        sizes = [0, *(-1 if size is None else size for size in shape[1:])]
        return self._moved("Reshape", name, self.integers(*sizes))

    def at(self, name: str, place: int, axis: int) -> str:
        """One slice of a tensor, without the axis that it was taken along."""
        taken = self.op("Gather", name, self.integers(place), axis=axis)
        return self.op("Squeeze", taken, self.integers(axis))

    def place(self, kind: str) -> str:
        """What the next operation of a kind in this layer is called, every time."""
        return f"{self._scope}{kind}_{self._counts.get(f'{self._scope}{kind}', 0)}"

    def quantize(self, name: str, scale: Array, zero_point: int) -> Bytes:
        """Round a tensor to uint8."""
        numbers = (
            self.constant(np.float32(scale), "scale"),
            self.constant(np.uint8(zero_point), "zero_point"),
        )
        steps = self.op("QuantizeLinear", name, *numbers)
        return Bytes(steps, numbers, float(scale))

    def dequantize(self, rounded: Bytes) -> str:
        """The floats that a rounded tensor stands for."""
        return self.op("DequantizeLinear", rounded.name, *rounded.numbers)

    def note_bytes(self, name: str, rounded: Bytes) -> None:
        """Remember that a tensor of rounded floats is also there as uint8."""
        self._bytes[name] = rounded

    def bytes_of(self, name: str) -> Bytes | None:
        """A tensor as uint8; None if it is floats."""
        return self._bytes.get(name)

    def made_by(self, name: str) -> onnx.NodeProto | None:
        """The operation that a tensor is the output of; None of inputs and constants."""
        return self._nodes.get(name)

    def array(self, constant: str) -> Array:
        """What stands in a constant."""
        return onnx.numpy_helper.to_array(self._constants[constant])

    def as_integers(self, name: str) -> str:
        """The tensor as the output of DequantizeLinear, if it is there as uint8."""
        rounded = self.bytes_of(name)
        return name if rounded is None else self.dequantize(rounded)

    def _moved(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        """A tensor with its numbers in other places, also as uint8 if it is that."""
        moved = self.op(kind, name, *inputs, **attributes)
        if name in self._bytes:
            rounded = self._bytes[name]
            steps = self.op(kind, rounded.name, *inputs, **attributes)
            self._bytes[moved] = replace(rounded, name=steps)
        return moved

    def input(self, name: str, tensor: Any, kind: int) -> onnx.ValueInfoProto:
        """What the file says about an input that the model takes."""
        self._counts[name] = 1
        return _value_info(name, tensor.shape, kind)

    def model(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: dict[str, Value]
    ) -> onnx.ModelProto:
        """The whole file.

        Args:
            inputs: As `input` returned them.
            outputs: Values by the names that the outputs get.
        """
        ends = []
        for name, value in outputs.items():
            last = self.as_keras(value)
            self._nodes[name] = onnx.helper.make_node(
                "Identity", [last.name], [name], name=name
            )
            ends.append(_value_info(name, last.shape, onnx.TensorProto.FLOAT))
        nodes, used = _needed([*self._nodes.values()], set(outputs))
        graph = onnx.helper.make_graph(
            nodes,
            self._name,
            list(inputs),
            ends,
            [one for name, one in self._constants.items() if name in used],
        )
        return onnx.helper.make_model(
            graph,
            producer_name="nncompress-lab",
            ir_version=IR_VERSION,
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        )

    def _tensor(self, array: Array, make: Any, name: str, kind: str = "") -> str:
        digest = hashlib.sha256(array.tobytes()).digest()
        key = (kind, str(array.dtype), array.shape, digest)
        if key not in self._known:
            unique = self._unique(name)
            self._constants[unique] = make(array, unique)
            self._known[key] = unique
        return self._known[key]

    def _unique(self, name: str) -> str:
        full = f"{self._scope}{name}"
        count = self._counts.get(full, 0)
        self._counts[full] = count + 1
        return f"{full}_{count}" if count else full


def _needed(
    nodes: list[onnx.NodeProto], names: set[str]
) -> tuple[list[onnx.NodeProto], set[str]]:
    """The operations that some tensors depend on, and all tensors that these use."""
    kept = []
    for node in reversed(nodes):
        if names.intersection(node.output):
            kept.append(node)
            names |= set(node.input)
    return kept[::-1], names


def _value_info(
    name: str, shape: Sequence[int | None], kind: int
) -> onnx.ValueInfoProto:
    sizes = [
        size if size is not None else (f"{name}_size_{axis}" if axis else DYNAMIC_BATCH)
        for axis, size in enumerate(shape)
    ]
    return onnx.helper.make_tensor_value_info(name, kind, sizes)
