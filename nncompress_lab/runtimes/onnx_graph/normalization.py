"""Normalization layers, and the folding of BatchNormalization into what is before it."""

from typing import Any

import numpy as np

from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.runtimes.onnx_graph.converters import (
    Array,
    Call,
    PerChannel,
    layer,
)
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.layout import Kernel


def per_channel(norm: Any) -> PerChannel:
    """What a BatchNormalization does in inference: a factor and a shift a channel."""
    deviation = np.sqrt(to_numpy(norm.moving_variance) + np.float32(norm.epsilon))
    factor = (1.0 if norm.gamma is None else to_numpy(norm.gamma)) / deviation
    beta = 0.0 if norm.beta is None else to_numpy(norm.beta)
    shift = beta - to_numpy(norm.moving_mean) * factor
    return PerChannel(factor.astype(np.float32), shift.astype(np.float32))


def folded(
    kernel: Kernel, bias: Array | None, norm: PerChannel | None
) -> tuple[Kernel, Array | None, PerChannel | None]:
    """A kernel and a bias that do a normalization's work, and what is left to do.

    All of it is left where the kernel's channels cannot be scaled: codes into tables.
    """
    scaled = None if norm is None else kernel.scaled(norm.factor)
    if norm is None or scaled is None:
        return kernel, bias, norm
    shift = norm.shift if bias is None else bias * norm.factor + norm.shift
    return scaled, shift, None


def normalized(call: Call, value: Value, norm: PerChannel | None) -> Value:
    """A value after what is left of a normalization."""
    return value if norm is None else _scaled(call, value, norm)


@layer("BatchNormalization")
def batch_normalization(call: Call) -> Value:
    """A factor and a shift for each channel."""
    one = call.layer
    axis = one.axis if isinstance(one.axis, int) else one.axis[0]
    if axis not in {-1, call.value.rank - 1}:
        return _on_axis(call, axis)
    return _scaled(call, call.value, per_channel(one))


def _scaled(call: Call, value: Value, norm: PerChannel) -> Value:
    factor = call.per_channel(norm.factor, value)
    shift = call.per_channel(norm.shift, value)
    name = call.graph.op("Add", call.graph.op("Mul", value.name, factor), shift)
    return call.like(value, name)


def _on_axis(call: Call, axis: int) -> Value:
    value, norm = call.graph.as_keras(call.value), per_channel(call.layer)
    sizes = [-1 if one == axis % value.rank else 1 for one in range(value.rank)]
    factor = call.graph.constant(norm.factor.reshape(sizes), "factor")
    shift = call.graph.constant(norm.shift.reshape(sizes), "shift")
    name = call.graph.op("Mul", value.name, factor)
    return call.result(call.graph.op("Add", name, shift))


@layer("LayerNormalization")
def layer_normalization(call: Call) -> Value:
    """ONNX has it for the last axes."""
    one, value = call.layer, call.graph.as_keras(call.value)
    axes = sorted(axis % value.rank for axis in one.axis)
    if one.rms_scaling or axes != list(range(axes[0], value.rank)):
        raise call.refuse(
            f"only the last axes, without rms_scaling. Received: axis={one.axis}."
        )
    sizes = [value.shape[axis] for axis in axes]
    gamma = np.ones(sizes, np.float32) if one.gamma is None else call.weight("gamma")
    inputs = [value.name, call.graph.constant(gamma, "gamma")]
    if one.beta is not None:
        inputs.append(call.graph.constant(call.weight("beta"), "beta"))
    name = call.graph.op(
        "LayerNormalization", *inputs, axis=axes[0] - value.rank, epsilon=one.epsilon
    )
    return call.result(name)


@layer("RMSNormalization")
def rms_normalization(call: Call) -> Value:
    """Divide by the root of the mean square."""
    one, graph, value = call.layer, call.graph, call.graph.as_keras(call.value)
    axes = [one.axis] if isinstance(one.axis, int) else list(one.axis)
    if axes not in ([-1], [value.rank - 1]):
        raise call.refuse(f"only the last axis. Received: axis={one.axis}.")
    square = graph.op("Mul", value.name, value.name)
    mean = graph.op("ReduceMean", square, graph.integers(-1), keepdims=1)
    safe = graph.op("Add", mean, graph.constant(np.float32(one.epsilon), "epsilon"))
    name = graph.op("Div", value.name, graph.op("Sqrt", safe))
    return call.result(
        graph.op("Mul", name, graph.constant(call.weight("scale"), "scale"))
    )


@layer("GroupNormalization")
def group_normalization(call: Call) -> Value:
    """Normalize the groups as the rows of a matrix, then scale the channels."""
    one, graph = call.layer, call.graph
    if one.axis not in {-1, call.value.rank - 1}:
        raise call.refuse(f"only the last axis. Received: axis={one.axis}.")
    value = graph.channels_first(call.value)
    rows = graph.op("Reshape", value.name, graph.integers(0, one.groups, -1))
    ones = graph.constant(np.ones(one.groups, np.float32), "ones")
    zeros = graph.constant(np.zeros(one.groups, np.float32), "zeros")
    name = graph.op("InstanceNormalization", rows, ones, zeros, epsilon=one.epsilon)
    name = graph.op("Reshape", name, graph.op("Shape", value.name))
    if one.scale:
        name = graph.op("Mul", name, call.per_channel(call.weight("gamma"), value))
    if one.center:
        name = graph.op("Add", name, call.per_channel(call.weight("beta"), value))
    return call.like(value, name)


@layer("Normalization")
def normalization(call: Call) -> Value:
    """Subtract a mean and divide by a deviation that data has taught."""
    one, value = call.layer, call.graph.as_keras(call.value)
    mean, variance = (to_numpy(x).astype(np.float32) for x in (one.mean, one.variance))
    deviation = np.maximum(
        np.sqrt(variance), np.float32(1e-7)
    )  # keras.config.epsilon()
    first, second = ("Mul", "Add") if one.invert else ("Sub", "Div")
    numbers = (deviation, mean) if one.invert else (mean, deviation)
    name = value.name
    for kind, array in zip((first, second), numbers, strict=True):
        name = call.graph.op(kind, name, call.graph.constant(array))
    return call.result(name)


@layer("Rescaling")
def rescaling(call: Call) -> Value:
    """Times a number, plus a number; or one of each for every channel."""
    value = call.value
    name = call.graph.op(
        "Mul", value.name, call.per_channel(np.float32(call.layer.scale), value)
    )
    offset = call.per_channel(np.float32(call.layer.offset), value)
    return call.like(value, call.graph.op("Add", name, offset))


@layer("LayerScale")
def layer_scale(call: Call) -> Value:
    """A factor for each channel (ConvNeXt)."""
    gamma = call.per_channel(call.weight("gamma"), call.value)
    return call.like(call.value, call.graph.op("Mul", call.value.name, gamma))
