"""Masks: which steps count, as they travel along with the tensors of Keras."""

from dataclasses import replace

import numpy as np
import onnx

from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Value

BOOL = onnx.TensorProto.BOOL


@layer("Masking")
def masking(call: Call) -> Value:
    """Steps all of whose numbers are one value are zeros, and do not count."""
    graph, value = call.graph, call.graph.as_keras(call.value)
    same = graph.op(
        "Equal", value.name, graph.constant(np.float32(call.layer.mask_value))
    )
    other = graph.op("Cast", graph.op("Not", same), to=onnx.TensorProto.FLOAT)
    count = graph.op("ReduceMax", other, graph.integers(-1), keepdims=1)
    mask = graph.op("Squeeze", graph.op("Cast", count, to=BOOL), graph.integers(-1))
    return replace(call.result(graph.op("Mul", value.name, count)), mask=mask)


def mask_given(call: Call, name: str = "mask") -> str | None:
    """The mask that a layer is called with, by its argument or along with its input."""
    given = call.kwargs.get(name)
    if isinstance(given, Value):
        return as_bool(call, given)
    return call.value.mask


def as_bool(call: Call, value: Value) -> str:
    """A tensor of zeros and ones as truth values."""
    return call.graph.op("Cast", call.graph.as_keras(value).name, to=BOOL)


def all_of(call: Call, masks: list[str | None]) -> str | None:
    """Where all masks are true; None if there are none."""
    known = [one for one in masks if one is not None]
    if not known:
        return None
    result = known[0]
    for one in known[1:]:
        result = call.graph.op("And", result, one)
    return result
