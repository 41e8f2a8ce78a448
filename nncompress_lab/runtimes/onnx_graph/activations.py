"""Activation functions, as layers, as arguments of layers and as operations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from nncompress_lab.runtimes.onnx_graph.converters import Call, layer, operation
from nncompress_lab.runtimes.onnx_graph.graph import Graph, Value

Function = Callable[[Graph, str], str]


def activated(call: Call, value: Value, activation: Any) -> Value:
    """The value after an activation function of Keras.

    Raises:
        UnsupportedModelError: If the function is not one of Keras's.
    """
    name = getattr(activation, "__name__", type(activation).__name__)
    ours = getattr(keras.activations, name, None)
    if name == "linear":
        return value
    if name in {"softmax", "log_softmax"}:
        return _softmax(call, value, axis=-1, log=name == "log_softmax")
    if name not in FUNCTIONS or ours is not activation:
        raise call.refuse(
            f"the activation function {name!r} is not covered. Covered are: linear, "
            f"softmax, log_softmax, {', '.join(FUNCTIONS)}."
        )
    return Value(
        FUNCTIONS[name](call.graph, value.name), value.shape, value.channels_first
    )


def _op(kind: str, graph: Graph, x: str, **attributes: Any) -> str:
    return graph.op(kind, x, **attributes)


def _clip(graph: Graph, x: str, low: float | None, high: float | None) -> str:
    ends = [
        "" if end is None else graph.constant(np.float32(end)) for end in (low, high)
    ]
    return graph.op("Clip", x, *ends)


def _silu(graph: Graph, x: str) -> str:
    return graph.op("Mul", x, graph.op("Sigmoid", x))


FUNCTIONS: dict[str, Function] = {
    "relu": partial(_op, "Relu"),
    "relu6": lambda graph, x: _clip(graph, x, 0, 6),
    "elu": partial(_op, "Elu"),
    "selu": partial(_op, "Selu"),
    "gelu": partial(_op, "Gelu"),
    "silu": _silu,
    "sigmoid": partial(_op, "Sigmoid"),
    "hard_sigmoid": lambda graph, x: _op(
        "HardSigmoid", graph, x, alpha=1 / 6, beta=0.5
    ),
    "hard_silu": partial(_op, "HardSwish"),
    "leaky_relu": lambda graph, x: _op("LeakyRelu", graph, x, alpha=0.2),
    "tanh": partial(_op, "Tanh"),
    "exponential": partial(_op, "Exp"),
    "softplus": partial(_op, "Softplus"),
    "softsign": partial(_op, "Softsign"),
    "mish": partial(_op, "Mish"),
}
# Operations of `keras.ops` that are one of these functions with the usual arguments.
_AS_OPERATIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Tanh": "tanh",
    "Exp": "exponential",
    "Softplus": "softplus",
}


@layer("Activation")
def activation_layer(call: Call) -> Value:
    """Any activation function."""
    return activated(call, call.value, call.layer.activation)


@operation(*_AS_OPERATIONS)
def activation_operation(call: Call) -> Value:
    """A function of `keras.ops`."""
    function = FUNCTIONS[_AS_OPERATIONS[type(call.layer).__name__]]
    return call.like(call.value, function(call.graph, call.value.name))


@operation("Gelu")
def gelu_operation(call: Call) -> Value:
    """Exact, or by tanh."""
    how = "tanh" if call.layer.approximate else "none"
    return call.like(
        call.value, call.graph.op("Gelu", call.value.name, approximate=how)
    )


@layer("ReLU")
def relu(call: Call) -> Value:
    """Cut off below, maybe above; a threshold or a slope only as LeakyReLU has it."""
    one, value = call.layer, call.value
    if one.threshold or one.negative_slope:
        raise call.refuse("a ReLU with a threshold or a slope. Use LeakyReLU.")
    if one.max_value is None:
        return call.like(value, call.graph.op("Relu", value.name))
    return call.like(value, _clip(call.graph, value.name, 0, one.max_value))


@layer("LeakyReLU")
def leaky_relu(call: Call) -> Value:
    """A slope below 0."""
    slope = float(call.layer.negative_slope)
    name = call.graph.op("LeakyRelu", call.value.name, alpha=slope)
    return call.like(call.value, name)


@layer("ELU")
def elu(call: Call) -> Value:
    """An exponential below 0."""
    name = call.graph.op("Elu", call.value.name, alpha=float(call.layer.alpha))
    return call.like(call.value, name)


@layer("PReLU")
def prelu(call: Call) -> Value:
    """A learned slope below 0."""
    value = call.graph.as_keras(call.value)
    slope = call.graph.constant(call.weight("alpha"), "slope")
    return call.result(call.graph.op("PRelu", value.name, slope))


@layer("Softmax")
def softmax(call: Call) -> Value:
    """Over one axis, without a mask."""
    axis = call.layer.axis
    if not isinstance(axis, int):
        if len(axis) != 1:
            raise call.refuse(f"a softmax over several axes. Received: axis={axis}.")
        axis = axis[0]
    if len(call.values) > 1:
        raise call.refuse("a softmax with a mask.")
    return _softmax(call, call.value, axis=axis)


@operation("Softmax")
def softmax_operation(call: Call) -> Value:
    """Over one axis."""
    if not isinstance(call.layer.axis, int):
        raise call.refuse("a softmax over several axes.")
    return _softmax(call, call.value, axis=call.layer.axis)


def _softmax(call: Call, value: Value, *, axis: int, log: bool = False) -> Value:
    value = call.graph.as_keras(value)
    kind = "LogSoftmax" if log else "Softmax"
    return Value(call.graph.op(kind, value.name, axis=axis), value.shape)


@layer(
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "StochasticDepth",
)
def only_in_training(call: Call) -> Value:
    """What does nothing in inference is not written."""
    return call.value
