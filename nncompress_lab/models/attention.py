"""MultiHeadAttention in which any layer may stand in for a projection.

Keras's MultiHeadAttention makes its own projections and takes no others. This class has one
thing more, the configurations of layers to use instead: quantized ones, or two thin ones
behind each other. `rewrite_layers` makes it where a rewrite replaces a projection.

The class is registered with Keras when `nncompress_lab` is imported. This module and what
it imports need no others of the library that need Keras, because they are loaded the
moment that Keras is.
"""

from typing import Any

import keras
from keras import layers

from nncompress_lab.models.cloning import made, settings
from nncompress_lab.models.kernels import computes_with_floats

# Where MultiHeadAttention keeps its projections, by the names of their layers, in the
# order in which it makes them.
PROJECTIONS = {
    "query": "_query_dense",
    "key": "_key_dense",
    "gate": "_gate_dense",
    "value": "_value_dense",
    "attention_output": "_output_dense",
}


@keras.saving.register_keras_serializable(package="nncompress_lab")
class ComposedMultiHeadAttention(layers.MultiHeadAttention):
    """MultiHeadAttention with other layers in place of some projections.

    Args:
        *args: Of MultiHeadAttention.
        projections: Serialized layers that are used instead, by the name of the
            projection: query, key, value, attention_output or gate.
        **kwargs: Of MultiHeadAttention.
    """

    def __init__(
        self, *args: Any, projections: dict[str, dict[str, Any]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.projections = projections

    # Keras reads the names of these arguments, so they are written out.
    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        """Build the usual projections, then put the given ones in their place."""
        super().build(query_shape, value_shape, key_shape)
        for name, config in self.projections.items():
            layer = keras.saving.deserialize_keras_object(config)
            install_projection(self, name, layer)

    def get_config(self) -> dict[str, Any]:
        """The configuration of MultiHeadAttention and of the given projections."""
        return {**super().get_config(), "projections": dict(self.projections)}


ATTENTION = (layers.MultiHeadAttention, ComposedMultiHeadAttention)


def install_projection(attention: Any, name: str, layer: Any) -> None:
    """Make a built attention layer use another built layer as a projection."""
    attribute, tracker = PROJECTIONS[name], attention._tracker
    was_locked = tracker.locked  # Keras locks a layer at the end of its build
    tracker.unlock()
    tracker.untrack(getattr(attention, attribute))
    setattr(attention, attribute, layer)
    if was_locked:
        tracker.lock()


def has_own_projections(layer: Any) -> bool:
    """Whether other layers than those of Keras may stand in for the projections."""
    return isinstance(layer, ComposedMultiHeadAttention)


def projections_of(attention: Any) -> dict[str, Any]:
    """The projections of a built attention layer by their names."""
    return {
        name: getattr(attention, attribute)
        for name, attribute in PROJECTIONS.items()
        if hasattr(attention, attribute)
    }


def is_usual(projection: Any) -> bool:
    """Whether it is what MultiHeadAttention makes itself: floats, without LoRA."""
    return type(projection) is layers.EinsumDense and computes_with_floats(projection)


def with_projections(layer: Any, projections: dict[str, Any]) -> Any:
    """An attention layer like `layer` that uses the given projections and own ones.

    It is an ordinary MultiHeadAttention if Keras could have made the projections itself.

    Args:
        layer: A built layer of one of the classes in `ATTENTION`.
        projections: Built layers by the names of the projections that they stand for.
    """
    config = settings(layer)
    config.pop("projections", None)
    foreign = {
        name: keras.saving.serialize_keras_object(one)
        for name, one in projections.items()
        if not is_usual(one)
    }
    kind = ComposedMultiHeadAttention if foreign else layers.MultiHeadAttention
    if foreign:
        config["projections"] = foreign
    attention = made(layer, kind, config)
    attention.build_from_config(layer.get_build_config())
    for name, one in projections.items():
        install_projection(attention, name, one)
    return attention


def not_projections(attention: Any) -> list[Any]:
    """Softmax and dropout, whose names are counted and whose order is fixed."""
    projections = {id(one) for one in projections_of(attention).values()}
    inner = attention._flatten_layers(include_self=False, recursive=False)
    return [one for one in inner if id(one) not in projections]
