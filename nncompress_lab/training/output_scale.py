"""What scale a model's outputs are on: logits, or probabilities of either kind.

The graph tells of what Keras and its backends know. Where it does not, as behind a function
of one's own, the outputs for random inputs do: they are probabilities if they always are.
"""

from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from nncompress_lab.models.graph import ModelGraph, Node, is_graph
from nncompress_lab.models.inputs import structured
from nncompress_lab.models.interface import interface
from nncompress_lab.models.kernels import kernel_names
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.models.unchanged import keeps_values

Scale = Literal["logits", "softmax", "sigmoid"]

# Classes whose values are probabilities where all of the several that they are given are.
MIXING = {"Average", "Concatenate", "Maximum", "Minimum", "Multiply"}
SCALES: dict[str, Scale] = {
    "softmax": "softmax",
    "softmax_v2": "softmax",  # what TensorFlow calls it
    "sigmoid": "sigmoid",
}
LIBRARIES = {"keras", "tensorflow", "jax", "torch"}  # whose functions are what they say
LOOKED_AT = 16  # outputs for random inputs
SPREAD = 20  # of those inputs that are to drive outputs to their ends
ROUNDED = 1e-2  # how far a sum of probabilities may be from 1 in half precision
ENDS = (0.1, 0.9)  # what sigmoids of such inputs pass on both sides


def output_scale(model: keras.Model, index: int = 0) -> Scale:
    """The scale of one of a model's outputs, by default the first.

    It is that of the last layer or operation that changes values, inner models entered:
    what follows and reshapes or casts its outputs does not count. Of one that may return
    either, as a function of one's own, the outputs for random inputs tell.

    Example:
        >>> from keras import layers
        >>> output_scale(keras.Sequential([
        ...     keras.Input((8,)), layers.Dense(3, activation="softmax"), layers.Flatten()
        ... ]))
        'softmax'
    """
    graph = ModelGraph(interface(model))
    told = _told(_source(graph, graph.outputs[index], through_mixes=True))
    return told or _observed(model, index)


def output_layer(model: keras.Model, index: int = 0) -> Any:
    """The layer or operation that computes the values of one of a model's outputs."""
    graph = ModelGraph(model)
    return _source(graph, graph.outputs[index])


def named_scale(source: Any) -> Scale | None:
    """The scale that a layer, an operation or a function has by its name, if any."""
    for one in (source, getattr(source, "activation", None)):
        if _name(one) in SCALES and _library(one) in LIBRARIES:
            return SCALES[_name(one)]
    return None


def _told(source: Any) -> Scale | None:
    """What is known of a source without looking at outputs."""
    activation = getattr(source, "activation", None)
    linear = activation is None or _name(activation) == "linear"
    if source is None or (kernel_names(source) and linear):
        return "logits"
    return named_scale(source)


def _observed(model: keras.Model, index: int) -> Scale:
    """What the outputs for random inputs are."""
    try:
        arrays = random_inputs(model, batch_size=LOOKED_AT)
    except ValueError:  # a size is not fixed
        return "logits"
    for array in arrays:
        if array.dtype.kind == "f":
            array[1::2] = SPREAD * (array[1::2] - 0.5)
    outputs = keras.tree.flatten(model(structured(model, arrays), training=False))
    return _scale_of(np.asarray(ops.convert_to_numpy(outputs[index]), np.float64))


def _scale_of(values: npt.NDArray[np.float64]) -> Scale:
    """What values on the last axis must be: several that sum to 1, or one from 0 to 1."""
    values = values[
        np.isfinite(values).all(axis=-1)
    ]  # a plain exp overflows at the ends
    if not values.size or not ((values >= 0) & (values <= 1 + ROUNDED)).all():
        return "logits"
    if values.shape[-1] > 1:
        sums_to_one = (abs(values.sum(axis=-1) - 1) <= ROUNDED).all()
        return "softmax" if sums_to_one else "logits"
    low, high = ENDS
    return "sigmoid" if values.min() <= low and values.max() >= high else "logits"


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
        if through_mixes and _mixes(node):
            mixed = [_source(graph, one, through_mixes=True) for one in node.inputs]
            alike = len({_told(one) for one in mixed}) == 1
            return mixed[0] if alike and _told(mixed[0]) else operation
        timed = isinstance(operation, keras.layers.TimeDistributed)
        return operation.layer if timed else operation
    return None


def _mixes(node: Node) -> bool:
    return type(node.operation).__name__ in MIXING and len(node.inputs) > 1


def _passes_on(operation: Any) -> bool:
    known = keeps_values(operation, of_one_input=True)
    linear = isinstance(operation, keras.layers.Activation)
    return known or (linear and _name(operation.activation) == "linear")


def _name(called: Any) -> str:
    """Of a function, or of the class of a layer or operation."""
    return str(getattr(called, "__name__", type(called).__name__)).lower()


def _library(called: Any) -> str:
    """The package that a function, or the class of a layer or operation, comes from."""
    module = getattr(called, "__module__", None) or type(called).__module__
    return str(module).partition(".")[0]
