"""What a model takes: its inputs in order, as arrays of its types and shapes."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.data.data import CALIBRATION_EXAMPLES, Data
from nncompress_lab.data.datasets import Dataset
from nncompress_lab.data.streams import is_stream
from nncompress_lab.models.graph import has_graph, maker
from nncompress_lab.models.interface import interface
from nncompress_lab.models.rewrite import copy_model

Array = npt.NDArray[Any]
STRING = "string"


def input_arrays(model: keras.Model, x: Any) -> list[Array]:
    """Inputs in whatever form `predict` takes them, as the model's own.

    Args:
        model: A built functional or sequential model.
        x: An array; for several inputs a list of them, or a `dict` by the names of the
            inputs; or `Data`, or a pair `(x, y)` for a single input, whose labels are
            left aside. Of a pipeline the first 512 examples are read.

    Returns:
        An array for each of `model.inputs`, in their types and with all of their axes.

    Raises:
        TypeError: If `x` is a `Dataset` or a `Context`, which have several parts.
        ValueError: If there are other inputs, of another shape, or not equally many
            examples of each, at least one.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> input_arrays(model, [[1, 2]])[0].dtype
        dtype('float32')
    """
    tensors = keras.tree.flatten(interface(model).inputs)
    given = _listed(model, _inputs_of(x), len(tensors))
    arrays = [
        _fitted(model, tensor, one) for tensor, one in zip(tensors, given, strict=True)
    ]
    counts = [len(one) for one in arrays]
    if len(set(counts)) > 1 or not counts[0]:
        raise ValueError(
            f"Each input of {model.name!r} needs equally many examples, at least one. "
            f"Received: {counts}."
        )
    return arrays


def check_inputs(model: keras.Model, x: Any) -> None:
    """Raise a `ValueError` unless inputs have the shapes that a model takes.

    Args:
        model: A built model. What a subclassed one takes, it says itself when it is run.
        x: As `input_arrays` takes them.
    """
    if not has_graph(model):
        return
    tensors = keras.tree.flatten(model.inputs)
    given = _listed(model, _inputs_of(x), len(tensors))
    for tensor, one in zip(tensors, given, strict=True):
        _fitted_shape(model, tensor, np.shape(one))
        _check_numbers(model, tensor, one)


def structured(model: keras.Model, arrays: Sequence[Array]) -> Any:
    """A flat list of inputs in the form that a model was made with, say a `dict`."""
    return keras.tree.pack_sequence_as(interface(model).input, list(arrays))


def input_names(model: keras.Model) -> list[str]:
    """A name for each of `model.inputs`: its key in a `dict`, else its layer's name."""
    return _names(interface(model).input)


def output_names(model: keras.Model) -> list[str]:
    """A name for each of `model.outputs`: its key in a `dict`, else its layer's name."""
    return _names(interface(model).output)


def with_free_batch(model: keras.Model) -> keras.Model:
    """The model, or a copy of it if it was built by `fit` for one size of batch.

    A `Sequential` model without an `Input` keeps the size of the batch that it first saw,
    though it computes with any other, too.
    """
    entries = keras.tree.flatten(interface(model).inputs)
    by_fit = isinstance(model, keras.Sequential) and entries[0].shape[0] is not None
    return copy_model(model) if by_fit else model


def _inputs_of(x: Any) -> Any:
    """Inputs alone; of a pipeline as many as calibrate."""
    if is_stream(x):
        x = Data(x)
    if isinstance(x, Dataset) or hasattr(x, "calibration"):
        raise TypeError(
            "Inputs are arrays as `predict` takes them, or Data. Received: "
            f"{type(x).__name__}. Take a part of it, as in data.validation or "
            "context.calibration."
        )
    if isinstance(x, Data):
        return (x.take(CALIBRATION_EXAMPLES) if x.is_stream else x).x
    return x


def _names(structure: Any) -> list[str]:
    flat = len(keras.tree.flatten(structure))
    if isinstance(structure, dict) and flat == len(structure):
        return sorted(map(str, structure))  # as Keras flattens it
    return [maker(one).name for one in keras.tree.flatten(structure)]


def _listed(model: keras.Model, x: Any, count: int) -> list[Any]:
    if count > 1 and _has_form_of(interface(model).input, x):
        return list(keras.tree.flatten(x))
    if isinstance(x, dict):
        names = input_names(model)
        if missing := [name for name in names if name not in x]:
            raise ValueError(
                f"{model.name!r} takes inputs by the names {names}. Received: "
                f"{sorted(map(str, x))}; {missing} are missing."
            )
        return [x[name] for name in names]
    if isinstance(x, tuple) and count == 1 < len(x) < 4 and _is_whole(model, x[0]):
        listed = [x[0]]  # with labels, and perhaps weights
    elif not isinstance(x, list | tuple):
        listed = [x]
    elif count > 1 or (len(x) == 1 and _is_whole(model, x[0])):
        listed = list(keras.tree.flatten(x)) if count > 1 else [x[0]]
    else:
        listed = [_one_array(model, x)]
    if len(listed) != count:
        raise ValueError(
            f"{model.name!r} takes {count} inputs. Received: {len(listed)}. Pass a list "
            "with an array for each of them; in a context, where a list of two is inputs "
            "and labels, inputs alone are Data([...])."
        )
    return listed


def _one_array(model: keras.Model, x: Sequence[Any]) -> Array:
    """The array that a list of examples is."""
    try:
        return np.asarray(x)
    except ValueError as error:
        shapes = ", ".join(str(np.shape(one)) for one in x[:3])
        raise ValueError(
            f"{model.name!r} takes one input. Received: a list or tuple of {len(x)}, of "
            f"the shapes {shapes}. Pass one array; labels go into Data(x, y)."
        ) from error


def _has_form_of(inputs: Any, x: Any) -> bool:
    """Whether arrays are in the form of inputs, such as lists in a `dict`."""
    try:
        keras.tree.assert_same_structure(inputs, x)
    except (ValueError, TypeError):
        return False
    return True


def _is_whole(model: keras.Model, one: Any) -> bool:
    """Whether one element of a list is all examples, not one of them."""
    return np.ndim(one) == len(interface(model).inputs[0].shape)


def _fitted(model: keras.Model, tensor: Any, one: Any) -> Array:
    array = np.asarray(one)
    _check_numbers(model, tensor, array)
    array = array.reshape(_fitted_shape(model, tensor, array.shape))
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return array if dtype == STRING else array.astype(dtype, copy=False)


def _check_numbers(model: keras.Model, tensor: Any, one: Any) -> None:
    """Raise a `ValueError` for strings, objects or dates where a model takes numbers."""
    other = isinstance(one, np.ndarray) and one.dtype.kind in "USOMm"
    if other and keras.backend.standardize_dtype(tensor.dtype) != STRING:
        kind = "strings" if one.dtype.kind in "US" else f"an array of {one.dtype}"
        raise ValueError(
            f"Input {maker(tensor).name!r} of {model.name!r} takes numbers. Received: "
            f"{kind}. Number them as when the model was trained."
        )


def _fitted_shape(
    model: keras.Model, tensor: Any, shape: tuple[int, ...]
) -> tuple[int, ...]:
    """The shape with as many axes as the model takes; Keras adds and drops a last 1."""
    wanted, fitted = tuple(tensor.shape), shape
    if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        fitted = (*shape, 1)
    elif len(shape) == len(wanted) + 1 and shape[-1] == 1:
        fitted = shape[:-1]
    fits = len(fitted) == len(wanted) and all(
        size in {None, given}
        for size, given in zip(wanted[1:], fitted[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"The inputs do not fit {model.name!r}: {maker(tensor).name!r} has the shape "
            f"{(None, *wanted[1:])}, where None is any size. Received: inputs of shape "
            f"{shape}. Pass inputs as the model was trained with."
        )
    return fitted
