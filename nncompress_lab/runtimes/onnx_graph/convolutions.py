"""Convolutions: plain, grouped, depthwise, separable and transposed, 1D to 3D."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from nncompress_lab.models.kernels import kernel_shape
from nncompress_lab.quantization.arrays.affine import AffineParams
from nncompress_lab.runtimes.onnx_graph import geometry
from nncompress_lab.runtimes.onnx_graph.activations import activated
from nncompress_lab.runtimes.onnx_graph.converters import Array, Call, layer, operation
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.kernels import kernel_of
from nncompress_lab.runtimes.onnx_graph.layout import Kernel, Layout
from nncompress_lab.runtimes.onnx_graph.normalization import folded, normalized
from nncompress_lab.runtimes.onnx_graph.plan import CUT_OFF
from nncompress_lab.runtimes.onnx_graph.superfluous import unclipped, unpadded

INT32_MAX = 2**31 - 1


@layer("Conv1D", "Conv2D", "Conv3D", folds=True)
def convolution(call: Call) -> Value:
    """Conv with the kernel's axes as (out, in, ...)."""
    one = call.layer
    order = (one.rank + 1, one.rank, *range(one.rank))
    kernel = kernel_of(one, "kernel", Layout(order, None, 0))
    return _finished(call, geometry.image(call), kernel, one.groups)


@operation("Conv")
def convolution_by_an_operation(call: Call) -> Value | Sequence[Value]:
    """`ops.conv` with a constant kernel, as a layer would have it."""
    one, (inputs, kernel) = call.layer, [*call.args, *call.kwargs.values()][:2]
    if not isinstance(inputs, Value) or isinstance(kernel, Value):
        raise call.refuse("its kernel is no constant.")
    rank = kernel.ndim - 2
    kinds = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
    groups = (inputs.shape[-1] or 1) // kernel.shape[-2]
    if one.data_format == "channels_first":
        groups = (inputs.shape[1] or 1) // kernel.shape[-2]
    conv = kinds[rank - 1](
        kernel.shape[-1],
        kernel.shape[:rank],
        strides=one.strides,
        padding=one.padding,
        data_format=one.data_format,
        dilation_rate=one.dilation_rate,
        groups=groups,
        use_bias=False,
        name=one.name,
        dtype="float32",
    )
    conv.build(inputs.shape)
    conv.kernel.assign(kernel)
    return convolution(replace(call, layer=conv))


@layer("DepthwiseConv1D", "DepthwiseConv2D", folds=True)
def depthwise_convolution(call: Call) -> Value:
    """Conv with a group for each channel."""
    value = geometry.image(call)
    kernel = _depthwise(call.layer, "kernel")
    return _finished(call, value, kernel, _channels(call, value))


@layer("SeparableConv1D", "SeparableConv2D", folds=True)
def separable_convolution(call: Call) -> Value:
    """A depthwise convolution, then one of size 1."""
    one, value = call.layer, geometry.image(call)
    weights = _depthwise(one, "depthwise_kernel").write(call.graph)
    attributes = _windows(call, value) | {"group": _channels(call, value)}
    name = call.operand(value, as_integers=False)
    name = call.graph.op("Conv", name, weights, **attributes)
    order = (one.rank + 1, one.rank, *range(one.rank))
    pointwise = kernel_of(one, "pointwise_kernel", Layout(order, None, 0))
    pointwise, bias, norm = folded(pointwise, _bias(call), call.norm)
    inputs = [name, pointwise.write(call.graph)]
    if bias is not None:
        inputs.append(call.graph.constant(bias, "bias"))
    result = geometry.image_result(call, call.graph.op("Conv", *inputs))
    return activated(call, normalized(call, result, norm), one.activation)


@layer("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def transposed_convolution(call: Call) -> Value:
    """ConvTranspose with the kernel's axes as (in, out, ...)."""
    one, graph, value = call.layer, call.graph, geometry.image(call)
    order = (one.rank + 1, one.rank, *range(one.rank))
    kernel = kernel_of(one, "kernel", Layout(order, None, 1))
    inputs = [call.operand(value, as_integers=False), kernel.write(graph)]
    if one.use_bias:
        inputs.append(graph.constant(call.weight("bias"), "bias"))
    extra = _each(one.output_padding, one.rank)
    windows = _window_sizes(one)
    ends = [
        geometry.transposed_padding(one.padding, *sizes)
        for sizes in zip(windows, one.strides, extra, strict=True)
    ]
    name = graph.op(
        "ConvTranspose",
        *inputs,
        strides=list(one.strides),
        dilations=list(one.dilation_rate),
        pads=[max(low, 0) for low, _ in ends] + [max(high, 0) for _, high in ends],
        output_padding=[max(-high, 0) for _, high in ends],
    )
    return activated(call, geometry.image_result(call, name), one.activation)


def _finished(call: Call, value: Value, kernel: Kernel, groups: int) -> Value:
    """The convolution, the bias, what is left of a normalization, the activation."""
    kernel, bias, norm = folded(kernel, _bias(call), call.norm)
    attributes = _windows(call, value) | {"group": groups}
    if call.layer.padding == "valid":
        value, pads = unpadded(call.graph, value)
        if pads is not None:
            ends = value.rank
            attributes["pads"] = pads[2:ends] + pads[ends + 2 :]
    scales = None if norm is not None else _integer_scales(call, value, kernel, bias)
    output = None if scales is None else _Output.of(call)
    if output is None or not output.is_rounded:
        scales = None
    weights = kernel.write(call.graph, "floats" if scales is None else "integers")
    inputs = [call.operand(value, as_integers=scales is not None), weights]
    if bias is not None:
        inputs.append(_written_bias(call, bias, scales))
    name = call.graph.op("Conv", *inputs, **attributes)
    result = normalized(call, geometry.image_result(call, name), norm)
    if output is None:
        return activated(call, result, call.layer.activation)
    return output.finished(call, result)


@dataclass(frozen=True)
class _Output:
    """What becomes of a convolution that could be computed in integers.

    Args:
        place: Of the convolution in the graph.
        then_rounded: Whether what comes behind it rounds its output.
        params: What to round its output with, if nothing else does.
    """

    place: str
    then_rounded: bool
    params: AffineParams | None

    @classmethod
    def of(cls, call: Call) -> "_Output":
        place = call.graph.place("Conv")
        # Others than these two come between the sums and their rounding.
        direct = call.layer.activation in {keras.activations.linear, *CUT_OFF}
        then_rounded = call.then_rounded and direct
        return cls(place, then_rounded, call.graph.ranges.get(place))

    @property
    def is_rounded(self) -> bool:
        return self.then_rounded or self.params is not None

    def finished(self, call: Call, result: Value) -> Value:
        """The activation, and before it (or behind ReLU) the rounding."""
        first = call.layer.activation in CUT_OFF
        if first:
            result = activated(call, result, call.layer.activation)
        if not self.is_rounded:
            call.graph.unrounded[self.place] = result.name
        elif self.params is not None and not self.then_rounded:
            scale, zero_point = self.params[0], int(self.params[1])
            whole = unclipped(call.graph, result.name, scale, zero_point)
            rounded = call.graph.quantize(whole, scale, zero_point)
            result = call.like(result, call.graph.dequantize(rounded))
        return result if first else activated(call, result, call.layer.activation)


def _integer_scales(
    call: Call, value: Value, kernel: Kernel, bias: Array | None
) -> Array | None:
    """Scales of the integer sums, if inputs and kernel are 8-bit integers.

    None too if the bias does not fit into 32 bits of that scale.
    """
    scales = kernel.integer_scales()
    rounded = call.graph.bytes_of(value.name)
    if scales is None or rounded is None or value.rank != 4:
        return None
    sums = (scales * rounded.scale).astype(np.float32)
    if bias is not None and np.abs(bias / sums).max() >= INT32_MAX:
        return None
    return sums


def _written_bias(call: Call, bias: Array, scales: Array | None) -> str:
    """The bias, as the 32-bit integers that the sums are if they are integers."""
    if scales is None:
        return call.graph.constant(bias, "bias")
    steps = np.rint(bias / scales).astype(np.int32)
    stored = call.graph.constant(steps, "bias")
    scale = call.graph.constant(scales, "bias_scale")
    return call.graph.op("DequantizeLinear", stored, scale, axis=0)


def _bias(call: Call) -> Array | None:
    return call.weight("bias") if call.layer.use_bias else None


def _depthwise(one: Any, name: str) -> Kernel:
    """A kernel (..., channels, multiplier) as (channels * multiplier, 1, ...)."""
    *window, channels, multiplier = kernel_shape(one, name)
    order = (one.rank, one.rank + 1, *range(one.rank))
    shape = (channels * multiplier, 1, *window)
    return kernel_of(one, name, Layout(order, shape, 0))


def _channels(call: Call, value: Value) -> int:
    last = call.layer.data_format == "channels_last"
    channels = value.shape[-1 if last else 1]
    if channels is None:
        raise call.refuse("the number of its input channels is not fixed.")
    return channels


def _windows(call: Call, value: Value) -> dict[str, Any]:
    one = call.layer
    sizes, strides = geometry.spatial(call, value), _each(one.strides, one.rank)
    pads = geometry.padding(one.padding, sizes, _window_sizes(one), strides)
    dilations = list(_each(one.dilation_rate, one.rank))
    return {"strides": list(strides), "dilations": dilations} | pads


def _window_sizes(one: Any) -> list[int]:
    """Sizes of the window, its dilation counted."""
    sizes = _each(one.kernel_size, one.rank)
    dilations = _each(one.dilation_rate, one.rank)
    return [
        (size - 1) * dilation + 1
        for size, dilation in zip(sizes, dilations, strict=True)
    ]


def _each(number: Any, rank: int) -> tuple[Any, ...]:
    return tuple(number) if isinstance(number, tuple | list) else (number,) * rank
