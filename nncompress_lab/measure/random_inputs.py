"""Random inputs of the shapes and types that a model takes."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt


def random_inputs(model: keras.Model, *, batch_size: int) -> list[npt.NDArray[Any]]:
    """Numbers in `[0, 1)` for each input of a model.

    Raises:
        ValueError: If a size of an input is not fixed.
    """
    generator = np.random.default_rng(0)
    arrays = []
    for tensor in keras.tree.flatten(model.inputs):
        shape = tuple(tensor.shape[1:])
        if None in shape:
            raise ValueError(
                f"Only inputs of a fixed size can be random. Received: {model.name!r} "
                f"with an input of shape {tuple(tensor.shape)}. Give some inputs of "
                "your own where the function takes them."
            )
        numbers = generator.random((batch_size, *shape))
        arrays.append(numbers.astype(keras.backend.standardize_dtype(tensor.dtype)))
    return arrays


def random_input(model: keras.Model, *, batch_size: int) -> npt.NDArray[Any]:
    """Numbers in `[0, 1)` of the shape and type that a model takes.

    Raises:
        ValueError: If the model has several inputs or a size that is not fixed.
    """
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if len(shapes) != 1 or None in shapes[0]:
        raise ValueError(
            "Only models with one input of a fixed size can be run on random inputs. "
            f"Received: {model.name!r} with inputs of shape {shapes}."
        )
    return random_inputs(model, batch_size=batch_size)[0]
