"""Models of a user's class, copied as such."""

import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.cloning import cloned, definer, is_foreign
from nncompress_lab.models.copying import copy_weights, freeze_alike
from nncompress_lab.models.graph import has_graph, is_graph
from nncompress_lab.models.kernels import to_numpy

FLOATS = "float32"
DTYPES = (FLOATS, "int32")  # of inputs that a built model may have seen
CONFIGURED = "Let its get_config return all arguments of its __init__."


def copy_in_its_class(model: keras.Model) -> Any:
    """An equal model of the same class, for a class that Keras has not.

    It is made from its configuration, built on the shapes that the model has seen, and
    given its weights. Whether it computes the same is tried.

    Args:
        model: A built model. It is not changed.

    Returns:
        None if the class is Keras's own; or if it cannot be made again, and the model is a
        graph of layers that can be copied in another way.

    Raises:
        UnsupportedModelError: If it cannot be made again and is no graph; it says why.
    """
    if has_graph(model) and not is_foreign(type(model)):
        return None
    try:
        twin = cloned(model)
        _build_alike(model, twin)
        copy_weights(model, twin)
        freeze_alike(model, twin)
        _check_equal(model, twin)
    except Exception as error:  # of whoever wrote the class
        if is_graph(model):
            return None
        raise _refused(model, error) from error
    return twin


def of_its_class(model: keras.Model, clone: keras.Model) -> keras.Model:
    """A clone in the class of a model, where that is made of inputs and outputs alone.

    Args:
        model: Of a class that Keras has not, perhaps; it is not changed.
        clone: A functional model with the layers that the result is to have.
    """
    kind = type(model)
    alone = has_graph(model) and not is_foreign(definer(kind, "__init__"))
    if not is_foreign(kind) or not alone or isinstance(model, keras.Sequential):
        return clone
    return kind(clone.input, clone.output, name=clone.name)


def _build_alike(model: keras.Model, twin: keras.Model) -> None:
    """Build a model on the shapes that another was built on."""
    shapes = model.get_build_config()
    if not twin.built and shapes:
        with warnings.catch_warnings(action="ignore"):  # the weights will show it
            twin.build_from_config(shapes)
    before, after = ([tuple(one.shape) for one in it.variables] for it in (model, twin))
    if before and not after:
        raise ValueError(
            "Keras cannot build it on the shapes that it has seen. Let its call() take "
            "all inputs as one argument, or write its build()"
        )
    if before != after:
        raise ValueError(
            f"it has weights of other shapes. {CONFIGURED} Received: {before}, and of the "
            f"other {after}"
        )


def _check_equal(model: keras.Model, twin: keras.Model) -> None:
    """Raise a `ValueError` if two models compute something else from the same inputs.

    A configuration may leave out what no weight tells, such as an activation. Where
    nobody knows what a model takes, or random inputs are none, nothing is compared.
    """
    for dtype in DTYPES:
        try:
            outputs = [_outputs(one, dtype) for one in (model, twin)]
        except Exception:  # it takes other inputs
            continue
        if not all(map(_near, *outputs)):
            raise ValueError(f"it computes something else. {CONFIGURED}")
        return


def _outputs(model: keras.Model, dtype: str) -> list[Any]:
    inputs = mapped_shapes(
        lambda shape: _numbers(shape, dtype), seen_shapes(model), batch=1
    )
    with keras.StatelessScope():  # what it draws or counts is forgotten
        outputs = model(inputs, training=False)
    return [to_numpy(one) for one in keras.tree.flatten(outputs)]


def _numbers(shape: tuple[int, ...], dtype: str) -> Any:
    steps = np.arange(math.prod(shape)).reshape(shape)
    return ops.convert_to_tensor(steps % 7 / 7 if dtype == FLOATS else steps % 2, dtype)


def _near(one: Any, other: Any) -> bool:
    """Equal but for sums in another order."""
    if one.shape != other.shape:
        return False
    largest = np.abs(one).max(initial=0)
    return np.allclose(one, other, rtol=0, atol=1e-4 * largest, equal_nan=True)


def seen_shapes(model: Any) -> Any:
    """The shapes of inputs that a model was built on, structured as these are."""
    if has_graph(model):
        inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        return keras.tree.map_structure(lambda one: tuple(one.shape), inputs)
    config = model.get_build_config() or {}
    if "input_shape" not in config:
        raise UnsupportedModelError(
            f"Nobody knows what the model {model.name!r} ({type(model).__qualname__}) "
            "takes. Let its call() take all inputs as one argument, and call it once."
        )
    return config["input_shape"]


def mapped_shapes(function: Any, shapes: Any, *, batch: int | None) -> Any:
    """A structure with a function of each shape in its place.

    Args:
        function: Of a shape.
        shapes: Tuples of sizes, in lists, tuples and dicts.
        batch: What to put in place of their first axis.
    """
    if isinstance(shapes, dict):
        return {
            name: mapped_shapes(function, one, batch=batch)
            for name, one in shapes.items()
        }
    if any(isinstance(one, list | tuple | dict) for one in shapes):
        return [mapped_shapes(function, one, batch=batch) for one in shapes]
    rest = [2 if one is None and batch else one for one in shapes[1:]]
    return function((batch, *rest))


def _refused(model: keras.Model, error: Exception) -> UnsupportedModelError:
    reason = str(error).strip().rstrip(".")
    if not isinstance(error, UnsupportedModelError):  # which names what is missing
        reason = f"made from its configuration, {reason}"
    return UnsupportedModelError(
        f"The model {model.name!r} is a subclassed model ({type(model).__qualname__}), "
        f"which is copied by its class: {reason}."
    )
