"""The weights that make each channel, as a small image. NumPy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
MOST = 8  # cells on either side of an image


def filter_images(kernel: Array, *, axis: int = -1) -> Array:
    """One small image for each channel that a kernel makes.

    Where a filter looks at a single input, the image holds its weights with their signs.
    Of several inputs it holds, at each place, the root of their mean square. What has no
    places, as a unit of a Dense layer, shows some of its weights in a square.

    Args:
        kernel: For example of shape `(height, width, inputs, filters)`.
        axis: The axis that counts the channels.

    Returns:
        Shape `(channels, rows, columns)`, at most 8 by 8, divided by the largest
        magnitude of all, so that every number lies in `[-1, 1]`.

    Example:
        >>> filter_images(np.array([[[[2.0]], [[-1.0]]]])).tolist()
        [[[1.0, -0.5]]]
        >>> [filter_images(np.ones(shape)).shape for shape in ((3, 3, 20, 5), (9, 4))]
        [(5, 3, 3), (4, 3, 3)]
    """
    rows = np.moveaxis(kernel, axis, 0).astype(np.float64)
    if rows.ndim == 2:
        images = _square(rows)
    else:
        while rows.ndim > 3 and rows.shape[-1] == 1:
            rows = rows[..., 0]
        flat = rows.reshape(*rows.shape[:3], -1)
        one_input = flat.shape[-1] == 1
        images = flat[..., 0] if one_input else np.sqrt(np.mean(flat**2, axis=-1))
    images = images[:, _some(images.shape[1])][:, :, _some(images.shape[2])]
    return images / (np.abs(images).max(initial=0.0) or 1.0)


def _square(rows: Array) -> Array:
    side = min(MOST, max(1, int(np.sqrt(rows.shape[1]))))
    places = np.linspace(0, rows.shape[1] - 1, side * side).astype(int)
    return rows[:, places].reshape(len(rows), side, side)


def _some(count: int) -> Array:
    return np.unique(np.linspace(0, count - 1, min(count, MOST)).astype(int))
