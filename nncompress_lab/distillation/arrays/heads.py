"""What heads of attention compute, with fewer numbers inside. NumPy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

Stack = npt.NDArray[Any]


def nearest_products(left: Stack, right: Stack, *, rank: int) -> tuple[Stack, Stack]:
    """Two matrices of fewer columns and rows whose product is nearest to that of others.

    Queries meet keys, and values meet the output, in a product of two matrices for each
    head. Which numbers lie between the two concerns nobody else, so that the best of a
    lower rank can be taken.

    Args:
        left: Shape `(heads, m, size)`.
        right: Shape `(heads, size, n)`.
        rank: At least 1, at most `size`, `m` and `n`.

    Returns:
        Arrays of the shapes `(heads, m, rank)` and `(heads, rank, n)`, both of the same
        norm: no product of that rank has a smaller sum of squared errors.

    Example:
        >>> left = np.array([[[2.0, 0.0], [0.0, 1.0]]])
        >>> narrow, other = nearest_products(left, left, rank=1)
        >>> (narrow @ other).round(6)
        array([[[4., 0.],
                [0., 0.]]])

    References:
        Eckart, Young, "The approximation of one matrix by another of lower rank",
        Psychometrika 1936. https://doi.org/10.1007/BF02288367
    """
    first, inner = np.linalg.qr(left.astype(np.float64))
    last, other = np.linalg.qr(np.swapaxes(right, 1, 2).astype(np.float64))
    u, s, v = np.linalg.svd(inner @ np.swapaxes(other, 1, 2), full_matrices=False)
    roots = np.sqrt(s[:, None, :rank])
    narrow = first @ (u[:, :, :rank] * roots)
    short = last @ (np.swapaxes(v, 1, 2)[:, :, :rank] * roots)
    return narrow, np.swapaxes(short, 1, 2)
