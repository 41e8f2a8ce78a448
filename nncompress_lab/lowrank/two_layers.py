"""Two thin Keras layers that stand for one layer whose kernel has been factored.

The kernel is seen as a matrix: its rows are what is summed over to compute one output, its
columns are the outputs. The left factor is a layer of the same type with `rank` outputs,
the right one multiplies these and has the bias and the activation:

    Dense       Dense(rank), Dense
    EinsumDense the summed letters to one of `rank`, that one to the letters of the output
    Conv        the same convolution to `rank` filters, then one of 1 x 1
    Embedding   Embedding of `rank` numbers, then Dense without bias

Convolutions have better factorizations, which keep more at equal cost, see
`nncompress_lab.factorization`; here they are what the matrix view makes of them.
"""

import math
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from nncompress_lab.lowrank.arrays.svd import Factors
from nncompress_lab.models.cloning import made, settings
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.kernels import KernelLayer, Skip, channel_axes, to_numpy

Matrix = npt.NDArray[Any]
Pair = tuple[keras.Layer, keras.Layer]

# What the left layer does without, and what the right layer takes over.
WITHOUT = {
    "use_bias": False,
    "activation": "linear",
    "bias_regularizer": None,
    "bias_constraint": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
}
TAKEN_OVER = (
    "data_format",
    "activation",
    "use_bias",
    "kernel_initializer",
    "kernel_regularizer",
    "bias_initializer",
    "bias_regularizer",
    "bias_constraint",
    "activity_regularizer",
    "trainable",
    "dtype",
)
POINTWISE = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


@dataclass(frozen=True, eq=False)
class MatrixLayer:
    """A layer whose kernel is one matrix.

    Args:
        path: Of the layer in the model.
        layer: A Keras layer with one kernel for which `no_matrix` is None.
        kernel_name: The attribute that holds its kernel.
    """

    path: str
    layer: Any
    kernel_name: str

    @classmethod
    def of(cls, one: KernelLayer) -> "MatrixLayer":
        """A kernel layer for which `no_matrix` is None."""
        return cls(one.path, one.layer, one.kernel_names[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the kernel."""
        return tuple(getattr(self.layer, self.kernel_name).shape)

    @property
    def summed(self) -> tuple[int, ...]:
        """The axes of the kernel that make the rows of the matrix."""
        channels = self._channels
        return tuple(axis for axis in range(len(self.shape)) if axis not in channels)

    @property
    def rows(self) -> int:
        """Of the matrix."""
        return math.prod(self.shape[axis] for axis in self.summed)

    @property
    def columns(self) -> int:
        """Of the matrix."""
        return math.prod(self.shape) // self.rows

    @property
    def full_rank(self) -> int:
        """The rank at which two factors hold any such matrix."""
        return min(self.rows, self.columns)

    def matrix(self) -> Matrix:
        """The kernel as float32, shape `(rows, columns)`."""
        kernel = to_numpy(getattr(self.layer, self.kernel_name)).astype(np.float32)
        return kernel.transpose(self._order).reshape(self.rows, self.columns)

    def kernel(self, matrix: Matrix) -> Matrix:
        """A matrix of that shape as a kernel."""
        ordered = matrix.reshape([self.shape[axis] for axis in self._order])
        return ordered.transpose(np.argsort(self._order))

    @property
    def _channels(self) -> tuple[int, ...]:
        if isinstance(self.layer, layers.Embedding):
            return (1,)
        return channel_axes(self.layer, self.kernel_name, len(self.shape))

    @property
    def _order(self) -> tuple[int, ...]:
        return self.summed + self._channels


def no_matrix(layer: Any) -> Skip | None:
    """Why a kernel layer cannot be two layers; None if it can."""
    if type(layer) not in PAIRS:
        return Skip.NOT_SUPPORTED
    if isinstance(layer, layers.EinsumDense):
        return Skip.GROUPED if Einsum.parse(layer.equation).shared else None
    return Skip.GROUPED if getattr(layer, "groups", 1) > 1 else None


def two_layers(one: MatrixLayer, factors: Factors) -> Pair:
    """The layers that compute with two factors what a layer computes with their product.

    Args:
        one: A layer; it is not changed.
        factors: Of its matrix, of any rank.

    Returns:
        Two built Keras layers, to be called one after the other. They are named like
        the layer with `_left` and `_right` at the end.
    """
    left, right = _built_pair(one.layer, factors.rank)
    first = factors.left.reshape(*(one.shape[axis] for axis in one.summed), -1)
    if isinstance(left, TRANSPOSED):  # Keras has their outputs before their inputs
        first = first.swapaxes(-1, -2)
    getattr(left, one.kernel_name).assign(first)
    right.kernel.assign(factors.right.reshape(right.kernel.shape))
    if getattr(one.layer, "bias", None) is not None:
        right.bias.assign(to_numpy(one.layer.bias))
    return left, right


def _built_pair(layer: Any, rank: int) -> tuple[Any, Any]:
    left, right = PAIRS[type(layer)](layer, rank)
    shape = layer.get_build_config()["input_shape"]
    left.build(shape)
    right.build(left.compute_output_shape(shape))
    return left, right


def _left(layer: Any, **changes: Any) -> keras.Layer:
    """A layer of the same type, without what comes after the product."""
    config = settings(layer)
    without = {name: value for name, value in WITHOUT.items() if name in config}
    named = {"name": f"{layer.name}_left"}
    return made(layer, type(layer), {**config, **without, **named, **changes})


def _right(layer: Any) -> dict[str, Any]:
    """What the second layer has of the layer: its bias, its activation, its name."""
    config = settings(layer)
    taken = {name: config[name] for name in TAKEN_OVER if name in config}
    return {**taken, "name": f"{layer.name}_right"}


def _dense(layer: Any, rank: int) -> Pair:
    right = made(layer, layers.Dense, {**_right(layer), "units": layer.units})
    return _left(layer, units=rank), right


def _convolution(layer: Any, rank: int) -> Pair:
    config = {**_right(layer), "filters": layer.filters, "kernel_size": 1}
    return _left(layer, filters=rank), made(layer, POINTWISE[layer.rank], config)


def _embedding(layer: Any, rank: int) -> Pair:
    left = _left(layer, output_dim=rank, embeddings_constraint=None)
    config = {**_right(layer), "units": layer.output_dim, "use_bias": False}
    return left, made(layer, layers.Dense, config)


def _einsum(layer: Any, rank: int) -> Pair:
    einsum = Einsum.parse(layer.equation)
    given, summed = einsum.given, einsum.summed
    new = next(one for one in string.ascii_letters if one not in layer.equation)
    free = "".join(one for one in given if one not in summed)
    between = f"{free[:-3]}{new}..." if given.endswith("...") else f"{free}{new}"
    sizes = [*_sizes(layer, einsum, free), rank]
    left = _left(
        layer,
        equation=f"{given},{summed}{new}->{between}",
        # Without the batch, which is the first letter or among those of "...".
        output_shape=sizes if given.startswith("...") else sizes[1:],
        bias_axes=None,
    )
    config = {
        **_right(layer),
        "equation": f"{between},{new}{einsum.channels}->{einsum.output}",
        "output_shape": settings(layer)["output_shape"],
        "bias_axes": layer.bias_axes,
    }
    return left, made(layer, layers.EinsumDense, config)


def _sizes(layer: Any, einsum: Einsum, wanted: str) -> list[int | None]:
    """The sizes of letters of an EinsumDense's input; None where it is not known."""
    shape = layer.get_build_config()["input_shape"]
    sizes = dict(zip(einsum.expanded(len(shape)).given, shape, strict=True))
    return [sizes[one] for one in wanted.replace("...", "")]


PAIRS: dict[type, Callable[[Any, int], Pair]] = {
    layers.Dense: _dense,
    layers.EinsumDense: _einsum,
    layers.Embedding: _embedding,
    **dict.fromkeys((*POINTWISE.values(), *TRANSPOSED), _convolution),
}
