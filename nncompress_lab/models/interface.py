"""What a model takes and returns, also where Keras knows no graph of its layers."""

from typing import Any
from weakref import WeakKeyDictionary

import keras

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.graph import has_graph
from nncompress_lab.models.own_class import (
    DTYPES,
    copy_in_its_class,
    mapped_shapes,
    seen_shapes,
)

_known: "WeakKeyDictionary[Any, keras.Model]" = WeakKeyDictionary()


def interface(model: Any) -> Any:
    """The functional model with the inputs and outputs of a model.

    Args:
        model: Built.

    Returns:
        The model itself, or what a sequential one is inside. For a subclassed model one
        that calls an equal model: of equal shapes, with weights of its own.

    Raises:
        UnsupportedModelError: If nobody knows what it takes, or it cannot be copied.
    """
    if has_graph(model):
        return getattr(model, "_functional", None) or model
    if model not in _known:
        _known[model] = called(copy_in_its_class(model))
    return _known[model]


def called(model: keras.Model) -> keras.Model:
    """A functional model that calls a subclassed one, whose weights are its own.

    Args:
        model: Built; Keras notes the call in it.

    Raises:
        UnsupportedModelError: If nobody knows what it takes.
    """
    shapes = seen_shapes(model)
    for dtype in DTYPES:
        inputs = _inputs(shapes, dtype)
        try:
            outputs = model(inputs)
        except Exception:  # of whoever wrote it, perhaps because of the type
            continue
        return keras.Model(inputs, outputs, name=model.name)
    raise UnsupportedModelError(
        f"The model {model.name!r} ({type(model).__qualname__}) cannot be called on "
        f"inputs of shape {shapes} that have no values yet, of {' or '.join(DTYPES)}. Let "
        "its call() use layers and keras.ops alone."
    )


def _inputs(shapes: Any, dtype: str, name: str | None = None) -> Any:
    if isinstance(shapes, dict):
        return {key: _inputs(one, dtype, key) for key, one in shapes.items()}
    return mapped_shapes(
        lambda shape: keras.Input(shape[1:], dtype=dtype, name=name), shapes, batch=None
    )
