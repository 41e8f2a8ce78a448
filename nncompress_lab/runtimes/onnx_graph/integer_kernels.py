"""A kernel of integers with scales in the file.

Where the runtime multiplies integers, DequantizeLinear is what makes floats of them; stock
ONNX Runtime recognizes it. In front of an operator that wants floats it would run at every
call, so there they become floats by Cast and Mul, which a runtime computes once when it
loads the file.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from nncompress_lab.quantization.arrays.integer_format import KernelView
from nncompress_lab.runtimes.onnx_graph import compact
from nncompress_lab.runtimes.onnx_graph.graph import Graph
from nncompress_lab.runtimes.onnx_graph.layout import (
    Array,
    Layout,
    Product,
    along,
    arranged,
    is_matrix,
    unpacked,
)

LEAST_BLOCK = 16  # ONNX Runtime's fused 4-bit products take blocks of 16 and more


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
            codes = unpacked(codes, bits, view) + view.format.integers[0]
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

    def write(self, graph: Graph, product: Product = "floats") -> str:
        """Write the integers, their scales, and what makes floats of them."""
        if self.view.groups > 1:
            return self._write_groups(graph, product)
        codes = self.layout.of(self.view.kernel(self.codes))
        axis, channels = self.layout.channels, self.view.channels
        scale, zero = self.scale.reshape(-1), None
        if self.zero_point is not None:
            zero = self.zero_point.reshape(-1)
        if product == "floats":
            steps = self._steps(graph, codes, zero, axis)
            scale = along(scale, axis, codes.ndim)
            return graph.op("Mul", steps, graph.constant(scale, f"{self.name}_scale"))
        # One for all channels is no scale that ONNX Runtime's products take.
        scale = np.broadcast_to(scale, channels)
        narrow = self.view.format.bits == 4 and product == "rounded"
        if zero is None and not narrow:  # or the exact mode of ONNX Runtime fails
            zero = np.zeros(1, np.int8)
        zero = None if zero is None else np.broadcast_to(zero, channels)
        bytes_ = product == "integers"
        return self._dequantize(graph, codes, scale, zero, bytes_=bytes_, axis=axis)

    def _write_groups(self, graph: Graph, product: Product) -> str:
        view = self.view
        whole = view.rows == view.groups * view.group_size
        blocks = whole and view.group_size >= LEAST_BLOCK and is_matrix(self.layout)
        if product == "rounded" and blocks:
            codes = self.codes.reshape(-1, view.channels)
            zero = None if self.zero_point is None else self.zero_point[:, 0]
            size = view.group_size
            return self._dequantize(
                graph,
                codes,
                self.scale[:, 0],
                zero,
                bytes_=False,
                axis=0,
                block_size=size,
            )
        steps = self._steps(graph, self.codes, self.zero_point, None)
        scale = graph.constant(self.scale, f"{self.name}_scale")
        return arranged(graph, graph.op("Mul", steps, scale), view, self.layout)

    def _dequantize(
        self,
        graph: Graph,
        codes: Array,
        scale: Array,
        zero: Array | None,
        *,
        bytes_: bool,
        **where: int,
    ) -> str:
        # The exact mode of ONNX Runtime replaces int8 integers, and wants its own.
        alone = bytes_ or self.view.format.bits == 8
        stored, dtype = self._native(graph, codes, bytes_=bytes_, shared=not alone)
        inputs = [stored, graph.constant(np.float32(scale), f"{self.name}_scale")]
        if zero is not None:
            small = zero.astype(dtype)
            if self.view.format.bits == 4 and self._is_plain(codes, bytes_=bytes_):
                inputs.append(graph.four_bits(small, "zero_point"))
            else:  # replaced, too
                inputs.append(graph.constant(small, "zero_point", shared=False))
        return graph.op("DequantizeLinear", *inputs, **where)

    def _native(
        self, graph: Graph, codes: Array, *, bytes_: bool, shared: bool = True
    ) -> tuple[str, Any]:
        """The integers as a type that DequantizeLinear takes; 4 bits maybe as bytes."""
        dtype = np.uint8 if self.zero_point is not None else np.int8
        if self._is_plain(codes, bytes_=bytes_):
            small = codes.astype(dtype)
            if self.view.format.bits == 4:
                return graph.four_bits(small, self.name), dtype
            return graph.constant(small, self.name, shared=shared), dtype
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return graph.op("Cast", self._compact(graph, codes), to=kind), dtype

    def _is_plain(self, codes: Array, *, bytes_: bool) -> bool:
        bits, lowest = self.view.format.bits, self.view.format.integers[0]
        has_type = bits == 8 or (bits == 4 and not bytes_)
        return has_type and compact.saved_by_mask(codes - lowest, bits) <= 0

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
        if self._is_plain(codes, bytes_=True):
            numbers, _ = self._native(graph, codes, bytes_=False)
        else:
            numbers = self._compact(graph, codes)
        steps = graph.op("Cast", numbers, to=onnx.TensorProto.FLOAT)
        if zero is None:
            return steps
        if axis is not None:
            zero = along(zero, axis, codes.ndim)
        return graph.op("Sub", steps, graph.constant(np.float32(zero), "zero_point"))
