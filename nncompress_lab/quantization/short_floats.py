"""Rounding the floats beside the kernels, as a pass: few, and four bytes each."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.models.copying import use_variables
from nncompress_lab.models.kernels import (
    Skip,
    kernel_names,
    kernel_variables,
    other_variables,
    reason_without_kernel,
    to_numpy,
    weighted_layers,
)
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.quantization.arrays.codebook import LARGEST_TABLE, learn_codebook

FLOAT32_BITS = 24  # of its significand, with the one that is not stored


@dataclass(frozen=True)
class ShortFloats(Pass):
    """Round the floats that are no weights of kernels: what is left when those are codes.

    Biases, normalization weights and statistics, tables and scales stay float32 variables,
    and every layer computes as before. They hold shorter numbers, of which a packed file
    takes advantage: in a small network under strong compression they are a tenth of it.
    Float kernels are left alone. What is zero stays zero.

    Args:
        significant_bits: Of each number, 1 to 24. The relative error is at most
            `2**-significant_bits`; 11 is the precision of float16, 8 of bfloat16.
        values: How many different values a bias or a normalization variable may have, 2
            to 256, chosen with the least squared error; None for no limit. Tables and
            scales are not limited.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> ShortFloats(values=16).label
        'ShortFloats(significant_bits=11, values=16)'
    """

    significant_bits: int = 11
    values: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.significant_bits <= FLOAT32_BITS:
            raise ValueError(
                f"`significant_bits` must be from 1 to {FLOAT32_BITS}. Received: "
                f"significant_bits={self.significant_bits!r}."
            )
        if self.values is not None and not 2 <= self.values <= LARGEST_TABLE:
            raise ValueError(
                f"`values` must be from 2 to {LARGEST_TABLE}, or None. Received: "
                f"values={self.values!r}."
            )

    @property
    def needs_graph(self) -> bool:
        """Never: weights alone change."""
        return False

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and round the copy's floats."""
        short = copy_model(model)
        for _, layer in weighted_layers(short):
            for variable in _tables_and_scales(layer):
                variable.assign(rounded(to_numpy(variable), self.significant_bits))
            for variable in _beside_kernels(layer):
                array = to_numpy(variable)
                if self.values is not None:
                    array = learn_codebook(array, size=self.values).decode()
                variable.assign(rounded(array, self.significant_bits))
            use_variables(layer)
        return short


def _tables_and_scales(layer: Any) -> list[Any]:
    """The tables and scales of kernels that are stored as integers."""
    if not hasattr(layer, "stored_kernel"):
        return []
    return [one for one in kernel_variables(layer) if "float" in str(one.dtype)]


def _beside_kernels(layer: Any) -> list[Any]:
    """Biases and normalization; nothing of a layer of which no pass knows the kernels."""
    known = kernel_names(layer) or reason_without_kernel(layer) is Skip.NO_KERNEL
    floats = [one for one in other_variables(layer) if "float" in str(one.dtype)]
    return floats if known else []


def rounded(array: npt.NDArray[Any], significant_bits: int) -> npt.NDArray[Any]:
    """The nearest numbers with that many significant bits; ties go to the even one.

    Args:
        array: Floats of any shape. It is not changed.
        significant_bits: At least 1.

    Example:
        >>> rounded(np.array([1.0, 1.1, -0.3, 0.0]), 3)
        array([ 1.    ,  1.    , -0.3125,  0.    ])
    """
    fraction, exponent = np.frexp(array)
    scale = 2.0**significant_bits
    short: npt.NDArray[Any] = np.ldexp(np.rint(fraction * scale) / scale, exponent)
    return short.astype(array.dtype)
