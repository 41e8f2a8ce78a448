"""How large a model is that a configuration describes, before it takes any memory."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

_WAITING = "uninitialized_variables"
_COMPILED = "compile_config"
_ARRAYS = ("__numpy__", "__tensor__")
MOST_OF_A_METRIC = 10_000  # thresholds or classes, of which some keep a square table


def without_compiling(config: Any) -> Any:
    """A copy of a configuration in which no model is compiled, also no inner one."""
    if isinstance(config, dict):
        return {
            key: without_compiling(value)
            for key, value in config.items()
            if not (key == _COMPILED and "class_name" in config)
        }
    if isinstance(config, list):
        return [without_compiling(one) for one in config]
    return config


def check_config(config: Any, most: int) -> None:
    """Raise a `ValueError` for arrays and metrics that no model needs.

    Keras makes them while it reads a configuration, before there is a variable.

    Args:
        config: As Keras serializes a model.
        most: Bytes that an array in it may take.
    """
    for one, compiled in _objects(config, compiled=False):
        if one.get("class_name") in _ARRAYS:
            _check_array(one.get("config"), most)
        if not compiled:
            continue
        for key, value in one.items():
            many = isinstance(value, int | float) and value > MOST_OF_A_METRIC
            if many and key.startswith("num_"):
                raise ValueError(f"a metric in it has {key}={value}, which none needs")


def _objects(config: Any, *, compiled: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """All objects in a configuration, and whether they are of what compiles a model."""
    if isinstance(config, dict):
        yield config, compiled
        for key, value in config.items():
            yield from _objects(value, compiled=compiled or key == _COMPILED)
    elif isinstance(config, list):
        for one in config:
            yield from _objects(one, compiled=compiled)


def _check_array(described: Any, most: int) -> None:
    if not isinstance(described, dict):
        raise TypeError("an array in it is not described as it should be")
    dtype = np.dtype(described.get("dtype"))
    count = len(keras.tree.flatten(described.get("value")))
    if dtype.itemsize * count > most:
        raise ValueError(
            f"an array in it would take {dtype.itemsize * count} bytes and {most} are "
            "allowed"
        )


def variable_bytes(config: dict[str, Any]) -> int:
    """Bytes of all variables of a model, which is built without any of them.

    Args:
        config: As Keras serializes a model. It is not changed.

    Returns:
        Their number; it can be larger than any memory.

    Raises:
        Exception: Whatever Keras raises for a configuration that it does not accept,
            for example because a Lambda layer would run code.
    """
    # In a stateless scope variables have a shape and no value. Keras keeps a list of
    # them, to initialize them later, and has no public way to drop it.
    waiting = global_state.get_global_attribute(_WAITING)
    global_state.set_global_attribute(_WAITING, [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            # Keras takes out of the configuration what it has read.
            model = keras.saving.deserialize_keras_object(
                without_compiling(config), safe_mode=True
            )
        if not isinstance(model, keras.Model):
            raise TypeError(f"it describes no model but a {type(model).__name__}")
        return sum(_bytes(variable) for variable in model.variables)
    finally:
        global_state.set_global_attribute(_WAITING, waiting or [])


def _bytes(variable: Any) -> int:
    dtype = np.dtype(str(variable.dtype))  # Keras registers its own types with NumPy
    return dtype.itemsize * math.prod(int(axis) for axis in variable.shape)
