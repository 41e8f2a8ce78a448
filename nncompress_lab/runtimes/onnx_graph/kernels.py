"""A kernel in the file: floats, integers with scales, or codes into tables.

Whatever a layer stores, the graph gets a float32 tensor in the layout of the ONNX
operator. What differs is how it is made:

    floats      as they are; mostly zeros as a mask and the others (see `compact`)
    integers    8 or 4 bits and DequantizeLinear, where the runtime multiplies integers;
                elsewhere Cast and Mul, which it computes once when it loads the file
    codes       packed, and Gather from the table

DequantizeLinear in front of an operator that wants floats would run at every call.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx

from nncompress_lab.kernels import to_numpy
from nncompress_lab.quantization.codebook_format import CodebookView
from nncompress_lab.quantization.kernel_format import KernelView
from nncompress_lab.quantization.matrix_view import MatrixView
from nncompress_lab.runtimes.onnx_graph import compact
from nncompress_lab.runtimes.onnx_graph.graph import Graph

Array = npt.NDArray[Any]
FLOAT = onnx.TensorProto.FLOAT
LEAST_BLOCK = 16  # ONNX Runtime's fused 4-bit products take blocks of 16 and more


@dataclass(frozen=True)
class Layout:
    """Where ONNX has the axes of a Keras kernel.

    Args:
        order: The axes of the Keras kernel in the order of ONNX.
        shape: That the array then gets; None if it is that of the axes.
        channels: Which axis of the result counts the outputs.
    """

    order: tuple[int, ...]
    shape: tuple[int, ...] | None
    channels: int

    def of(self, kernel: Array) -> Array:
        """A Keras kernel in this layout."""
        moved = kernel.transpose(self.order)
        return moved if self.shape is None else moved.reshape(self.shape)


class Kernel(Protocol):
    """A kernel that can be written to a graph."""

    def scaled(self, factor: Array) -> "Kernel | None":
        """The kernel with each channel times a number; None if it cannot be."""

    def integer_scales(self) -> Array | None:
        """Scale of each channel if it is int8 with zero points of 0, else None."""

    def write(self, graph: Graph, *, as_integers: bool) -> str:
        """Write it; returns the name of a float tensor.

        Args:
            graph: To write to.
            as_integers: Whether DequantizeLinear is to be its last operation, because
                the runtime then multiplies integers.
        """


def kernel_of(layer: Any, name: str, layout: Layout) -> Kernel:
    """The kernel of a layer, as the layer stores it."""
    if hasattr(layer, "stored_kernel") and hasattr(layer, "quantization"):
        view = layer.views[name]
        parts = layer.stored_kernel(name)
        stored = {part: to_numpy(variable) for part, variable in parts.items()}
        if isinstance(view, CodebookView):
            return CodedKernel(name, layout, view, stored["q"], stored["table"])
        return IntegerKernel.of(name, layout, view, stored)
    kernel = to_numpy(getattr(layer, name)).astype(np.float32)
    return FloatKernel(name, layout.of(kernel), layout.channels)


@dataclass(frozen=True, eq=False)
class FloatKernel:
    """A kernel of floats, in the layout of ONNX."""

    name: str
    array: Array
    channels: int

    def scaled(self, factor: Array) -> Kernel:
        """The kernel with each channel times a number."""
        along = _along(factor, self.channels, self.array.ndim)
        return replace(self, array=(self.array * along).astype(np.float32))

    def integer_scales(self) -> None:
        """None: there are no integers."""

    def write(self, graph: Graph, *, as_integers: bool) -> str:
        """Write the floats."""
        return compact.floats(graph, self.array, self.name)


@dataclass(frozen=True, eq=False)
class CodedKernel:
    """A kernel of codes into tables, packed as the layer stores them."""

    name: str
    layout: Layout
    view: CodebookView
    packed: Array
    table: Array

    def scaled(self, factor: Array) -> None:
        """None: channels share their tables."""

    def integer_scales(self) -> None:
        """None: codes are no numbers to multiply."""

    def write(self, graph: Graph, *, as_integers: bool) -> str:
        """Write the codes and Gather from the table."""
        view, bits = self.view, self.view.format.bits
        codes = _unpacked(self.packed, bits, view)
        places = compact.integers(graph, codes, bits, self.name)
        if self.table.shape[0] > 1:  # each part's table begins where the last one ends
            starts = np.arange(len(self.table), dtype=np.int32) * view.table_size
            starts = starts.reshape(view.params_shape)
            places = graph.op("Add", places, graph.constant(starts, "starts"))
        table = graph.constant(self.table.reshape(-1), f"{self.name}_table")
        return _arranged(graph, graph.op("Gather", table, places), view, self.layout)


@dataclass(frozen=True, eq=False)
class IntegerKernel:
    """A kernel of integers with scales, cut into `(groups, group_size, channels)`."""

    name: str
    layout: Layout
    view: KernelView
    codes: Array
    scale: Array
    zero_point: Array | None

    @classmethod
    def of(
        cls, name: str, layout: Layout, view: KernelView, stored: dict[str, Array]
    ) -> "IntegerKernel":
        """The kernel that a layer stores."""
        codes, bits = stored["q"], view.format.bits
        if bits < 8:
            codes = _unpacked(codes, bits, view) + view.format.integers[0]
        codes = codes.reshape(view.grouped_shape).astype(np.int16)
        scale = stored["scale"].reshape(view.params_shape)
        zero_point = stored.get("zero_point")
        if zero_point is not None:
            zero_point = zero_point.reshape(view.params_shape).astype(np.int16)
        return cls(name, layout, view, codes, scale, zero_point)

    def scaled(self, factor: Array) -> "IntegerKernel":
        """The kernel with each channel times a number: its scales are."""
        codes = self.codes
        if self.zero_point is None:  # scales stay positive, and -127 has its 127
            codes = codes * np.where(factor < 0, -1, 1).astype(np.int16)
            factor = np.abs(factor)
        scale = (self.scale * factor).astype(np.float32)
        return replace(self, codes=codes, scale=scale)

    def integer_scales(self) -> Array | None:
        """Scale of each channel if there is one, and the zero points are 0."""
        if self.zero_point is not None or len(self.scale) > 1:
            return None
        return np.broadcast_to(self.scale.reshape(-1), (self.view.channels,))

    def write(self, graph: Graph, *, as_integers: bool) -> str:
        """Write the integers, their scales, and what makes floats of them."""
        if self.view.groups > 1:
            return self._write_groups(graph, as_integers=as_integers)
        codes = self.layout.of(self._kernel_codes())
        scale, zero = self.scale.reshape(-1), None
        if self.zero_point is not None:
            zero = self.zero_point.reshape(-1)
        if as_integers:
            where = {"axis": self.layout.channels} if scale.size > 1 else {}
            if scale.size == 1:
                scale, zero = scale[0], None if zero is None else zero[0]
            return self._dequantize(graph, codes, scale, zero, **where)
        axis = self.layout.channels
        steps = self._steps(graph, codes, zero, axis)
        scale = _along(scale, axis, codes.ndim)
        return graph.op("Mul", steps, graph.constant(scale, f"{self.name}_scale"))

    def _write_groups(self, graph: Graph, *, as_integers: bool) -> str:
        view = self.view
        whole = view.rows == view.groups * view.group_size
        blocks = whole and view.group_size >= LEAST_BLOCK and _is_matrix(self.layout)
        if as_integers and blocks and view.parts[0] > 1:
            codes = self.codes.reshape(-1, view.channels)
            zero = None if self.zero_point is None else self.zero_point[:, 0]
            return self._dequantize(
                graph, codes, self.scale[:, 0], zero, axis=0, block_size=view.group_size
            )
        steps = self._steps(graph, self.codes, self.zero_point, None)
        scale = graph.constant(self.scale, f"{self.name}_scale")
        return _arranged(graph, graph.op("Mul", steps, scale), view, self.layout)

    def _kernel_codes(self) -> Array:
        codes: Array = self.view.kernel(self.codes)
        return codes

    def _dequantize(
        self, graph: Graph, codes: Array, scale: Any, zero: Any, **where: int
    ) -> str:
        stored, dtype = self._native(graph, codes)
        inputs = [stored, graph.constant(np.float32(scale), f"{self.name}_scale")]
        if zero is not None:
            zero = np.asarray(zero)
            if self.view.format.bits == 4 and self._is_plain(codes):
                inputs.append(graph.four_bits(zero.astype(np.uint8), "zero_point"))
            else:
                inputs.append(graph.constant(zero.astype(dtype), "zero_point"))
        return graph.op("DequantizeLinear", *inputs, **where)

    def _native(self, graph: Graph, codes: Array) -> tuple[str, Any]:
        """The integers as a type that DequantizeLinear takes."""
        dtype = np.uint8 if self.zero_point is not None else np.int8
        if self._is_plain(codes):
            small = codes.astype(dtype)
            if self.view.format.bits == 4:
                return graph.four_bits(small, self.name), dtype
            return graph.constant(small, self.name), dtype
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return graph.op("Cast", self._compact(graph, codes), to=kind), dtype

    def _is_plain(self, codes: Array) -> bool:
        bits, lowest = self.view.format.bits, self.view.format.integers[0]
        return bits in {4, 8} and compact.saved_by_mask(codes - lowest, bits) <= 0

    def _compact(self, graph: Graph, codes: Array) -> str:
        bits, lowest = self.view.format.bits, self.view.format.integers[0]
        numbers = compact.integers(graph, codes - lowest, bits, self.name)
        if lowest == 0:
            return numbers
        return graph.op("Add", numbers, graph.constant(np.int32(lowest), "lowest"))

    def _steps(
        self, graph: Graph, codes: Array, zero: Array | None, axis: int | None
    ) -> str:
        """The integers without their zero points, as floats."""
        if self.view.format.bits == 8 and self._is_plain(codes):
            numbers, _ = self._native(graph, codes)
        else:
            numbers = self._compact(graph, codes)
        steps = graph.op("Cast", numbers, to=FLOAT)
        if zero is None:
            return steps
        if axis is not None:
            zero = _along(zero, axis, codes.ndim)
        return graph.op("Sub", steps, graph.constant(np.float32(zero), "zero_point"))


def _unpacked(packed: Array, bits: int, view: MatrixView) -> Array:
    from nncompress_lab.quantization.bitpacking import unpack_bits

    count = int(np.prod(view.grouped_shape))
    codes: Array = unpack_bits(packed, bits=bits, count=count)
    return codes.reshape(view.grouped_shape)


def _arranged(graph: Graph, grouped: str, view: MatrixView, layout: Layout) -> str:
    """A tensor cut into groups, in a layout: `MatrixView.kernel` as operations."""
    matrix = graph.op("Reshape", grouped, graph.integers(-1, view.channels))
    if view.rows < view.groups * view.group_size:
        ends = graph.integers(0), graph.integers(view.rows)
        matrix = graph.op("Slice", matrix, *ends)
    sizes = [view.shape[axis] for axis in view.order]
    kernel = graph.op("Reshape", matrix, graph.integers(*sizes))
    order = [view.order.index(axis) for axis in layout.order]
    kernel = graph.op("Transpose", kernel, perm=order)
    if layout.shape is None:
        return kernel
    return graph.op("Reshape", kernel, graph.integers(*layout.shape))


def _is_matrix(layout: Layout) -> bool:
    """Whether rows and channels lie in ONNX as they do in the matrix view."""
    sizes = 2 if layout.shape is None else len(layout.shape)
    return sizes == 2 and layout.channels == 1


def _along(numbers: Array, axis: int, ndim: int) -> Array:
    """One number a channel, or one for all, in a shape that broadcasts."""
    if numbers.size == 1:
        return numbers.reshape(())
    return numbers.reshape([-1 if one == axis else 1 for one in range(ndim)])
