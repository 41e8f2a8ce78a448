"""Layers and operations that compute with several tensors, number by number."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx

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
SINGLE = {
    "Negative": "Neg",
    "Absolute": "Abs",
    "Abs": "Abs",
    "Sqrt": "Sqrt",
    "Log": "Log",
    "Sin": "Sin",
    "Cos": "Cos",
    "Floor": "Floor",
    "Ceil": "Ceil",
    "Sign": "Sign",
    "Reciprocal": "Reciprocal",
    "Erf": "Erf",
}
REDUCTIONS = {
    "Mean": "ReduceMean",
    "Sum": "ReduceSum",
    "Max": "ReduceMax",
    "Min": "ReduceMin",
    "Prod": "ReduceProd",
    "Any": "ReduceMax",
    "All": "ReduceMin",
    "Logsumexp": "ReduceLogSumExp",
}


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
    masks = {value.mask for value in values}
    mask = masks.pop() if len(masks) == 1 else None
    if mask is None and None not in masks:  # where one of them counts
        for one in sorted(str(each) for each in masks):
            mask = one if mask is None else call.graph.op("Or", mask, one)
    return replace(call.like(values[0], name), mask=mask)


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
    kind = REDUCTIONS[type(one).__name__]
    numbers = call.graph.integers(*reduced_axes(call))
    name = call.graph.op(kind, value.name, numbers, keepdims=int(one.keepdims))
    return call.result(name)


def reduced_axes(call: Call) -> list[int]:
    """The axes that an operation goes over."""
    axes = call.layer.axis
    if axes is None:
        raise call.refuse("it goes over the batch, too. Name the axes.")
    return list(axes) if isinstance(axes, tuple | list) else [axes]


@operation("Matmul")
def matmul(call: Call) -> Value:
    """The product of two tensors."""
    tensors = iter(call.aligned(channels_first=False))
    names = [
        next(tensors).name if isinstance(one, Value) else _number(call, one)
        for one in (*call.args, *call.kwargs.values())
    ]
    return call.result(call.graph.op("MatMul", *names))


@operation("Take")
def take(call: Call) -> Value:
    """Rows of a constant by their places, as an Embedding takes them."""
    table, places = [*call.args, *call.kwargs.values()][:2]
    if isinstance(table, Value) or not isinstance(places, Value):
        raise call.refuse("it takes from a tensor. Slice it by x[:, place] instead.")
    graph = call.graph
    whole = graph.op("Cast", graph.as_keras(places).name, to=onnx.TensorProto.INT64)
    axis = call.layer.axis
    name = graph.op(
        "Gather", _number(call, table), whole, axis=0 if axis is None else axis
    )
    return call.result(name)


def _number(call: Call, one: Any) -> str:
    array = one if np.isscalar(one) else np.asarray(one)
    return call.graph.constant(np.asarray(array, np.float32))


@layer("Dot")
def dot(call: Call) -> Value:
    """Products along an axis of each, maybe of vectors of length 1."""
    one, graph = call.layer, call.graph
    first, second = call.aligned(channels_first=False)
    axes = [one.axes] * 2 if isinstance(one.axes, int) else list(one.axes)
    places = [axis % v.rank for axis, v in zip(axes, (first, second), strict=True)]
    names = [first.name, second.name]
    if one.normalize:
        names = [_unit(call, *each) for each in zip(names, places, strict=True)]
    letters = ["abcdef"[: first.rank], "a" + "uvwxyz"[: second.rank - 1]]
    letters = [
        each.replace(each[place], "s")
        for each, place in zip(letters, places, strict=True)
    ]
    kept = "".join(one for each in letters for one in each[1:] if one != "s")
    equation = f"{letters[0]},{letters[1]}->a{kept}"
    name = graph.op("Einsum", *names, equation=equation)
    if not kept:  # two vectors give one number, which Keras keeps as a row
        name = graph.op("Unsqueeze", name, graph.integers(1))
    return call.result(name)


def _unit(call: Call, name: str, axis: int) -> str:
    graph = call.graph
    squares = graph.op("Mul", name, name)
    total = graph.op("ReduceSum", squares, graph.integers(axis), keepdims=1)
    least = graph.constant(np.float32(1e-12), "least")
    return graph.op("Div", name, graph.op("Sqrt", graph.op("Max", total, least)))
