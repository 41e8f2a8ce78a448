"""What scale a model's outputs are on: logits, or probabilities of either kind."""

from typing import Any, Literal

import keras

from nncompress_lab.models.graph import ModelGraph, is_graph
from nncompress_lab.models.interface import interface
from nncompress_lab.models.unchanged import keeps_values

Scale = Literal["logits", "softmax", "sigmoid"]

# Classes whose values are probabilities where all that they are given are.
MIXING = {"Average", "Concatenate"}
SCALES: dict[str, Scale] = {
    "softmax": "softmax",
    "softmax_v2": "softmax",  # what TensorFlow calls it
    "sigmoid": "sigmoid",
}


def output_scale(model: keras.Model, index: int = 0) -> Scale:
    """The scale of one of a model's outputs, by default the first.

    It is that of the last layer or operation that changes values, inner models entered:
    what follows and reshapes or casts its outputs does not count.

    Example:
        >>> from keras import layers
        >>> output_scale(keras.Sequential([
        ...     keras.Input((8,)), layers.Dense(3, activation="softmax"), layers.Flatten()
        ... ]))
        'softmax'
    """
    graph = ModelGraph(interface(model))
    return _scale(_source(graph, graph.outputs[index], through_mixes=True))


def output_layer(model: keras.Model, index: int = 0) -> Any:
    """The layer or operation that computes the values of one of a model's outputs."""
    graph = ModelGraph(model)
    return _source(graph, graph.outputs[index])


def _scale(source: Any) -> Scale:
    for one in (source, getattr(source, "activation", None)):
        if _name(one) in SCALES:
            return SCALES[_name(one)]
    return "logits"


def _source(graph: ModelGraph, tensor: Any, *, through_mixes: bool = False) -> Any:
    """What computes the values of a tensor; None where they are an input's.

    Through mixes of what is on one scale, it is the first that is mixed.
    """
    for node in graph.nodes:
        places = [index for index, one in enumerate(node.outputs) if one is tensor]
        if not places:
            continue
        operation = node.operation
        if is_graph(operation):
            inner = ModelGraph(operation)
            found = _source(
                inner, inner.outputs[places[0]], through_mixes=through_mixes
            )
            return found or _source(graph, node.inputs[0], through_mixes=through_mixes)
        if _passes_on(operation):
            return _source(graph, node.inputs[0], through_mixes=through_mixes)
        if through_mixes and type(operation).__name__ in MIXING:
            mixed = [_source(graph, one, through_mixes=True) for one in node.inputs]
            return mixed[0] if len({_scale(one) for one in mixed}) == 1 else operation
        timed = isinstance(operation, keras.layers.TimeDistributed)
        return operation.layer if timed else operation
    return None


def _passes_on(operation: Any) -> bool:
    known = keeps_values(operation, of_one_input=True)
    linear = isinstance(operation, keras.layers.Activation)
    return known or (linear and _name(operation.activation) == "linear")


def _name(called: Any) -> str:
    """Of a function, or of the class of a layer or operation."""
    return str(getattr(called, "__name__", type(called).__name__)).lower()
