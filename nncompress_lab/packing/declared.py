"""How large a model is that a configuration describes, before it takes any memory."""

import copy
import math
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

_WAITING = "uninitialized_variables"


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
                copy.deepcopy(config), safe_mode=True
            )
        if not isinstance(model, keras.Model):
            raise TypeError(f"it describes no model but a {type(model).__name__}")
        return sum(_bytes(variable) for variable in model.variables)
    finally:
        global_state.set_global_attribute(_WAITING, waiting or [])


def _bytes(variable: Any) -> int:
    dtype = np.dtype(str(variable.dtype))  # Keras registers its own types with NumPy
    return dtype.itemsize * math.prod(int(axis) for axis in variable.shape)
