"""What layers do with channels that only a model with new weights can lose.

The gates of a recurrent layer are cut alike, and what a wrapper or a split does with the
weights that stay is left to its new ones.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from nncompress_lab.models.channels.arrays.units import Indices
from nncompress_lab.models.channels.flow import Call, Flow, Rule
from nncompress_lab.models.channels.kernel_rules import KERNELS
from nncompress_lab.models.channels.structure_rules import STRUCTURE, passed_on
from nncompress_lab.models.channels.tensor_channels import Channels, kept_zero
from nncompress_lab.models.kernels import keras_classes

CELLS = ("SimpleRNN", "LSTM", "GRU")


def recurrent(flow: Flow, call: Call) -> list[Channels]:
    """SimpleRNN, LSTM and GRU: outputs and states have the same units."""
    units = _made_by(flow, call.layer, flow.read(call, 2))
    _begin_with(flow, call, units)
    return [_last(shape, units) for shape in call.outputs]


def bidirectional(flow: Flow, call: Call) -> list[Channels]:
    """Bidirectional: both directions have as many units."""
    layer = call.layer
    if not {keras_classes(one.cell)[0] for one in _directions(layer)} <= _CELLS:
        flow.fix(call, "whose layers are unknown")
        return [flow.fixed(one, f"output of {call.name}") for one in call.outputs]
    inputs = flow.read(call, 2)
    forward, backward = (_made_by(flow, one, inputs) for one in _directions(layer))
    flow.units.unite(forward, backward)
    _begin_with(flow, call, forward)
    joint = layer.merge_mode == "concat"
    both = np.concatenate([forward, backward]) if joint else forward
    first, *states = call.outputs
    return [_last(first, both), *(_last(shape, forward) for shape in states)]


def time_distributed(flow: Flow, call: Call) -> Channels:
    """TimeDistributed: at each step what the layer inside does, if that is known."""
    inner = call.layer.layer
    rule = (STRUCTURE | KERNELS).get(keras_classes(inner)[0])
    if rule is None or getattr(inner, "data_format", "") == "channels_first":
        flow.fix(call, "through which channels cannot be followed")
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    result = rule(flow, replace(call, node=replace(call.node, operation=inner)))
    channels = result[0] if isinstance(result, list) else result
    return replace(channels, axis=len(call.outputs[0]) - 1)


def grouped_attention(flow: Flow, call: Call) -> Channels:
    """GroupQueryAttention: returns as many channels as its queries have."""
    layer, named = call.layer, call.node.named()
    result = passed_on(flow, call)
    given = {"key": named["value"], **{k: v for k, v in named.items() if v is not None}}
    if hasattr(layer, "_gate_dense"):
        given["gate"] = given["query"]
    for name in ("query", "key", "value", "gate"):
        which = [i for i, one in enumerate(call.node.inputs) if one is given.get(name)]
        if which:
            projection = getattr(layer, f"_{name}_dense")
            units = call.inputs[which[0]].units
            flow.bind(
                projection, projection.kernel, 0, units, made=False, is_kernel=True
            )
    output = layer._output_dense
    flow.bind(output, output.kernel, 2, result.units, made=True, is_kernel=True)
    flow.bind(output, output.bias, 0, result.units, made=True)
    return result


def split(flow: Flow, call: Call) -> list[Channels]:
    """`ops.split`: along the channels into parts that stay equally wide."""
    channels, sections = call.inputs[0], call.layer.indices_or_sections
    if call.layer.axis % len(call.shapes[0]) != channels.axis:
        return [channels for _ in call.outputs]
    if not isinstance(sections, int):
        flow.fix(call, "which splits them at fixed places")
        sections = list(sections)
    parts = np.split(channels.units, sections)
    if isinstance(sections, int):
        for one in parts[1:]:
            flow.units.unite(parts[0], one)
    return [kept_zero(channels.axis, one) for one in parts]


def _made_by(flow: Flow, layer: Any, inputs: Indices | None) -> Indices:
    """The units of a recurrent layer; its gates lie side by side along the last axis."""
    cell = layer.cell
    size, width = cell.recurrent_kernel.shape
    gates = flow.make(layer, cell.recurrent_kernel, 1, repeats=width // size)
    for kernel, read in ((cell.recurrent_kernel, gates[:size]), (cell.kernel, inputs)):
        if read is not None:
            flow.bind(layer, kernel, 0, read, made=False, is_kernel=True)
    flow.bind(layer, cell.kernel, 1, gates, made=True, is_kernel=True)
    if cell.bias is not None:
        flow.bind(layer, cell.bias, cell.bias.ndim - 1, gates, made=True)
    return gates[:size]


def _directions(layer: Any) -> tuple[Any, Any]:
    return layer.forward_layer, layer.backward_layer


def _begin_with(flow: Flow, call: Call, units: Indices) -> None:
    """States that are given are as wide as the layer; a mask is of steps."""
    for tensor, state in zip(call.node.inputs[1:], call.inputs[1:], strict=True):
        if tensor.dtype == "bool":
            continue
        if len(state.units) == len(units):
            flow.units.unite(units, state.units)
        else:
            flow.fix(call, "which begins with them")


def _last(shape: Any, units: Indices) -> Channels:
    return kept_zero(len(shape) - 1, units)


_CELLS = {f"{name}Cell" for name in CELLS}

WITH_NEW_WEIGHTS: dict[str, Rule] = {
    **dict.fromkeys(CELLS, recurrent),
    "Bidirectional": bidirectional,
    "TimeDistributed": time_distributed,
}
