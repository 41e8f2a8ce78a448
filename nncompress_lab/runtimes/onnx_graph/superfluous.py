"""What the rounding of a tensor makes superfluous, and convolutions take upon themselves.

ONNX Runtime computes a convolution in integers only if its output is rounded at once. A
ReLU6 between them keeps it in floats although the rounding cuts off the same, and so does a
padding, which the next convolution has by itself.
"""

from dataclasses import replace

import numpy as np

from nncompress_lab.runtimes.onnx_graph.graph import Array, Graph, Value

BYTES = 255  # the largest uint8


def unclipped(graph: Graph, name: str, scale: Array, zero_point: int) -> str:
    """A tensor before it was clipped, if rounding it to uint8 cuts off as much.

    Args:
        graph: That the tensor is in.
        name: Of the tensor.
        scale: Of the integers.
        zero_point: Of the integers.
    """
    node = graph.made_by(name)
    if node is None or node.op_type != "Clip":
        return name
    ends = [graph.array(end) if end else None for end in node.input[1:]]
    low, high = (None if end is None else np.rint(end / scale) for end in ends)
    cuts_below = low is None or low + zero_point <= 0
    cuts_above = high is None or high + zero_point >= BYTES
    return str(node.input[0]) if cuts_below and cuts_above else name


def pad(graph: Graph, name: str, pads: list[int]) -> str:
    """Write zeros around an image, also as uint8 if the image is that.

    Args:
        graph: That the image is in.
        name: Of the image, its channels behind the batch.
        pads: Before all axes, then after all axes.
    """
    numbers = graph.integers(*pads)
    padded = graph.op("Pad", name, numbers, graph.constant(np.float32(0)))
    rounded = graph.bytes_of(name)
    if rounded is not None:
        steps = graph.op("Pad", rounded.name, numbers, rounded.numbers[1])
        graph.note_bytes(padded, replace(rounded, name=steps))
    return padded


def unpadded(graph: Graph, value: Value) -> tuple[Value, list[int] | None]:
    """A value before zeros were put around it, and how many as `pad` takes them."""
    node = graph.made_by(value.name)
    if node is None or node.op_type != "Pad":
        return value, None
    pads = [int(one) for one in graph.array(node.input[1])]
    return replace(value, name=str(node.input[0])), pads
