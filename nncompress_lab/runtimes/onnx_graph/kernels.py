"""A kernel in the file: floats, integers with scales, or codes into tables.

Whatever a layer stores, the graph gets a float32 tensor in the layout of the ONNX
operator; what differs is how it is made (see `compact` and `integer_kernels`).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nncompress_lab.models.kernels import keras_classes, to_numpy
from nncompress_lab.quantization.arrays.codebook_format import CodebookView
from nncompress_lab.quantization.arrays.integer_format import KernelView
from nncompress_lab.runtimes.onnx_graph import compact
from nncompress_lab.runtimes.onnx_graph.graph import Graph
from nncompress_lab.runtimes.onnx_graph.integer_kernels import IntegerKernel
from nncompress_lab.runtimes.onnx_graph.layout import (
    Array,
    Kernel,
    Layout,
    Product,
    along,
    arranged,
    unpacked,
)

# What ONNX Runtime computes in integers on a CPU.
IN_INTEGERS = ("Dense", "EinsumDense", "Conv2D", "DepthwiseConv2D")


def kernel_of(layer: Any, name: str, layout: Layout) -> Kernel:
    """The kernel of a layer, as the layer stores it."""
    if hasattr(layer, "stored_kernel") and hasattr(layer, "quantization"):
        view = layer.views[name]
        parts = layer.stored_kernel(name)
        stored = {part: to_numpy(variable) for part, variable in parts.items()}
        if isinstance(view, CodebookView):
            return CodedKernel(name, layout, view, stored)
        return IntegerKernel.of(name, layout, view, stored)
    kernel = to_numpy(getattr(layer, name)).astype(np.float32)
    return FloatKernel(name, layout.of(kernel), layout.channels)


def is_bytes(layer: Any) -> bool:
    """Whether a layer's kernels are integers that an 8-bit product can take."""
    if not any(name in IN_INTEGERS for name in keras_classes(layer)):
        return False
    views = getattr(layer, "views", {}).values()
    return bool(views) and all(
        isinstance(view, KernelView) and view.groups == 1 and view.format.symmetric
        for view in views
    )


@dataclass(frozen=True, eq=False)
class FloatKernel:
    """A kernel of floats, in the layout of ONNX."""

    name: str
    array: Array
    channels: int

    def scaled(self, factor: Array) -> Kernel:
        """The kernel with each channel times a number."""
        each = along(factor, self.channels, self.array.ndim)
        return replace(self, array=(self.array * each).astype(np.float32))

    def integer_scales(self) -> None:
        """None: there are no integers."""

    def write(self, graph: Graph, product: Product = "floats") -> str:
        """Write the floats."""
        return compact.floats(graph, self.array, self.name)


@dataclass(frozen=True, eq=False)
class CodedKernel:
    """A kernel of codes into tables, packed as the layer stores them."""

    name: str
    layout: Layout
    view: CodebookView
    stored: dict[str, Array]

    def scaled(self, factor: Array) -> None:
        """None: channels share their tables."""

    def integer_scales(self) -> None:
        """None: codes are no numbers to multiply."""

    def write(self, graph: Graph, product: Product = "floats") -> str:
        """Write the codes, Gather from the table, and multiply by the scales if any."""
        table = self.stored["table"]
        view, bits = self.view, self.view.format.bits
        codes = unpacked(self.stored["q"], bits, view)
        places = compact.integers(graph, codes, bits, self.name)
        if len(table) > 1:  # each part's table begins where the last one ends
            starts = np.arange(len(table), dtype=np.int32) * view.table_size
            starts = starts.reshape(view.params_shape)
            places = graph.op("Add", places, graph.constant(starts, "starts"))
        values = graph.constant(table.reshape(-1), f"{self.name}_table")
        weights = graph.op("Gather", values, places)
        scale = view.scale(self.stored)
        if scale is not None:
            each = graph.constant(scale.astype(np.float32), f"{self.name}_scale")
            weights = graph.op("Mul", weights, each)
        return arranged(graph, weights, view, self.layout)
