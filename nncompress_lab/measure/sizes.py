"""How large a model is: numbers, zeros, bytes in memory and bytes on disk."""

import math
from dataclasses import dataclass

import keras
import numpy as np

from nncompress_lab.models.graph import check_is_model
from nncompress_lab.models.kernels import (
    kernel_names,
    kernel_shape,
    other_variables,
    to_numpy,
    weighted_layers,
)
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.packing.model_file import keras_and_packed


@dataclass(frozen=True)
class FileSizes:
    """Bytes of a model's file.

    Args:
        keras: As `model.save` writes it; a `.keras` file is a zip of *stored* members,
            so zeros cost as much as other numbers.
        packed: As `ncl.pack` writes it, where zeros, codes and small integers cost what
            they hold.
    """

    keras: int
    packed: int


def parameters(model: keras.Model) -> int:
    """How many numbers the model computes with.

    A weight stored as an integer counts as one number; the scales beside it are bytes,
    not parameters. For a model of ordinary layers this is `model.count_params()`.
    """
    return sum(layer_parameters(layer) for _, layer in weighted_layers(model))


def nonzeros(model: keras.Model) -> int:
    """How many of the parameters are not exactly zero."""
    return sum(layer_nonzeros(layer) for _, layer in weighted_layers(model))


def layer_parameters(layer: keras.Layer) -> int:
    """The parameters of one layer, without those of layers inside it."""
    return sum(
        math.prod(shape)
        for shape in (
            *(kernel_shape(layer, name) for name in kernel_names(layer)),
            *(variable.shape for variable in other_variables(layer)),
        )
    )


def layer_nonzeros(layer: keras.Layer) -> int:
    """How many parameters of one layer are not exactly zero."""
    kernels = [getattr(layer, name) for name in kernel_names(layer)]
    return sum(
        int(np.count_nonzero(to_numpy(tensor)))
        for tensor in [*kernels, *other_variables(layer)]
    )


def bytes_in_memory(model: keras.Model) -> int:
    """Bytes of all weights as they are held, integers as integers."""
    check_is_model(model)
    return sum(to_numpy(weight).nbytes for weight in model.weights)


def file_sizes(model: keras.Model) -> FileSizes:
    """Save a model without its optimizer and look how large the file is.

    A compiled model's file also holds the optimizer's state, up to twice the weights;
    measured against an uncompiled one it would show a threefold compression that is
    none.

    Args:
        model: A model that Keras can save.

    Returns:
        Bytes of the `.keras` file and of the packed one.
    """
    check_model(model, graph=False)
    keras_bytes, packed = keras_and_packed(model)
    return FileSizes(keras=keras_bytes, packed=len(packed))
