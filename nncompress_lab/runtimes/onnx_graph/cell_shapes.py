"""What the cells of recurrent layers take, hold and return at a step."""

from collections.abc import Callable
from typing import Any

from nncompress_lab.models.convolutional_cell import KERAS_CELL
from nncompress_lab.runtimes.onnx_graph.graph import Value

Shape = tuple[int | None, ...]
# Of an input and the states, the output and the states after it, all by name.
Step = Callable[[str, list[str]], tuple[str, list[str]]]


def is_convolutional(cell: Any) -> bool:
    """Whether a cell is that of ConvLSTM layers, perhaps with other kernels."""
    return isinstance(cell, KERAS_CELL)


def entering_shape(value: Value) -> Shape:
    """Shape of what a cell takes at a step of a sequence."""
    return (value.shape[0], *value.shape[2:])


def output_shape(cell: Any, entering: Shape) -> tuple[int, ...]:
    """Of what a cell returns for one example."""
    if is_convolutional(cell):
        return tuple(cell.compute_output_shape(entering)[0][1:])
    return (cell.output_size,)


def state_shapes(cell: Any, entering: Shape) -> list[tuple[int, ...]]:
    """Of the states of a cell; those of several cells behind each other."""
    if hasattr(cell, "cells"):
        return [shape for one in cell.cells for shape in state_shapes(one, entering)]
    if is_convolutional(cell):
        return [output_shape(cell, entering)] * 2
    size = cell.state_size
    sizes = list(size) if isinstance(size, list | tuple) else [size]
    return [(one,) for one in sizes]
