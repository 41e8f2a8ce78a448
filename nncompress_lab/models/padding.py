"""Which positions of a layer's inputs are padding, as the masks in a model say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np
import numpy.typing as npt
from keras.src.backend.common.masking import get_keras_mask

from nncompress_lab.models.attention import ATTENTION, projections_of
from nncompress_lab.models.kernels import to_numpy, walk

Mask = npt.NDArray[np.bool_]
MaskOf = Callable[[Any, Any], Mask | None]
# Whose mask a projection of attention has; one of the keys goes before.
SEES = {"key": ("key_mask", "value_mask"), "value": ("value_mask",)}


@contextmanager
def masks_in(model: Any) -> Iterator[MaskOf]:
    """While the block runs, what is known of the positions that layers are called on.

    Keras hands a mask from layer to layer as far as each supports it, and attention takes
    it away from what it is called on before its projections see that.

    Args:
        model: That runs meanwhile, eagerly.

    Yields:
        A function of a layer and its inputs, called in the layer: True where they are no
        padding, of shape `(n, positions)` or with more axes; None if all are taken.
    """
    known: dict[int, Any] = {}

    def mask_of(layer: Any, inputs: Any) -> Mask | None:
        mask = get_keras_mask(inputs)
        mask = known.get(id(layer)) if mask is None else mask
        return None if mask is None else to_numpy(mask).astype(bool)

    attention = [one for _, one in walk(model) if type(one) in ATTENTION]
    for one in attention:
        one.__dict__["call"] = _noting(one, known)
    try:
        yield mask_of
    finally:
        for one in attention:
            del one.__dict__["call"]


def _noting(attention: Any, known: dict[int, Any]) -> Callable[..., Any]:
    """The call of an attention layer that first notes its masks for its projections."""
    original = attention.call

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name, projection in projections_of(attention).items():
            masks = [kwargs.get(one) for one in SEES.get(name, ("query_mask",))]
            known[id(projection)] = next(
                (one for one in masks if one is not None), None
            )
        return original(*args, **kwargs)

    return call


def aligned(mask: Mask | None, array: npt.NDArray[Any]) -> bool:
    """Whether a mask tells of each position of an array; None tells of none."""
    return mask is not None and array.shape[: mask.ndim] == mask.shape
