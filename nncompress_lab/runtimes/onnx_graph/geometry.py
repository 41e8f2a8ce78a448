"""Where windows lie: what Keras's padding is in the numbers of ONNX."""

import math
from collections.abc import Sequence
from typing import Any

from nncompress_lab.runtimes.onnx_graph.converters import Call
from nncompress_lab.runtimes.onnx_graph.graph import Value


def image(call: Call, value: Value | None = None) -> Value:
    """The input with its channels behind the batch, whatever the layer's data format."""
    value = value or call.value
    if call.layer.data_format == "channels_last":
        return call.graph.channels_first(value)
    return call.graph.as_keras(value)


def image_result(call: Call, name: str) -> Value:
    """The output of a layer that computed with its channels behind the batch."""
    last = call.layer.data_format == "channels_last"
    return call.result(name, channels_first=last)


def spatial(call: Call, value: Value) -> tuple[int | None, ...]:
    """The sizes of an image without batch and channels."""
    last = call.layer.data_format == "channels_last"
    return value.shape[1:-1] if last else value.shape[2:]


def padding(
    kind: str,
    sizes: Sequence[int | None],
    windows: Sequence[int],
    strides: Sequence[int],
) -> dict[str, Any]:
    """The attributes that pad a convolution or pooling as Keras does.

    Args:
        kind: `"valid"`, `"same"` or `"causal"`.
        sizes: Of the image; None where it is not fixed.
        windows: Sizes of the window, its dilation counted.
        strides: Of the window.
    """
    if kind == "same" and None in sizes:
        return {"auto_pad": "SAME_UPPER"}
    before, after = [], []
    for size, window, stride in zip(sizes, windows, strides, strict=True):
        total = 0
        if kind == "same" and size is not None:
            total = max((math.ceil(size / stride) - 1) * stride + window - size, 0)
        if kind == "causal":
            total = window - 1
        before.append(total if kind == "causal" else total // 2)
        after.append(total - before[-1])
    return {"pads": before + after}


def transposed_padding(
    kind: str, window: int, stride: int, output_padding: int | None
) -> tuple[int, int]:
    """What a transposed convolution loses at its two ends; below 0 it gains.

    Args:
        kind: `"valid"` or `"same"`.
        window: Size of the window, its dilation counted.
        stride: Of the window.
        output_padding: As the layer has it.
    """
    if kind == "valid":
        extra = max(window, stride) - window
        return 0, -(extra if output_padding is None else output_padding)
    if output_padding is None:
        total = stride + window - 2
    else:
        total = window + window % 2 - 2 + output_padding
    left = min(total // 2 + total % 2, window - 1)
    return window - 1 - left, window - 1 - (total - left)
