"""What layers without kernels do with channels: pass them on, join or move them."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from nncompress_lab.models.channels.arrays.units import Mask
from nncompress_lab.models.channels.flow import Call, Flow, Rule
from nncompress_lab.models.channels.tensor_channels import Channels, spoiled
from nncompress_lab.models.kernels import to_numpy

# Functions that treat each number by itself.
ELEMENTWISE = (
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu"),
    *("hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6"),
    *("selu", "sigmoid", "silu", "soft_shrink", "softplus", "softsign", "sparse_plus"),
    *("sparse_sigmoid", "squareplus", "tanh", "tanh_shrink", "threshold"),
)
ELEMENTWISE_LAYERS = (
    *("Activation", "ReLU", "LeakyReLU", "ELU", "Identity", "Dropout", "Rescaling"),
    *("AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
)
ELEMENTWISE_OPERATIONS = (
    *("Relu", "Relu6", "Sigmoid", "Silu", "HardSigmoid", "HardSilu", "Softplus"),
    *("Softsign", "Tanh", "Gelu", "Elu", "Selu", "LeakyRelu", "Mish", "LogSigmoid"),
    *("Exp", "Square", "Sqrt", "Absolute", "Negative", "Identity"),
)
BINARY_OPERATIONS = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
SCALED_OPERATIONS = ("TrueDivide", "Divide", "Power")
SPATIAL = ("MaxPooling", "AveragePooling", "ZeroPadding", "UpSampling", "Cropping")


def activated(flow: Flow, call: Call, channels: Channels, function: Any) -> Channels:
    """The channels after the activation function of a layer."""
    if flow.new_weights:
        return channels
    if function not in [getattr(keras.activations, name) for name in ELEMENTWISE]:
        name = getattr(function, "__name__", type(function).__name__)
        why = f"its outputs go through {name} in {call.name}, which may mix them"
        flow.units.fix(channels.units, why)
        return channels
    at_zero = float(to_numpy(function(ops.zeros((1,))))[0])
    return channels if at_zero == 0 else spoiled(channels, call.name)


def elementwise(flow: Flow, call: Call) -> Channels:
    """An activation, a dropout or the like: every number by itself."""
    layer, channels = call.layer, call.inputs[0]
    if isinstance(layer, keras.layers.Activation):
        return activated(flow, call, channels, layer.activation)
    if isinstance(layer, keras.layers.Rescaling) and np.ndim(
        layer.scale + layer.offset
    ):
        flow.fix(call, "which holds a number for each")
    if flow.new_weights:
        return channels
    at_zero = to_numpy(layer.call(ops.zeros((1,) * len(call.shapes[0]))))
    return channels if (at_zero == 0).all() else spoiled(channels, call.name)


def operation(flow: Flow, call: Call) -> Channels:
    """`x + y`, `0.5 * x`, `ops.relu(x)`: of tensors, or of a tensor and a number."""
    if len(call.inputs) > 1:
        if flow.new_weights or type(call.layer).__name__ in BINARY_OPERATIONS:
            return joined(flow, call)
        flow.fix(call, "where two zeros need not give zero")
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    values = [*call.node.args, *call.node.kwargs.values()]
    constants = [one for one in values if not isinstance(one, keras.KerasTensor)]
    if any(np.size(one) > 1 for one in constants if hasattr(one, "shape")):
        flow.fix(call, "which has an array as the other operand")
    if flow.new_weights:
        return call.inputs[0]

    def zeros(value: Any) -> Any:
        is_tensor = isinstance(value, keras.KerasTensor)
        return ops.zeros((1,) * len(value.shape)) if is_tensor else value

    arguments = keras.tree.map_structure(zeros, list(call.node.args))
    result = to_numpy(call.layer.call(*arguments, **call.node.kwargs))
    channels = call.inputs[0]
    return channels if (result == 0).all() else spoiled(channels, call.name)


def joined(flow: Flow, call: Call) -> Channels:
    """Add, Multiply and the like: what is joined is cut together.

    A tensor with one channel is broadcast over the others, as in spatial attention, and
    is kept. A product is zero where one factor is: squeeze-and-excite multiplies a
    channel by a sigmoid, and both go.
    """
    wide = max(call.inputs, key=lambda one: len(one.units))
    size, rank = len(wide.units), len(call.outputs[0])
    many = [one for one in call.inputs if len(one.units) == size]
    single = [one for one in call.inputs if len(one.units) != size]
    alike = {one.axis for one in call.inputs} == {wide.axis} and all(
        len(shape) == rank for shape in call.shapes
    )
    if not alike or any(len(one.units) != 1 for one in single):
        flow.fix(call, "whose inputs have their channels along different axes")
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    for one in single:
        flow.units.fix(one.units, f"its one channel is joined to others in {call.name}")
    for one in many[1:]:
        flow.units.unite(many[0].units, one.units)
    zeros = [one.zero for one in many]
    if type(call.layer).__name__ == "Multiply":
        zero: Mask = np.any(zeros, axis=0)
    else:  # the one channel of another tensor is added to each
        zero = np.all([*zeros, *(np.zeros_like(zeros[0]) for _ in single)], axis=0)
    spoiler = next((one.spoiler for one in many if one.spoiler), call.name)
    return Channels(wide.axis, many[0].units, zero, spoiler)


def concatenated(flow: Flow, call: Call) -> Channels:
    """Concatenate: side by side along the channels, or the same channels further on."""
    axis = call.layer.axis % len(call.outputs[0])
    along = {one.axis for one in call.inputs}
    if len(along) != 1 or any(not len(one.units) for one in call.inputs):
        flow.fix(call, "whose inputs have their channels along different axes")
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    spoiler = next((one.spoiler for one in call.inputs if one.spoiler), "")
    units = [one.units for one in call.inputs]
    zeros = [one.zero for one in call.inputs]
    if along == {axis}:
        return Channels(axis, np.concatenate(units), np.concatenate(zeros), spoiler)
    for one in units[1:]:
        flow.units.unite(units[0], one)
    return Channels(along.pop(), units[0], np.all(zeros, axis=0), spoiler)


def spatial(flow: Flow, call: Call) -> Channels:
    """Pooling, padding, cropping, upsampling: each channel by itself."""
    if flow.follow(call, channel_axis(call)) is None:
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    return call.inputs[0]


def global_pooling(flow: Flow, call: Call) -> Channels:
    """One number per channel, in a matrix unless `keepdims`."""
    channels = spatial(flow, call)
    axis = channels.axis if call.layer.keepdims else 1
    return Channels(axis, channels.units, channels.zero, channels.spoiler)


def reshaped(flow: Flow, call: Call) -> Channels:
    """Flatten and Reshape: a channel may become a pattern of strides."""
    before, after, channels = call.shapes[0], call.outputs[0], call.inputs[0]
    axis, last = channels.axis, len(before) - 1
    if axis == last and after[-1] == before[-1] == len(channels.units):
        return Channels(len(after) - 1, channels.units, channels.zero, channels.spoiler)
    if None in before[1:] + after[1:] or not len(channels.units):
        flow.fix(call, "whose sizes are not fixed")
        return flow.fixed(after, f"output of {call.name}")
    shape = [1] * len(before)
    shape[axis] = len(channels.units)
    entries = np.arange(len(channels.units)).reshape(shape)
    whole = np.broadcast_to(entries, np.array((1, *before[1:]), dtype=np.intp))
    if getattr(call.layer, "data_format", None) == "channels_first":
        whole = np.moveaxis(whole, 1, -1)  # as Flatten does
    whole = whole.reshape(1, *after[1:])
    varying = [n for n in range(1, whole.ndim) if np.diff(whole, axis=n).any()]
    if len(varying) > 1:
        flow.fix(call, "which spreads them over several axes")
        return flow.fixed(after, f"output of {call.name}")
    place = varying[0] if varying else whole.ndim - 1
    pattern = np.moveaxis(whole, place, -1).reshape(-1, whole.shape[place])[0]
    units, zero = channels.units[pattern], channels.zero[pattern]
    return Channels(place, units, zero, channels.spoiler)


def permuted(flow: Flow, call: Call) -> Channels:
    """Permute: the channels lie along another axis."""
    channels = call.inputs[0]
    axis = call.layer.dims.index(channels.axis) + 1
    return Channels(axis, channels.units, channels.zero, channels.spoiler)


def repeated(flow: Flow, call: Call) -> Channels:
    """RepeatVector: the same channels at each position."""
    channels = call.inputs[0]
    return Channels(2, channels.units, channels.zero, channels.spoiler)


def passed_on(flow: Flow, call: Call) -> Channels:
    """What is not known, with new weights: as many channels come out as went in."""
    channels, after = call.inputs[0], call.outputs[0]
    at_the_end = channels.axis == len(call.shapes[0]) - 1
    if at_the_end and len(after) > 1 and after[-1] == len(channels.units):
        bind_equal_axes(flow, call)
        return replace(channels, axis=len(after) - 1)
    flow.fix(call, "through which channels cannot be followed")
    return flow.fixed(after, f"output of {call.name}")


def bind_equal_axes(flow: Flow, call: Call) -> None:
    """Take the axes of weights that are as long as there are channels to be theirs."""
    units = call.inputs[0].units
    for variable in getattr(call.layer, "variables", ()):
        for axis, size in enumerate(variable.shape):
            if size == len(units):
                flow.bind(call.layer, variable, axis, units, made=True)


def channel_axis(call: Call) -> int:
    """Where a convolution, pooling or padding layer has its channels."""
    first = getattr(call.layer, "data_format", None) == "channels_first"
    return 1 if first else len(call.shapes[0]) - 1


def _in_dimensions(names: tuple[str, ...]) -> list[str]:
    return [f"{name}{number}D" for name in names for number in (1, 2, 3)]


STRUCTURE: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE_LAYERS, elementwise),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average"), joined),
    **dict.fromkeys(("Maximum", "Minimum"), joined),
    **dict.fromkeys(_in_dimensions(SPATIAL), spatial),
    **dict.fromkeys(_in_dimensions(("GlobalAveragePooling",)), global_pooling),
    **dict.fromkeys(_in_dimensions(("GlobalMaxPooling",)), global_pooling),
    **dict.fromkeys(("Flatten", "Reshape"), reshaped),
    "Concatenate": concatenated,
    "Permute": permuted,
    "RepeatVector": repeated,
}
OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE_OPERATIONS, operation),
    **dict.fromkeys(BINARY_OPERATIONS, operation),
    **dict.fromkeys(SCALED_OPERATIONS, operation),
    "Concatenate": concatenated,
}
