"""Comparisons and choices, and operations that take several operators of ONNX.

All tensors are floats here: what is true is 1, and what is an integer has no fraction.
"""

from typing import Any

import keras
import numpy as np
import onnx

from nncompress_lab.runtimes.onnx_graph.converters import Call, operation
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.merging import reduced_axes

FLOAT, BOOL = onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL
COMPARISONS = {
    "Equal": "Equal",
    "NotEqual": "Equal",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
}
LOGICAL = {"LogicalAnd": "And", "LogicalOr": "Or", "LogicalXor": "Xor"}


def names_of(call: Call, given: list[Any]) -> list[str]:
    """What an operation is called with, tensors and numbers, as names of tensors."""
    graph = call.graph
    return [
        graph.as_keras(one).name
        if isinstance(one, Value)
        else graph.constant(np.asarray(one, np.float32))
        for one in given
    ]


@operation(*COMPARISONS)
def comparison(call: Call) -> Value:
    """1 where two numbers compare so, else 0."""
    kind = type(call.layer).__name__
    first, second = names_of(call, [*call.args, *call.kwargs.values()])
    found = call.graph.op(COMPARISONS[kind], first, second)
    if kind == "NotEqual":
        found = call.graph.op("Not", found)
    return call.result(call.graph.op("Cast", found, to=FLOAT))


@operation(*LOGICAL)
def logical(call: Call) -> Value:
    """Of two truth values."""
    given = names_of(call, [*call.args, *call.kwargs.values()])
    first, second = (call.graph.op("Cast", one, to=BOOL) for one in given)
    found = call.graph.op(LOGICAL[type(call.layer).__name__], first, second)
    return call.result(call.graph.op("Cast", found, to=FLOAT))


@operation("LogicalNot")
def logical_not(call: Call) -> Value:
    """1 for 0, and 0 for all else."""
    graph = call.graph
    truth = graph.op("Cast", call.value.name, to=BOOL)
    return call.like(call.value, graph.op("Cast", graph.op("Not", truth), to=FLOAT))


@operation("Where")
def where(call: Call) -> Value:
    """One number or another."""
    given = {**dict(zip(("condition", "x1", "x2"), call.args, strict=False))}
    given |= call.kwargs
    if given.get("x1") is None:
        raise call.refuse("only `where` with three arguments.")
    names = names_of(call, [given[name] for name in ("condition", "x1", "x2")])
    truth = call.graph.op("Cast", names[0], to=BOOL)
    return call.result(call.graph.op("Where", truth, *names[1:]))


@operation("Cast")
def cast(call: Call) -> Value:
    """Numbers of another type: floats without a fraction, or zeros and ones."""
    graph, name = call.graph, call.value.name
    dtype = keras.backend.standardize_dtype(call.layer.dtype)
    if "float" in dtype:
        return call.like(call.value, name)
    kind = BOOL if dtype == "bool" else onnx.TensorProto.INT64
    return call.like(
        call.value, graph.op("Cast", graph.op("Cast", name, to=kind), to=FLOAT)
    )


@operation("Clip")
def clip(call: Call) -> Value:
    """Between two numbers."""
    one = call.layer
    ends = [call.graph.constant(np.float32(end)) for end in (one.x_min, one.x_max)]
    return call.like(call.value, call.graph.op("Clip", call.value.name, *ends))


@operation("Log1p", "Expm1", "Rsqrt")
def beside_one(call: Call) -> Value:
    """log(1 + x), exp(x) - 1, and 1 / sqrt(x)."""
    graph, name, kind = call.graph, call.value.name, type(call.layer).__name__
    one = graph.constant(np.float32(1), "one")
    if kind == "Log1p":
        name = graph.op("Log", graph.op("Add", name, one))
    elif kind == "Expm1":
        name = graph.op("Sub", graph.op("Exp", name), one)
    else:
        name = graph.op("Reciprocal", graph.op("Sqrt", name))
    return call.like(call.value, name)


@operation("Var", "Std")
def spread(call: Call) -> Value:
    """The mean square of what is left of a mean, or its root."""
    graph, value = call.graph, call.graph.as_keras(call.value)
    axes = graph.integers(*reduced_axes(call))
    mean = graph.op("ReduceMean", value.name, axes, keepdims=1)
    left = graph.op("Sub", value.name, mean)
    keep = int(call.layer.keepdims)
    name = graph.op("ReduceMean", graph.op("Mul", left, left), axes, keepdims=keep)
    root = type(call.layer).__name__ == "Std"
    return call.result(graph.op("Sqrt", name) if root else name)


@operation("NanToNum")
def nan_to_num(call: Call) -> Value:
    """NaN becomes a number, and what is infinite the largest."""
    one, graph, name = call.layer, call.graph, call.value.name
    largest = float(np.finfo(np.float32).max)
    low = -largest if one.neginf is None else one.neginf
    high = largest if one.posinf is None else one.posinf
    nan = graph.constant(np.float32(one.nan), "nan")
    numbers = graph.op("Where", graph.op("IsNaN", name), nan, name)
    ends = [graph.constant(np.float32(end)) for end in (low, high)]
    return call.like(call.value, graph.op("Clip", numbers, *ends))


@operation("Einsum")
def einsum(call: Call) -> Value:
    """A sum of products by an equation."""
    names = names_of(call, call.values)
    equation = call.layer.subscripts
    return call.result(call.graph.op("Einsum", *names, equation=equation))
