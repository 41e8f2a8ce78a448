"""Non-uniform quantization of arrays: the best table of a given size, and its codes.

Weights are numbers on a line, and on a line k-means can be solved exactly: the clusters of
an optimal table are intervals of the sorted weights, so dynamic programming over the
places of the cuts finds them. NumPy only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.quantization.arrays.optimal_cuts import best_cuts

Weights = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LARGEST_TABLE = 256
EXACT_POINTS = 4096  # of so many distinct values the optimum is found exactly
_BINS = 1 << 16
_CHUNK = 1 << 16  # so that the intermediate arrays stay in the cache
_FEW_BOUNDS = 63
_SMOOTHING = 129  # bins, for the density that says where cells must be narrow
_MOST_ROUNDS = 100


@dataclass(frozen=True, eq=False)
class Codebook:
    """Weights as codes into a table.

    Args:
        table: The values, ascending, float32, shape `(size,)`; fewer than asked for if
            the weights have fewer distinct values.
        codes: For each weight the index of its value, uint8, of the weights' shape.
    """

    table: npt.NDArray[np.float32]
    codes: npt.NDArray[np.uint8]

    def decode(self) -> npt.NDArray[np.float32]:
        """The weights that the codes stand for, float32, of the shape of the codes."""
        decoded: npt.NDArray[np.float32] = self.table[self.codes]
        return decoded


def learn_codebook(weights: Weights, *, size: int, keep_zeros: bool = True) -> Codebook:
    """Find the table of `size` values that represents the weights with the least error.

    Up to 4,096 distinct values the mean squared error is the smallest possible one.
    Above that the weights are counted in 65,536 equal bins first; tests hold that the
    error is then within 0.1 % of the optimum.

    Args:
        weights: Finite floats of any shape. It is not changed.
        size: How many values the table may hold, 1 to 256; `2**bits` for codes of
            `bits` bits.
        keep_zeros: Spend one value on exact zero if there are zeros among the weights,
            so that a pruned weight stays zero; the other values are then the best for
            the other weights.

    Returns:
        The table and the codes.

    Raises:
        ValueError: If `size` is out of range, a weight is not finite, or there are
            zeros to be kept and no value beside zero could be held.

    Example:
        >>> book = learn_codebook(np.array([0.0, 0.9, 1.1, -2.0]), size=3)
        >>> book.table
        array([-2.,  0.,  1.], dtype=float32)
        >>> book.codes
        array([1, 2, 2, 0], dtype=uint8)

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.
        https://arxiv.org/abs/1510.00149
    """
    flat = _checked(weights, size)
    nonzero = flat != 0
    pinned = keep_zeros and not nonzero.all()
    if not pinned:
        table = _best_table(flat, size)
    elif not nonzero.any():
        table = np.zeros(1)
    elif size == 1:
        raise ValueError(
            "A table of one value cannot hold zero and the weights that are not. "
            "Received: size=1 with keep_zeros=True. Ask for at least 2 values."
        )
    else:
        table = np.sort(np.append(_best_table(flat[nonzero], size - 1), 0.0))
    values = np.unique(table.astype(np.float32))
    return Codebook(values, nearest_codes(weights, values))


def learned_table(
    weights: Weights, *, size: int, keep_zeros: bool = True
) -> npt.NDArray[np.float32]:
    """The table that `learn_codebook` finds, without the codes."""
    return learn_codebook(weights, size=size, keep_zeros=keep_zeros).table


def nearest_codes(
    weights: Weights, table: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """For each weight the index of the nearest value of a table.

    Args:
        weights: Floats of any shape.
        table: Values in ascending order, at most 256. Of two that are equally near the
            larger one is taken.

    Returns:
        uint8 array of the shape of `weights`.

    Example:
        >>> nearest_codes(np.array([0.1, 0.8]), np.array([0.0, 1.0], dtype=np.float32))
        array([0, 1], dtype=uint8)
    """
    flat = weights.reshape(-1)
    bounds = _at_least((table[1:].astype(np.float64) + table[:-1]) / 2, flat.dtype)
    codes = np.zeros(weights.size, dtype=np.uint8)
    for start in range(0, flat.size, _CHUNK):
        part, found = flat[start : start + _CHUNK], codes[start : start + _CHUNK]
        if bounds.size > _FEW_BOUNDS:
            found[:] = np.searchsorted(bounds, part, side="right")
            continue
        for bound in bounds:  # few passes over what is in the cache beat a search
            found += part >= bound
    return codes.reshape(weights.shape)


def _at_least(bounds: Floats, dtype: Any) -> Weights:
    """The least numbers of a type of floats that are not below the bounds."""
    if not np.issubdtype(dtype, np.floating) or dtype.itemsize >= bounds.itemsize:
        return bounds
    near = bounds.astype(dtype)
    return np.where(near < bounds, np.nextafter(near, np.inf, dtype=dtype), near)


def _checked(weights: Weights, size: int) -> Weights:
    if not 1 <= size <= LARGEST_TABLE:
        raise ValueError(
            f"`size` is the number of values of the table, 1 to {LARGEST_TABLE}. "
            f"Received: size={size!r}. For codes of 4 bits pass size=16."
        )
    flat = weights.reshape(-1)
    if not flat.size or not np.isfinite(flat).all():
        bad = flat.size - int(np.count_nonzero(np.isfinite(flat)))
        raise ValueError(
            "Weights must be finite, and at least one. Received: an array of shape "
            f"{weights.shape} with {bad} entries that are NaN or infinite. Train the model "
            "again, or find the layer that diverged."
        )
    return flat


def _best_table(values: Weights, size: int) -> Floats:
    points, counts = _points(values)
    if points.size <= size:
        return points
    middle = float(np.average(points, weights=counts))  # keeps the sums small
    counted = np.append(0.0, np.cumsum(counts, dtype=np.float64))
    summed = np.append(0.0, np.cumsum(counts * (points - middle)))
    cells = _cells(points, counts)
    cuts = cells[best_cuts(counted[cells], summed[cells], size)]
    table = np.diff(summed[cuts]) / np.diff(counted[cuts])
    return _settled(points - middle, counted, summed, table) + middle


def _points(values: Weights) -> tuple[Floats, Integers]:
    """Distinct values with their counts; of a large array the middles of equal bins."""
    if values.size <= _BINS:
        points, counts = np.unique(values.astype(np.float64), return_counts=True)
        return points, counts
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([low]), np.array([values.size])
    scale = (_BINS - 1) / (high - low)
    counts = np.zeros(_BINS, dtype=np.int64)
    for start in range(0, values.size, _CHUNK):
        bins = values[start : start + _CHUNK] - values.dtype.type(low)
        bins *= scale
        bins += 0.5
        counts += np.bincount(bins.astype(np.int64), minlength=_BINS)
    filled = np.flatnonzero(counts)
    return low + filled / scale, counts[filled]


def _cells(points: Floats, counts: Integers) -> Integers:
    """Where cuts may lie: between all points, or between cells of about equal error.

    With more points than `EXACT_POINTS` neighbours share a cell, narrow where the
    weights are dense: by Bennett's rule the error is even when a cell's width goes
    with the density to the power of -1/3.
    """
    if points.size <= EXACT_POINTS:
        return np.arange(points.size + 1)
    gaps = np.gradient(points)
    window = np.ones(min(_SMOOTHING, points.size)) / min(_SMOOTHING, points.size)
    density = np.convolve(counts / gaps, window, mode="same")
    share = np.cumsum(np.cbrt(density) * gaps)
    inner = np.searchsorted(
        share / share[-1], np.arange(1, EXACT_POINTS) / EXACT_POINTS
    )
    return np.unique(np.concatenate([[0], inner, [points.size]]))


def _settled(points: Floats, counted: Floats, summed: Floats, table: Floats) -> Floats:
    """Lloyd's rounds: each value moves to the mean of the points nearest to it."""
    for _ in range(_MOST_ROUNDS):
        bounds = np.searchsorted(points, (table[1:] + table[:-1]) / 2)
        cuts = np.concatenate([[0], bounds, [points.size]])
        held = np.diff(counted[cuts])
        moved = np.where(held > 0, np.diff(summed[cuts]) / np.maximum(held, 1), table)
        if np.array_equal(moved, table):
            break
        table = moved
    return table
