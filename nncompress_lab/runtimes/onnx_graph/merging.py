"""Layers and operations that compute with several tensors, number by number."""

from typing import Any

import numpy as np

from nncompress_lab.runtimes.onnx_graph.converters import Call, layer, operation
from nncompress_lab.runtimes.onnx_graph.graph import Value

LAYERS = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Maximum": "Max",
    "Minimum": "Min",
    "Average": "Mean",
}
OPERATIONS = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "TrueDivide": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Power": "Pow",
}
SINGLE = {"Negative": "Neg", "Absolute": "Abs", "Abs": "Abs", "Sqrt": "Sqrt"}
REDUCTIONS = {"Mean": "ReduceMean", "Sum": "ReduceSum", "Max": "ReduceMax"}


@layer(*LAYERS)
def merge(call: Call) -> Value:
    """A sum, product, difference, mean or extreme of several tensors."""
    values = call.aligned()
    kind = LAYERS[type(call.layer).__name__]
    name = values[0].name
    if kind == "Mean":
        name = call.graph.op(kind, *(value.name for value in values))
    else:
        for other in values[1:]:
            name = call.graph.op(kind, name, other.name)
    return call.like(values[0], name)


@operation(*OPERATIONS)
def arithmetic(call: Call) -> Value:
    """`x + y` and the like, where one may be a number or an array."""
    kind = OPERATIONS[type(call.layer).__name__]
    given = [*call.args, *call.kwargs.values()]
    only_scalars = all(isinstance(one, Value) or np.ndim(one) == 0 for one in given)
    values = call.aligned(channels_first=None if only_scalars else False)
    tensors = iter(values)
    names = [
        next(tensors).name if isinstance(one, Value) else _number(call, one)
        for one in given
    ]
    return call.like(values[0], call.graph.op(kind, *names))


@operation(*SINGLE)
def single(call: Call) -> Value:
    """A function of one tensor."""
    kind = SINGLE[type(call.layer).__name__]
    return call.like(call.value, call.graph.op(kind, call.value.name))


@operation("Square")
def square(call: Call) -> Value:
    """Times itself."""
    name = call.value.name
    return call.like(call.value, call.graph.op("Mul", name, name))


@operation(*REDUCTIONS)
def reduction(call: Call) -> Value:
    """A mean, sum or maximum over some axes."""
    one, value = call.layer, call.graph.as_keras(call.value)
    if one.axis is None:
        raise call.refuse("it goes over the batch, too. Name the axes.")
    axes = one.axis if isinstance(one.axis, tuple | list) else [one.axis]
    kind = REDUCTIONS[type(one).__name__]
    numbers = call.graph.integers(*axes)
    name = call.graph.op(kind, value.name, numbers, keepdims=int(one.keepdims))
    return call.result(name)


@operation("Matmul")
def matmul(call: Call) -> Value:
    """The product of two tensors."""
    first, second = call.aligned(channels_first=False)
    return call.result(call.graph.op("MatMul", first.name, second.name))


def _number(call: Call, one: Any) -> str:
    array = one if np.isscalar(one) else np.asarray(one)
    return call.graph.constant(np.asarray(array, np.float32))
