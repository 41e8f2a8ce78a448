"""Reading and writing large variables without holding them once more.

To give a variable of TensorFlow an array takes two copies of it, and to read one takes
another; for most of a model in one layer that is several times the model. What is small, or
of another backend, goes the way that Keras has.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras.src.backend.common.stateless_scope import in_stateless_scope

Array = npt.NDArray[Any]

LARGE = 2**24  # bytes from which on it is worth its time
_PIECE = 2**22  # bytes that are written at a time
_VIEWED = ("float16", "float32", "float64")


def in_place(tensor: Any) -> Array:
    """A variable or tensor as an array, of its own memory where that can be had.

    Args:
        tensor: Of Keras.

    Returns:
        What is not to be written to, and holds until the variable has another value.
    """
    if keras.backend.backend() != "tensorflow" or str(tensor.dtype) not in _VIEWED:
        array: Array = keras.ops.convert_to_numpy(tensor)
        return array
    import tensorflow as tf

    held = tf.convert_to_tensor(getattr(tensor, "value", tensor))
    return np.asarray(memoryview(held))


def duplicate(variable: Any, dtype: Any) -> Any:
    """A tensor of the same values that shares no memory with a variable."""
    from nncompress_lab.models.kernels import to_numpy

    if _is_plain(variable) and dtype in (None, str(variable.dtype)):
        import tensorflow as tf

        return tf.raw_ops.DeepCopy(x=variable.value.read_value())
    return keras.ops.convert_to_tensor(to_numpy(variable), dtype)


def assign(variable: Any, array: Array) -> None:
    """Give a variable the values of an array, some at a time if they are many."""
    if not _assigned(variable, array):
        variable.assign(array)


@contextmanager
def assigned_in_pieces() -> Iterator[None]:
    """While the block runs, Keras gives large variables their values as `assign` does."""
    as_keras_does = keras.Variable.assign

    def assign_(self: Any, value: Any) -> Any:
        if isinstance(value, np.ndarray) and _assigned(self, value):
            return self.value
        return as_keras_does(self, value)

    keras.Variable.assign = assign_
    try:
        yield
    finally:
        keras.Variable.assign = as_keras_does


def _assigned(variable: Any, array: Array) -> bool:
    """Whether a large array could be written piece by piece, and has been."""
    same = (tuple(variable.shape), str(variable.dtype)) == (
        array.shape,
        str(array.dtype),
    )
    if not same or array.nbytes < LARGE or not _is_plain(variable):
        return False
    import tensorflow as tf

    held, rows = variable.value, max(1, _PIECE * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        some = array[start : start + rows]
        tf.raw_ops.ResourceStridedSliceAssign(
            ref=held.handle,
            begin=[start],
            end=[start + len(some)],
            strides=[1],
            value=some,
        )
    held.assign(held.read_value())  # no copy: to tell who follows it
    return True


def _is_plain(variable: Any) -> bool:
    """Whether a variable is one of TensorFlow here and now, in no graph and no scope."""
    if keras.backend.backend() != "tensorflow" or in_stateless_scope():
        return False
    import tensorflow as tf

    alone = tf.executing_eagerly() and not tf.distribute.has_strategy()
    return alone and isinstance(getattr(variable, "value", None), tf.Variable)
