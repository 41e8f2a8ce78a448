"""What a layer of one's own computes, as a graph of Keras's layers and operations."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.models.cloning import cloned
from nncompress_lab.models.copying import copy_weights
from nncompress_lab.models.graph import ModelGraph
from nncompress_lab.models.kernels import to_numpy


def opened(layer: Any, inputs: list[Any], args: Any, kwargs: Any) -> keras.Model:
    """The functional model that the call of a layer is.

    The call is run once on tensors without values, of a copy: Keras notes each layer and
    operation that it goes through. A branch that it takes by a value, or by the shape of
    a batch, is not seen.

    Args:
        layer: A built layer, or a subclassed model. It is not changed.
        inputs: New symbolic inputs, which are in `args` and `kwargs`.
        args: What the layer is called with.
        kwargs: The same by name.

    Returns:
        A model of these inputs that computes what the layer does in inference.

    Raises:
        ValueError: If the call draws numbers or changes weights, or makes no graph.
        Exception: Whatever the call raises for tensors without values.
    """
    copy = cloned(layer)
    copy(*args, **kwargs)  # builds it, whatever is inside
    copy_weights(layer, copy)
    before = [to_numpy(one) for one in copy.variables]
    outputs = copy.call(*args, **kwargs)
    if not all(map(np.array_equal, before, map(to_numpy, copy.variables))):
        raise ValueError(
            "it draws random numbers, or changes its weights, in inference"
        )
    if not all(
        isinstance(one, keras.KerasTensor) for one in keras.tree.flatten(outputs)
    ):
        raise ValueError("it returns something that depends on no input")
    model = keras.Model(inputs, outputs, name=layer.name)
    for place, node in enumerate(ModelGraph(model).nodes):  # else Keras counts on
        node.operation.name = f"{type(node.operation).__name__.lower()}_{place}"
    return model
