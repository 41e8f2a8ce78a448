"""Figures of the numbers of a layer: zeros, distinct values, histogram, zlib bytes."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 24
MOST_DISTINCT = 4096
_FIRST_LOOK = 2**16
_BLOCKS, _BLOCK = 16, 2**14  # bytes that are deflated of a large array

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Histogram:
    """Counts of numbers in at most `BINS` intervals of equal width.

    Args:
        counts: In each interval.
        edges: Where the first interval begins and the last one ends.
        low: The smallest number.
        high: The largest number.
    """

    counts: list[int]
    edges: tuple[float, float]
    low: float
    high: float


def as_numbers(stored: Array, dtype: str) -> Array | None:
    """Stored values as numbers, or None if they are no numbers.

    Args:
        stored: As HDF5 gives them.
        dtype: Keras's name of their type. bfloat16 is the upper half of a float32 and
            lies in HDF5 as two opaque bytes.
    """
    if dtype == "bfloat16" and stored.dtype.itemsize == 2:
        upper = stored.view(np.uint16).astype(np.uint32) << np.uint32(16)
        return upper.view(np.float32)
    if stored.dtype.kind == "V" and stored.dtype.type is not np.void:  # ml_dtypes
        return stored.astype(np.int16 if "int" in dtype else np.float32)
    if stored.dtype == np.float16:
        return stored.astype(np.float32)
    return stored if stored.dtype.kind in "biuf" else None


def zeros_of(numbers: Array) -> int:
    """How many are exactly zero; both zeros of floating point count."""
    return int(numbers.size - np.count_nonzero(numbers))


def distinct_of(numbers: Array) -> int:
    """How many different values there are; `MOST_DISTINCT + 1` stands for more."""
    if np.unique(numbers[:_FIRST_LOOK]).size > MOST_DISTINCT:
        return MOST_DISTINCT + 1
    return min(int(np.unique(numbers).size), MOST_DISTINCT + 1)


def not_finite(numbers: Array) -> int:
    """How many are infinite or not a number."""
    return int(numbers.size - np.isfinite(numbers).sum())


def histogram_of(numbers: Array) -> Histogram | None:
    """How the finite numbers are spread; None if there are none.

    Intervals of integers hold whole integers, equally many each, or a comb would appear
    that is not in the data.

    Example:
        >>> histogram_of(np.array([0, 1, 1, 3])).counts
        [1, 2, 0, 1]
    """
    finite = numbers[np.isfinite(numbers)].astype(np.float64, copy=False)
    if finite.size == 0:
        return None
    low, high = float(finite.min()), float(finite.max())
    if not np.isfinite(high - low):
        return None
    bins, edges = BINS, (low, high)
    if numbers.dtype.kind in "biu":
        width = max(1.0, np.ceil((high - low + 1) / BINS))
        bins = int(np.ceil((high - low + 1) / width))
        edges = (low - 0.5, low - 0.5 + bins * width)
    try:
        counts, _ = np.histogram(finite, bins=bins, range=edges)
    except ValueError:  # the values are too close to each other to be cut apart
        counts = np.bincount([bins // 2], minlength=bins) * finite.size
    return Histogram([int(count) for count in counts], edges, low, high)


def deflated_bytes(stored: Array) -> tuple[int, bool]:
    """Bytes under zlib at its usual level, and whether that is exact.

    zlib is slow: of a large array evenly spread blocks are deflated, and it is taken for
    as compressible as these.

    Example:
        >>> size, exact = deflated_bytes(np.zeros(1000, np.float32))
        >>> size < 50, exact
        (True, True)
    """
    content = np.ascontiguousarray(stored).reshape(-1).view(np.uint8)
    if content.size <= _BLOCKS * _BLOCK:
        return len(zlib.compress(content.data)), True
    itemsize = stored.dtype.itemsize
    starts = np.linspace(
        0, (content.size - _BLOCK) // itemsize, _BLOCKS, dtype=np.int64
    )
    sample = b"".join(content[s : s + _BLOCK].tobytes() for s in starts * itemsize)
    return round(len(zlib.compress(sample)) * content.size / len(sample)), False
