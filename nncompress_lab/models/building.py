"""Models made from what describes them, in a time that grows with their layers only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

_AS_KERAS_DOES = keras.Sequential.from_config


@contextmanager
def built_once() -> Iterator[None]:
    """While the block runs, a Sequential is built when all its layers are there.

    Keras builds it again with each layer that it reads, so that 500 layers take a minute.

    Example:
        >>> described = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> with built_once():
        ...     made = keras.Sequential.from_config(described.get_config())
        >>> made.output_shape
        (None, 2)
    """
    keras.Sequential.from_config = classmethod(_built_at_the_end)
    try:
        yield
    finally:
        keras.Sequential.from_config = _AS_KERAS_DOES


def _built_at_the_end(
    kind: type[keras.Sequential], config: Any, custom_objects: Any = None
) -> keras.Sequential:
    layers = config.get("layers")
    whole = {"name", "layers"} <= set(config) and all("module" in one for one in layers)
    if kind is not keras.Sequential or not whole:  # one's own, or of an old file
        return _AS_KERAS_DOES.__func__(kind, config, custom_objects)
    made = [
        keras.saving.deserialize_keras_object(one, custom_objects=custom_objects)
        for one in layers
    ]
    model = keras.Sequential(made, name=config["name"])
    shape = config.get("build_input_shape")
    if not model.built and isinstance(shape, list | tuple) and shape:
        model.build(shape)
    return model
