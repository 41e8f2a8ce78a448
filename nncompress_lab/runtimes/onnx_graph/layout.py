"""Where ONNX has the axes of a kernel, and what every kind of kernel can do."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from nncompress_lab.quantization.arrays.bitpacking import unpack_bits
from nncompress_lab.quantization.arrays.matrix_view import MatrixView
from nncompress_lab.runtimes.onnx_graph.graph import Graph

Array = npt.NDArray[Any]
# What a runtime multiplies: floats; floats that it rounds itself, with the integers of a
# kernel; or integers with integers. The last two need DequantizeLinear before them.
Product = Literal["floats", "rounded", "integers"]


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

    def write(self, graph: Graph, product: Product = "floats") -> str:
        """Write it for a product of that kind; returns the name of a float tensor."""


def unpacked(packed: Array, bits: int, view: MatrixView) -> Array:
    """The integers that a layer has packed, shape `(groups, group_size, channels)`."""
    count = int(np.prod(view.grouped_shape))
    codes: Array = unpack_bits(packed, bits=bits, count=count)
    return codes.reshape(view.grouped_shape)


def arranged(graph: Graph, grouped: str, view: MatrixView, layout: Layout) -> str:
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


def is_matrix(layout: Layout) -> bool:
    """Whether rows and channels lie in ONNX as they do in the matrix view."""
    sizes = 2 if layout.shape is None else len(layout.shape)
    return sizes == 2 and layout.channels == 1


def along(numbers: Array, axis: int, ndim: int) -> Array:
    """One number a channel, or one for all, in a shape that broadcasts."""
    if numbers.size == 1:
        return numbers.reshape(())
    return numbers.reshape([-1 if one == axis else 1 for one in range(ndim)])
