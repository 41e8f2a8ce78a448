"""The cell of ConvLSTM layers, whose inputs, states and outputs are images or volumes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.runtimes.onnx_graph import geometry
from nncompress_lab.runtimes.onnx_graph.activations import activated
from nncompress_lab.runtimes.onnx_graph.cell_shapes import Shape
from nncompress_lab.runtimes.onnx_graph.converters import Call
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.kernels import kernel_of
from nncompress_lab.runtimes.onnx_graph.layout import Layout


class ConvLSTMStep:
    """The weights of a cell of ConvLSTM layers, written once, and a step with them.

    Args:
        call: Of the layer.
        cell: Of that layer.
        given: Shape of what the cell takes at a step, as Keras has it.

    References:
        Shi, Chen, Wang, Yeung, Wong, Woo, "Convolutional LSTM Network: A Machine Learning
        Approach for Precipitation Nowcasting", NIPS 2015, section 3.1; as Keras does,
        without peepholes. https://arxiv.org/abs/1506.04214
    """

    def __init__(self, call: Call, cell: Any, given: Shape) -> None:
        self.cell, self.call, self.graph, self.given = cell, call, call.graph, given
        self.made: Shape = tuple(cell.compute_output_shape(given)[0])
        self.last = cell.data_format == "channels_last"
        order = (cell.rank + 1, cell.rank, *range(cell.rank))
        with self.graph.inside(cell.name):
            self.kernel, self.recurrent_kernel = (
                kernel_of(cell, name, Layout(order, None, 0)).write(self.graph)
                for name in ("kernel", "recurrent_kernel")
            )
            self.bias = []
            if cell.use_bias:
                numbers = to_numpy(cell.bias).astype(np.float32)
                self.bias = [self.graph.constant(numbers, "bias")]

    def __call__(self, x: str, states: list[str]) -> tuple[str, list[str]]:
        """The output, and that and the memory as the states after it, all by name."""
        graph, cell = self.graph, self.cell
        before, memory = (self._channels_first(one, self.made) for one in states)
        entering = self._channels_first(x, self.given)
        gates = graph.op("Add", self._of_inputs(entering), self._of_states(before))
        enter, forget, output = (
            self._active(self._gate(gates, place), cell.recurrent_activation)
            for place in (0, 1, 3)
        )
        new = self._active(self._gate(gates, 2), cell.activation)
        kept = graph.op("Mul", forget, memory)
        memory = graph.op("Add", kept, graph.op("Mul", enter, new))
        result = graph.op("Mul", output, self._active(memory, cell.activation))
        result, memory = self._as_keras(result), self._as_keras(memory)
        return result, [result, memory]

    def _of_inputs(self, x: str) -> str:
        cell = self.cell
        windows = [
            (size - 1) * dilation + 1
            for size, dilation in zip(cell.kernel_size, cell.dilation_rate, strict=True)
        ]
        sizes = self._spatial(self.given)
        pads = geometry.padding(cell.padding, sizes, windows, cell.strides)
        return self.graph.op(
            "Conv",
            x,
            self.kernel,
            *self.bias,
            strides=list(cell.strides),
            dilations=list(cell.dilation_rate),
            **pads,
        )

    def _of_states(self, before: str) -> str:
        """Of the states' own size, whatever the strides and the padding of the inputs."""
        ones = (1,) * self.cell.rank
        sizes, windows = self._spatial(self.made), self.cell.kernel_size
        pads = geometry.padding("same", sizes, windows, ones)
        return self.graph.op("Conv", before, self.recurrent_kernel, **pads)

    def _spatial(self, shape: Shape) -> Sequence[int | None]:
        return shape[1:-1] if self.last else shape[2:]

    def _gate(self, gates: str, place: int) -> str:
        filters = self.cell.filters
        ends = (place * filters, (place + 1) * filters, 1)
        return self.graph.op("Slice", gates, *map(self.graph.integers, ends))

    def _active(self, x: str, function: Any) -> str:
        value = Value(x, self.made, channels_first=self.last)
        result = activated(self.call, value, function)
        return self._channels_first(result.name, self.made, result.channels_first)

    def _channels_first(self, name: str, shape: Shape, already: bool = False) -> str:
        if not self.last:
            return name
        return self.graph.channels_first(Value(name, shape, already)).name

    def _as_keras(self, name: str) -> str:
        return self.graph.as_keras(Value(name, self.made, self.last)).name
