"""FakeQuantize: activations as the integers of the runtime where it has them.

8 bits with a fixed range become QuantizeLinear and DequantizeLinear with uint8, the only
pair for which ONNX Runtime has fast products on x86 (int8 activations cost its
convolutions their kernel). Other widths and ranges are computed as Keras computes them.
"""

import numpy as np

from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Graph, Value
from nncompress_lab.runtimes.onnx_graph.superfluous import pad, unclipped, unpadded

TINY = float(np.finfo(np.float32).tiny)
MIDDLE = 128  # the uint8 that stands for 0 where the range is symmetric


@layer("FakeQuantize")
def fake_quantize(call: Call) -> Value:
    """Round as the layer does; 8 bits of a fixed range also as uint8.

    The layer behind it chooses one of the two. As uint8, a symmetric range goes one step
    further down than -127. Zeros around an image are zeros afterwards, and come later.
    """
    one, graph = call.layer, call.graph
    if one.dynamic:
        return call.like(call.value, _round_each(call, call.value))
    value, pads = unpadded(graph, call.value)
    scale = to_numpy(one.scale).astype(np.float32)
    zero = graph.constant(np.float32(to_numpy(one.zero_point)), "zero_point")
    name = _round(call, value.name, graph.constant(scale, "scale"), zero)
    if one.bits == 8:
        zero_point = MIDDLE if one.symmetric else int(to_numpy(one.zero_point))
        whole = unclipped(graph, value.name, scale, zero_point)
        graph.note_bytes(name, graph.quantize(whole, scale, zero_point))
    if pads is not None:
        name = pad(graph, name, pads)
    return call.like(call.value, name)


def _round(call: Call, x: str, scale: str, zero: str) -> str:
    graph, one = call.graph, call.layer
    low = graph.op("Sub", graph.constant(np.float32(one.qmin), "qmin"), zero)
    high = graph.op("Sub", graph.constant(np.float32(one.qmax), "qmax"), zero)
    steps = graph.op("Round", graph.op("Div", x, scale))
    inside = graph.op("Min", graph.op("Max", steps, low), high)
    return graph.op("Mul", scale, inside)


def _round_each(call: Call, value: Value) -> str:
    """Round with the range of each example."""
    graph, one = call.graph, call.layer
    axes = graph.integers(*range(1, value.rank))
    nothing = graph.constant(np.float32(0), "nothing")
    qmax = graph.constant(np.float32(one.qmax), "qmax")
    lowest = graph.op("ReduceMin", value.name, axes, keepdims=1)
    lowest = graph.op("Min", lowest, nothing)
    highest = graph.op("ReduceMax", value.name, axes, keepdims=1)
    highest = graph.op("Max", highest, nothing)
    if one.symmetric:
        widest = graph.op("Max", graph.op("Neg", lowest), highest)
        scale = _positive(graph, graph.op("Div", widest, qmax))
        return _round(call, value.name, scale, nothing)
    width = graph.op("Sub", highest, lowest)
    scale = _positive(graph, graph.op("Div", width, qmax))
    zero = graph.op("Round", graph.op("Div", graph.op("Neg", lowest), scale))
    zero = graph.op("Min", graph.op("Max", zero, nothing), qmax)
    return _round(call, value.name, scale, zero)


def _positive(graph: Graph, scale: str) -> str:
    usable = graph.op("GreaterOrEqual", scale, graph.constant(np.float32(TINY), "tiny"))
    return graph.op("Where", usable, scale, graph.constant(np.float32(1), "one"))
