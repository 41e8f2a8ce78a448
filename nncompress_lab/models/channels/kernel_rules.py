"""What layers with weights do with channels: read some, make others."""

from typing import Any

import numpy as np

from nncompress_lab.models.channels.arrays.units import Indices
from nncompress_lab.models.channels.flow import Call, Flow, Rule
from nncompress_lab.models.channels.structure_rules import (
    activated,
    bind_equal_axes,
    channel_axis,
)
from nncompress_lab.models.channels.tensor_channels import Channels, kept_zero
from nncompress_lab.models.kernels import keras_classes


def conv(flow: Flow, call: Call) -> Channels:
    """Conv and its transposed form: one axis of the kernel is read, another made."""
    layer, axis = call.layer, channel_axis(call)
    transposed = "BaseConvTranspose" in keras_classes(layer)
    made = layer.kernel.ndim - (2 if transposed else 1)
    if getattr(layer, "groups", 1) > 1:
        outputs = _grouped(flow, call)
    else:
        _reads(flow, call, layer.kernel, axis=2 * layer.kernel.ndim - 3 - made)
        outputs = flow.make(layer, layer.kernel, made)
    flow.bind(layer, layer.bias, 0, outputs, made=True)
    # A transposed convolution uses its whole kernel at each *input* position.
    steps = call.shapes[0] if transposed else call.outputs[0]
    flow.multiply(layer.kernel, layer, _positions(steps, axis))
    return activated(flow, call, kept_zero(axis, outputs), layer.activation)


def _grouped(flow: Flow, call: Call) -> Any:
    """The outputs of a Conv with groups, which stay equally wide.

    Where each group reads one channel, as in a depthwise convolution, whole groups are
    cut. Otherwise the same places are cut in all groups.
    """
    layer = call.layer
    read, made = layer.kernel.ndim - 2, layer.kernel.ndim - 1
    inputs = flow.read(call, channel_axis(call))
    if layer.kernel.shape[read] > 1 or inputs is None:
        if inputs is not None:
            first = _cut_alike(flow, inputs, layer.groups)
            flow.bind(layer, layer.kernel, read, first, made=False)
        return flow.make(layer, layer.kernel, made, repeats=layer.groups)
    outputs = np.repeat(inputs, layer.filters // layer.groups)
    flow.bind(layer, layer.kernel, made, outputs, made=True)
    return outputs


def _cut_alike(flow: Flow, units: Indices, groups: int) -> Indices:
    """Cut the same places in all groups; the units of the first one."""
    first, *others = units.reshape(groups, -1)
    for other in others:
        flow.units.unite(first, other)
    return first


def depthwise(flow: Flow, call: Call) -> Channels:
    """DepthwiseConv: `depth_multiplier` outputs for each channel that goes in."""
    layer, axis = call.layer, channel_axis(call)
    inputs = flow.follow(call, axis)
    if inputs is None:
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    outputs = np.repeat(inputs, layer.depth_multiplier)
    flow.bind(layer, layer.kernel, layer.kernel.ndim - 2, inputs, made=True)
    flow.bind(layer, layer.bias, 0, outputs, made=True)
    flow.multiply(layer.kernel, layer, _positions(call.outputs[0], axis))
    return activated(flow, call, kept_zero(axis, outputs), layer.activation)


def separable(flow: Flow, call: Call) -> Channels:
    """SeparableConv: a depthwise kernel, then a pointwise one."""
    layer, axis = call.layer, channel_axis(call)
    deep, point = layer.depthwise_kernel, layer.pointwise_kernel
    inputs = flow.read(call, axis)
    if inputs is not None:
        between = np.repeat(inputs, layer.depth_multiplier)
        flow.bind(layer, deep, deep.ndim - 2, inputs, made=False)
        flow.bind(layer, point, point.ndim - 2, between, made=False)
    outputs = flow.make(layer, point, point.ndim - 1)
    flow.bind(layer, layer.bias, 0, outputs, made=True)
    for kernel in (deep, point):
        flow.multiply(kernel, layer, _positions(call.outputs[0], axis))
    return activated(flow, call, kept_zero(axis, outputs), layer.activation)


def dense(flow: Flow, call: Call) -> Channels:
    """Dense: the last axis is read and made."""
    layer, axis = call.layer, len(call.shapes[0]) - 1
    _reads(flow, call, layer.kernel, axis=0)
    outputs = flow.make(layer, layer.kernel, 1)
    flow.bind(layer, layer.bias, 0, outputs, made=True)
    flow.multiply(layer.kernel, layer, call.outputs[0][1:-1])
    return activated(flow, call, kept_zero(axis, outputs), layer.activation)


def embedding(flow: Flow, call: Call) -> Channels:
    """Embedding: what goes in are numbers of rows, what comes out are channels."""
    flow.fix(call, "which looks numbers up")
    outputs = flow.make(call.layer, call.layer.embeddings, 1)
    return kept_zero(len(call.outputs[0]) - 1, outputs)


def batch_norm(flow: Flow, call: Call) -> Channels:
    """BatchNormalization: a channel whose gamma and beta are zero is zero."""
    layer, channels = call.layer, call.inputs[0]
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    units = flow.follow(call, axis % len(call.shapes[0]))
    if units is None:
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        flow.bind(layer, getattr(layer, name), 0, units, made=True)
    return channels if layer.gamma is None else kept_zero(channels.axis, units)


def group_norm(flow: Flow, call: Call) -> Channels:
    """GroupNormalization with a group for each channel, also known as InstanceNorm."""
    layer, channels = call.layer, call.inputs[0]
    units = flow.follow(call, layer.axis % len(call.shapes[0]))
    if units is not None and flow.new_weights and layer.groups != len(units):
        _cut_alike(flow, units, layer.groups)
        bind_equal_axes(flow, call)
        return channels
    if units is None or layer.groups != len(units):
        flow.fix(call, "whose statistics are of several channels together")
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    for name in ("gamma", "beta"):
        flow.bind(layer, getattr(layer, name), 0, units, made=True)
    return channels if layer.gamma is None else kept_zero(channels.axis, units)


def mixing_norm(flow: Flow, call: Call) -> Channels:
    """LayerNormalization: what is left would be divided by another number."""
    if flow.new_weights:
        bind_equal_axes(flow, call)
        return call.inputs[0]
    flow.fix(call, "whose statistics are of all channels together")
    return flow.fixed(call.outputs[0], f"output of {call.name}")


def prelu(flow: Flow, call: Call) -> Channels:
    """PReLU: a slope for each channel, unless they share one."""
    layer, channels = call.layer, call.inputs[0]
    if layer.alpha.shape[channels.axis - 1] == len(channels.units):
        flow.bind(layer, layer.alpha, channels.axis - 1, channels.units, made=True)
    return channels


def _reads(flow: Flow, call: Call, kernel: Any, *, axis: int) -> None:
    inputs = flow.read(call, channel_axis(call))
    if inputs is not None:
        flow.bind(call.layer, kernel, axis, inputs, made=False)


def _positions(shape: Any, channel_axis: int) -> tuple[int | None, ...]:
    return tuple(n for axis, n in enumerate(shape) if axis not in {0, channel_axis})


KERNELS: dict[str, Rule] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), conv),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), conv),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), separable),
    "Dense": dense,
    "Embedding": embedding,
    "BatchNormalization": batch_norm,
    "GroupNormalization": group_norm,
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), mixing_norm),
    "UnitNormalization": mixing_norm,
    "PReLU": prelu,
}
