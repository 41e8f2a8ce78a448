"""Variables read and copied without an array that holds them once more.

TensorFlow copies what NumPy asks it for, and copies what it is given; for most of a model
in one layer that is several times the model.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.models.kernels import to_numpy

Array = npt.NDArray[Any]

_VIEWED = ("float16", "float32", "float64")


def in_place(tensor: Any) -> Array:
    """A variable or tensor as an array, of its own memory where that can be had.

    Args:
        tensor: Of Keras.

    Returns:
        What is not to be written to, and holds until the variable has another value.
    """
    import keras

    viewed = keras.backend.backend() == "tensorflow" and str(tensor.dtype) in _VIEWED
    if not viewed or not tensor.shape or 0 in tensor.shape:
        array: Array = keras.ops.convert_to_numpy(tensor)
        return array
    import tensorflow as tf

    held = tf.convert_to_tensor(getattr(tensor, "value", tensor))
    return np.asarray(memoryview(held))


def duplicate(variable: Any, dtype: Any) -> Any:
    """A tensor of the same values that shares no memory with a variable."""
    import keras

    if _is_plain(variable) and dtype in (None, str(variable.dtype)):
        import tensorflow as tf

        return tf.raw_ops.DeepCopy(x=variable.value.read_value())
    return keras.ops.convert_to_tensor(to_numpy(variable), dtype)


def _is_plain(variable: Any) -> bool:
    """Whether a variable is one of TensorFlow here and now, in no graph and no scope."""
    import keras
    from keras.src.backend.common.stateless_scope import in_stateless_scope

    if keras.backend.backend() != "tensorflow" or in_stateless_scope():
        return False
    import tensorflow as tf

    alone = tf.executing_eagerly() and not tf.distribute.has_strategy()
    return alone and isinstance(getattr(variable, "value", None), tf.Variable)
