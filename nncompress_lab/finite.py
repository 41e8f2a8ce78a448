"""Numbers that are not finite, found before they spread: in data and in weights."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.data.structures import leaves
from nncompress_lab.errors import CompressionError
from nncompress_lab.models.kernels import to_numpy


def check_data(data: Data, name: str) -> None:
    """Refuse data that hold NaN or infinity; a single one spoils what is learnt of them.

    Args:
        data: Inputs, labels and their weights, all arrays.
        name: What the context calls them.

    Raises:
        ValueError: If an input or a label is not finite; it says how many and where.
    """
    named = [("inputs", data.x), ("labels", data.y), ("weights", data.sample_weight)]
    for what, part in ((what, one) for what, parts in named for one in leaves(parts)):
        places = _not_finite(part)
        if places.size:
            index = tuple(int(axis) for axis in np.unravel_index(places[0], part.shape))
            raise ValueError(
                f"The {what} of `{name}` must be finite. Received: {places.size:,} of "
                f"{part.size:,} numbers are NaN or infinite, the first in example "
                f"{index[0]} at {index[1:]}. Clean the data, or leave those examples out."
            )


def check_weights(model: keras.Model, made_by: str) -> None:
    """Refuse a model with a weight that is not finite.

    Args:
        model: The model.
        made_by: The pass that made it.

    Raises:
        CompressionError: If there is one; it names the layer.
    """
    for variable in model.variables:
        if _not_finite(to_numpy(variable)).size:
            raise CompressionError(
                f"{made_by} left weights that are NaN or infinite in {variable.path!r}. "
                "If the model that went in has none there, the layer's weights or what "
                "goes into it are too large: look at them, or leave the layer out."
            )


def are_finite(variables: list[Any]) -> bool:
    """Whether all of a model's variables are finite."""
    return not any(_not_finite(to_numpy(one)).size for one in variables)


def _not_finite(array: Any) -> Any:
    """The flat places of what is not finite; none where there are no floats."""
    array = np.asarray(array)
    if array.dtype.kind not in "fc" and array.dtype.name != "bfloat16":
        return np.empty(0, int)
    with np.errstate(invalid="ignore"):
        total = array.sum(dtype=np.float64)
    if np.isfinite(total):  # a single one would have spoilt it
        return np.empty(0, int)
    return np.flatnonzero(~np.isfinite(array))
