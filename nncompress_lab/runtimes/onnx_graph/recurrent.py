"""Recurrent layers, written step by step, and layers that others hold at each step.

ONNX has operators for three recurrent layers, with no masks and few activations. Written
out, any cell, mask and kernel is covered; the file grows by some operations a step.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.runtimes.onnx_graph.activations import activated
from nncompress_lab.runtimes.onnx_graph.cell_shapes import (
    Shape,
    Step,
    entering_shape,
    is_convolutional,
    output_shape,
    state_shapes,
)
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.convolutional_cells import ConvLSTMStep
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.kernels import kernel_of
from nncompress_lab.runtimes.onnx_graph.layout import Layout
from nncompress_lab.runtimes.onnx_graph.masks import mask_given
from nncompress_lab.runtimes.unrolled import MOST_STEPS


@layer("RNN", "LSTM", "GRU", "SimpleRNN")
def recurrent(call: Call) -> Sequence[Value]:
    """The cell at each step, with the states of the step before."""
    one = call.layer
    value, *states = _given(call)
    if one.stateful:
        raise call.refuse("it is stateful. Build it with stateful=False.")
    count = len(state_shapes(one.cell, entering_shape(value)))
    names = [state.name for state in states[:count]]
    return _run(call, one, value, names)


@layer("Bidirectional")
def bidirectional(call: Call) -> Value:
    """Forwards and backwards, put together."""
    graph, one = call.graph, call.layer
    value, *states = _given(call)
    if one.return_state or one.stateful or states:
        raise call.refuse("it takes or returns states.")
    ends = []
    for half in (one.forward_layer, one.backward_layer):
        with graph.inside(half.name):
            ends.append(_run(call, half, value, [])[0])
    if one.return_sequences:
        backward = _reversed(call, ends[1].name)
        ends[1] = Value(backward, ends[1].shape)
    first, second = (end.name for end in ends)
    if one.merge_mode == "concat":
        name = graph.op("Concat", first, second, axis=-1)
    elif one.merge_mode in MERGES:
        name = graph.op(MERGES[one.merge_mode], first, second)
    else:
        raise call.refuse(f"merge_mode={one.merge_mode!r}; it returns two outputs.")
    return Value(name, call.shape, mask=value.mask if one.return_sequences else None)


def _given(call: Call) -> list[Value]:
    """The sequence, with the mask that is said or travels along, and states."""
    mask = call.kwargs.get("mask")
    given = [call.graph.as_keras(one) for one in call.values if one is not mask]
    return [replace(given[0], mask=mask_given(call)), *given[1:]]


MERGES = {"sum": "Add", "mul": "Mul", "ave": "Mean"}


@layer("TimeDistributed")
def time_distributed(call: Call) -> Value:
    """Steps as examples of a larger batch."""
    graph, inner = call.graph, call.layer.layer
    value = graph.as_keras(call.value)
    steps, shape = value.shape[1], value.shape[2:]
    if steps is None or None in shape:
        raise call.refuse(f"sizes of its input {value.shape} are not fixed.")
    rows = graph.op("Reshape", value.name, graph.integers(-1, *_known(shape)))
    result = graph.as_keras(call.inner(inner, Value(rows, (None, *shape))))
    name = graph.op(
        "Reshape", result.name, graph.integers(-1, steps, *_known(result.shape[1:]))
    )
    return call.result(name)


def _run(call: Call, one: Any, value: Value, states: list[str]) -> list[Value]:
    """What a recurrent layer returns: its outputs and maybe its last states."""
    graph, steps = call.graph, value.shape[1]
    if steps is None or steps > MOST_STEPS:
        raise call.refuse(
            f"it takes {steps or 'any number of'} steps, and up to {MOST_STEPS} are "
            "written out. Give the Input a fixed, smaller length."
        )
    entering = entering_shape(value)
    shapes = state_shapes(one.cell, entering)
    step = _cell(call, one.cell, entering)
    held = states or [_zeros(call, value, shape) for shape in shapes]
    made = output_shape(one.cell, entering)
    axes = graph.integers(*range(2, len(made) + 1))
    outputs: list[str] = []
    nothing = graph.constant(np.float32(0), "nothing")
    for place in reversed(range(steps)) if one.go_backwards else range(steps):
        output, after = step(graph.at(value.name, place, 1), held)
        if value.mask is not None:
            kept = graph.op("Gather", value.mask, graph.integers(place), axis=1)
            if len(made) > 1:
                kept = graph.op("Unsqueeze", kept, axes)
            before = (
                outputs[-1] if outputs and not one.zero_output_for_mask else nothing
            )
            output = graph.op("Where", kept, output, before)
            pairs = zip(after, held, strict=True)
            after = [graph.op("Where", kept, new, old) for new, old in pairs]
        outputs.append(output)
        held = after
    last = Value(outputs[-1], (value.shape[0], *made))
    if one.return_sequences:
        time = graph.integers(1)
        rows = [graph.op("Unsqueeze", output, time) for output in outputs]
        name = graph.op("Concat", *rows, axis=1)
        last = Value(name, (value.shape[0], steps, *made), mask=value.mask)
    each = zip(held, shapes, strict=True)
    ends = [Value(name, (value.shape[0], *shape)) for name, shape in each]
    return [last, *ends] if one.return_state else [last]


def _cell(call: Call, cell: Any, entering: Shape) -> Step:
    """A step of a cell, or of several on each other."""
    if is_convolutional(cell):
        return ConvLSTMStep(call, cell, entering)
    cells = getattr(cell, "cells", None)
    if cells is None:
        return _step(call, cell)
    steps = [(_step(call, one), len(state_shapes(one, entering))) for one in cells]

    def all_of_them(x: str, states: list[str]) -> tuple[str, list[str]]:
        waiting = list(states)
        after: list[str] = []
        for step, count in steps:
            x, new = step(x, waiting[:count])
            waiting, after = waiting[count:], [*after, *new]
        return x, after

    return all_of_them


def _step(call: Call, cell: Any) -> Step:
    kinds = {one.__name__: one for one in type(cell).__mro__}
    known = next((CELLS[name] for name in CELLS if name in kinds), None)
    ours = type(cell).__module__.partition(".")[0] in {"keras", "nncompress_lab"}
    if known is None or not ours:
        raise call.refuse(
            f"its cell is a {type(cell).__name__}; SimpleRNNCell, GRUCell, LSTMCell and "
            "the cell of ConvLSTM layers are covered."
        )
    return known(_Cell(call, cell))


class _Cell:
    """The weights of a cell, written once, and how it computes with them."""

    def __init__(self, call: Call, cell: Any) -> None:
        self.cell, self.call, self.graph = cell, call, call.graph
        layout = Layout((0, 1), None, 1)
        with self.graph.inside(cell.name):
            self.kernel = kernel_of(cell, "kernel", layout).write(self.graph)
            recurrent_kernel = kernel_of(cell, "recurrent_kernel", layout)
            self.recurrent_kernel = recurrent_kernel.write(self.graph)

    def bias(self, part: int | None = None) -> str | None:
        if not self.cell.use_bias:
            return None
        bias = to_numpy(self.cell.bias).astype(np.float32)
        return self.graph.constant(bias if part is None else bias[part], "bias")

    def affine(self, x: str, kernel: str, bias: str | None) -> str:
        product = self.graph.op("MatMul", x, kernel)
        return product if bias is None else self.graph.op("Add", product, bias)

    def columns(self, x: str, first: int, last: int) -> str:
        """The gates from one to another of a row of them, or of a kernel."""
        units = self.cell.units
        numbers = (first * units, last * units, 1)
        return self.graph.op("Slice", x, *(self.graph.integers(one) for one in numbers))

    def active(self, x: str) -> str:
        return self._activated(x, self.cell.activation)

    def gate(self, x: str) -> str:
        return self._activated(x, self.cell.recurrent_activation)

    def _activated(self, x: str, function: Any) -> str:
        value = Value(x, (None, self.cell.units))
        return activated(self.call, value, function).name


def _simple(cell: _Cell) -> Step:
    def step(x: str, states: list[str]) -> tuple[str, list[str]]:
        given = cell.affine(x, cell.kernel, cell.bias())
        kept = cell.affine(states[0], cell.recurrent_kernel, None)
        output = cell.active(cell.graph.op("Add", given, kept))
        return output, [output]

    return step


def _lstm(cell: _Cell) -> Step:
    def step(x: str, states: list[str]) -> tuple[str, list[str]]:
        given = cell.affine(x, cell.kernel, cell.bias())
        kept = cell.affine(states[0], cell.recurrent_kernel, None)
        gates = cell.graph.op("Add", given, kept)
        enter, forget, output = (
            cell.gate(cell.columns(gates, place, place + 1)) for place in (0, 1, 3)
        )
        new = cell.graph.op("Mul", enter, cell.active(cell.columns(gates, 2, 3)))
        memory = cell.graph.op("Add", cell.graph.op("Mul", forget, states[1]), new)
        result = cell.graph.op("Mul", output, cell.active(memory))
        return result, [result, memory]

    return step


def _gru(cell: _Cell) -> Step:
    graph, after = cell.graph, cell.cell.reset_after

    def step(x: str, states: list[str]) -> tuple[str, list[str]]:
        (before,) = states
        given = cell.affine(x, cell.kernel, cell.bias(0 if after else None))
        kernel = cell.recurrent_kernel
        if not after:
            kernel = cell.columns(kernel, 0, 2)
        kept = cell.affine(before, kernel, cell.bias(1) if after else None)
        gates = graph.op("Add", cell.columns(given, 0, 2), cell.columns(kept, 0, 2))
        update, reset = (
            cell.gate(cell.columns(gates, place, place + 1)) for place in (0, 1)
        )
        if after:
            seen = graph.op("Mul", reset, cell.columns(kept, 2, 3))
        else:
            last = cell.columns(cell.recurrent_kernel, 2, 3)
            seen = graph.op("MatMul", graph.op("Mul", reset, before), last)
        new = cell.active(graph.op("Add", cell.columns(given, 2, 3), seen))
        rest = graph.op("Sub", graph.constant(np.float32(1), "one"), update)
        output = graph.op(
            "Add", graph.op("Mul", update, before), graph.op("Mul", rest, new)
        )
        return output, [output]

    return step


CELLS: dict[str, Callable[[_Cell], Step]] = {
    "SimpleRNNCell": _simple,
    "LSTMCell": _lstm,
    "GRUCell": _gru,
}


def _zeros(call: Call, value: Value, shape: Sequence[int]) -> str:
    graph = call.graph
    count = graph.op("Shape", value.name, start=0, end=1)
    zero = onnx.numpy_helper.from_array(np.zeros(1, np.float32))
    sizes = graph.op("Concat", count, graph.integers(*shape), axis=0)
    return graph.op("ConstantOfShape", sizes, value=zero)


def _reversed(call: Call, name: str) -> str:
    numbers = (-1, -(2**31), 1, -1)
    return call.graph.op("Slice", name, *(call.graph.integers(one) for one in numbers))


def _known(shape: Sequence[int | None]) -> list[int]:
    return [-1 if size is None else size for size in shape]
