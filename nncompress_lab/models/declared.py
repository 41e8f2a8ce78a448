"""How large a model is that a configuration describes, before it takes any memory."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

from nncompress_lab.limits import most_objects
from nncompress_lab.models.building import built_once

_WAITING = "uninitialized_variables"
_COMPILED = "compile_config"
_ARRAYS = ("__numpy__", "__tensor__")
_LISTED = ("num_oov_indices",)  # of a layer, which keeps a list of them
# A layer with few-bit kernels may declare those of 32 bits first, and drop them.
MOST_PASSING = 16
MOST_LISTED = 10_000  # also thresholds or classes, of which metrics keep a square table


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
    """Raise a `ValueError` for arrays, metrics and crowds that no model needs.

    Keras makes them while it reads a configuration, before there is a variable.

    Args:
        config: As Keras serializes a model.
        most: Bytes that the model may take, and so may an array in it.
    """
    left = most_objects(most)
    for one, compiled in _objects(config, compiled=False):
        left -= "class_name" in one
        if left < 0:
            raise ValueError(
                f"it describes more than {most_objects(most)} layers and other objects, "
                "which are as many as are allowed"
            )
        if one.get("class_name") in _ARRAYS:
            _check_array(one.get("config"), most)
        for key, value in one.items():
            counted = key in _LISTED or (compiled and key.startswith("num_"))
            many = isinstance(value, int | float) and value > MOST_LISTED
            if counted and many:
                raise ValueError(f"something in it has {key}={value}, which none needs")


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


class _Waiting(list[Any]):
    """Variables that Keras would give a value later, weighed as they are declared."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.bytes = most * MOST_PASSING, 0

    def append(self, variable: Any) -> None:
        super().append(variable)
        self.bytes += _bytes(variable)
        if self.bytes > self.most:
            raise MemoryError(f"it takes more than {self.most} bytes")


def variable_bytes(config: dict[str, Any], most: int) -> int:
    """Bytes of all variables of a model, which is built without any of them.

    Args:
        config: As Keras serializes a model. It is not changed.
        most: Far above it, at `MOST_PASSING` times so many, the building stops: some
            layers compute with their variables as soon as these are declared.

    Returns:
        Their number; where the building stopped, that of those declared so far.

    Raises:
        Exception: Whatever Keras raises for a configuration that it does not accept,
            for example because a Lambda layer would run code.
    """
    # In a stateless scope variables have a shape and no value. Keras keeps a list of
    # them, to initialize them later, and has no public way to drop it.
    waiting = global_state.get_global_attribute(_WAITING)
    declared = _Waiting(most)
    global_state.set_global_attribute(_WAITING, declared)
    try:
        model = _without_values(config)
    except Exception:  # perhaps of Keras, which had the other one as its cause
        if declared.bytes > declared.most:
            return declared.bytes
        raise
    finally:
        global_state.set_global_attribute(_WAITING, waiting or [])
    return sum(_bytes(variable) for variable in model.variables)


def _without_values(config: dict[str, Any]) -> keras.Model:
    config = without_compiling(config)
    for one, _ in _objects(config, compiled=False):
        inside = one.get("config")
        if one.get("class_name") == "Normalization" and isinstance(inside, dict):
            # Else they are no variables, and are repeated along all axes at once.
            inside.update(mean=None, variance=None)
    with keras.StatelessScope(initialize_variables=False), built_once():
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if not isinstance(model, keras.Model):
        raise TypeError(f"it describes no model but a {type(model).__name__}")
    return model


def _bytes(variable: Any) -> int:
    dtype = np.dtype(str(variable.dtype))  # Keras registers its own types with NumPy
    return dtype.itemsize * math.prod(int(axis) for axis in variable.shape)
