"""Multiply-accumulates of an `.onnx` file, counted in its graph."""

import math
from pathlib import Path
from typing import Any

import onnx

from nncompress_lab.errors import ModelFileError

Shape = tuple[int, ...]


def onnx_macs(path: str | Path) -> int:
    """Multiply-accumulates for one example, as `measure.macs` counts them in Keras.

    Counted are convolutions and products of matrices, in floats and in integers, from the
    sizes of what goes in and comes out: how the weights are stored has no say in it.

    Args:
        path: A file for inputs of fixed size but for the batch, as `ncl.export` writes it.

    Returns:
        Their number over all nodes.

    Raises:
        ModelFileError: If it is no such file, a size in its graph is not known, or it has
            operations that multiply in a way that is not counted here.
    """
    try:
        model = onnx.shape_inference.infer_shapes(
            onnx.load(path, load_external_data=False)
        )
    except Exception as error:  # protobuf raises kinds of its own
        raise ModelFileError(f"{path} holds no ONNX model that can be read.") from error
    graph = model.graph
    shapes: dict[str, Shape] = {one.name: tuple(one.dims) for one in graph.initializer}
    for one in [*graph.input, *graph.value_info, *graph.output]:
        batch, *others = [
            size.dim_value for size in one.type.tensor_type.shape.dim
        ] or [1]
        if all(others):
            shapes[one.name] = (batch or 1, *others)
    return sum(_macs(node, shapes) for node in graph.node if not _is_free(node))


def _is_free(node: Any) -> bool:
    """Whether a node multiplies no sums: of the standard, and none that is known to."""
    return node.domain in _STANDARD and node.op_type not in {*_COUNTED, *_UNCOUNTED}


def _convolution(node: Any, shapes: dict[str, Shape]) -> int:
    """Each output is a sum over a window of the channels of its group."""
    attributes = {one.name: one for one in node.attribute}
    groups = attributes["group"].i if "group" in attributes else 1
    kernel = shapes.get(node.input[3 if node.op_type == "QLinearConv" else 1], ())
    window = (
        attributes["kernel_shape"].ints if "kernel_shape" in attributes else kernel[2:]
    )
    channels = shapes[node.input[0]][1]
    return math.prod(shapes[node.output[0]]) * math.prod(window) * (channels // groups)


def _product(node: Any, shapes: dict[str, Shape]) -> int:
    """Each output is a sum over the last axis of the first input."""
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _einsum(node: Any, shapes: dict[str, Shape]) -> int:
    """Each combination of the letters of the equation is one product."""
    equation = node.attribute[0].s.decode().replace(" ", "").partition("->")[0]
    sizes: dict[str, int] = {}
    for letters, name in zip(equation.split(","), node.input, strict=True):
        sizes |= dict(zip(letters, shapes[name], strict=True))
    return math.prod(sizes.values())


_STANDARD = ("", "ai.onnx")
_COUNTED = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "QLinearConv": _convolution,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "Gemm": _product,
    "Einsum": _einsum,
}
_UNCOUNTED = {  # products of their own, or graphs in a node
    "Attention",
    "ConvTranspose",
    "DeformConv",
    "GRU",
    "If",
    "LSTM",
    "Loop",
    "RNN",
    "Scan",
    "SequenceMap",
}


def _macs(node: Any, shapes: dict[str, Shape]) -> int:
    try:
        return _COUNTED[node.op_type](node, shapes)
    except (KeyError, IndexError, ValueError) as error:
        why = (
            "because a size in its graph is not known"
            if node.op_type in _COUNTED
            else f"because only those of {', '.join(_COUNTED)} are known"
        )
        raise ModelFileError(
            f"The multiplications of {node.op_type} {node.name!r} cannot be counted, "
            f"{why}. Write the file with ncl.export."
        ) from error
