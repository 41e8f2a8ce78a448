"""Arrays of very large or very small numbers, made such that their squares are numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
ORDINARY = 40  # powers of two whose squares, summed, stay far within float32


def ordinary(arrays: Sequence[Array]) -> tuple[list[Array], int]:
    """Arrays divided by one power of two, so that the largest entry is near 1.

    That changes no digit. Arrays of ordinary numbers, and those that are not finite, are
    returned as they are.

    Args:
        arrays: Of floats. They are not changed.

    Returns:
        The arrays, and the exponent of the power of two: 0 where they are the same.

    Example:
        >>> ordinary([np.array([2.0**80, 2.0**79])])
        ([array([0.5 , 0.25])], 81)
    """
    largest = max((float(np.abs(one).max()) for one in arrays if one.size), default=0.0)
    exponent = int(np.frexp(largest)[1]) if np.isfinite(largest) else 0
    if abs(exponent) <= ORDINARY:
        return list(arrays), 0
    return [np.ldexp(one, -exponent) for one in arrays], exponent


def scaled_back(arrays: Sequence[Array], exponent: int) -> list[Array]:
    """Factors of which the product is multiplied by a power of two; each gets a share.

    Args:
        arrays: The factors.
        exponent: Of the power of two.

    Example:
        >>> scaled_back([np.array([1.0]), np.array([1.0])], 5)
        [array([4.]), array([8.])]
    """
    ends = [exponent * one // len(arrays) for one in range(len(arrays) + 1)]
    shares = np.diff(ends)
    return [np.ldexp(one, share) for one, share in zip(arrays, shares, strict=True)]
