"""The best tables of many small sets of weights, all of them at once. NumPy only.

As for one set, the clusters of an optimal table are intervals of the sorted weights, and
dynamic programming finds their ends. Here each step of it is taken for thousands of sets
in one operation, so that a table for each 64 weights of a layer takes no longer than one
for all of them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.quantization.arrays.codebook import learned_table

Weights = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

MOST_ROWS = 256  # above that each set has enough work of its own
CHUNK = 256  # sets whose costs stay in the cache


def learned_tables(columns: Weights, held: Integers, *, size: int) -> Weights:
    """For each column the table that `learn_codebook` finds, zeros kept.

    Args:
        columns: Finite floats, shape `(n, sets)`.
        held: How many entries of each column count, from the first on; at least 1.
        size: How many values a table holds, 2 to 256.

    Returns:
        float32, shape `(sets, size)`, each row ascending. Where a column has fewer
        distinct values, some stand there twice.

    Raises:
        ValueError: If a weight is not finite.

    Example:
        >>> columns = np.array([[0.0, 1.0], [0.9, 2.0], [1.1, 4.0]])
        >>> learned_tables(columns, np.array([3, 2]), size=2)
        array([[0., 1.],
               [1., 2.]], dtype=float32)
    """
    tables = np.empty((columns.shape[1], size), np.float32)
    if len(columns) > MOST_ROWS or size >= len(columns):
        for number, count in enumerate(held):
            table = learned_table(columns[:count, number], size=size)
            tables[number] = np.pad(table, (0, size - table.size), mode="edge")
        return tables
    if not np.isfinite(columns).all():
        learned_table(columns[~np.isfinite(columns)], size=size)  # says what is wrong
    for start in range(0, columns.shape[1], CHUNK):
        part = slice(start, start + CHUNK)
        tables[part] = _tables(columns[:, part].astype(np.float64), held[part], size)
    return tables


def _tables(columns: Floats, held: Integers, size: int) -> Floats:
    rows = np.arange(len(columns))[:, None]
    within = rows < held
    pinned = ((columns == 0) & within).any(axis=0)  # one value of the table is zero
    counts = within & (columns != 0)
    points = np.sort(np.where(counts, columns, np.inf), axis=0)
    counted = counts.sum(axis=0)
    # What does not count stands at the end, at the place of the last that does.
    last = np.take_along_axis(points, np.maximum(counted - 1, 0)[None], axis=0)
    last = np.where(counted > 0, last, 0.0)
    counts = rows < counted
    points = np.where(counts, points, last)
    middle = points.mean(axis=0)
    sums = _before(np.where(counts, points - middle, 0.0))
    numbers = _before(counts)
    clusters = size - pinned
    cuts = _cuts(sums, numbers, clusters, size)
    width = np.diff(np.take_along_axis(numbers, cuts, axis=0), axis=0)
    total = np.diff(np.take_along_axis(sums, cuts, axis=0), axis=0)
    table = np.divide(total, width, out=np.zeros_like(total), where=width > 0) + middle
    table = np.where(width > 0, table, last)
    table[-1] = np.where(pinned, 0.0, table[-1])
    return np.sort(table, axis=0).T


def _before(values: Weights) -> Floats:
    """Sums of what stands before each place."""
    return np.pad(np.cumsum(values, axis=0, dtype=np.float64), [(1, 0), (0, 0)])


def _cuts(sums: Floats, numbers: Floats, clusters: Integers, size: int) -> Integers:
    """The ends of the clusters with the least squared error, shape `(size + 1, sets)`.

    A set with fewer clusters than `size` has its last ones empty, at the end.
    """
    places = len(sums)
    # Spread = squares - sum²/number, and the squares are the same for every partition.
    costs = [_costs(sums, numbers, end) for end in range(places)]
    errors = [np.full(sums.shape, np.inf, np.float32) for _ in range(size + 1)]
    errors[0][0] = 0.0
    scratch, least = np.empty_like(errors[0]), int(clusters.min())
    for cluster in range(1, size + 1):
        before, now = errors[cluster - 1], errors[cluster]
        first = cluster - 1
        # As many places as clusters are left must stay for the ones to come.
        for end in range(cluster, places - max(0, least - cluster)):
            tried = scratch[first:end]
            np.add(before[first:end], costs[end][first:], out=tried)
            np.minimum.reduce(tried, axis=0, out=now[end])
    sets = np.arange(sums.shape[1])
    cuts = np.full((size + 1, sums.shape[1]), places - 1)
    for cluster in range(size, 0, -1):
        active = cluster <= clusters
        for end in np.unique(cuts[cluster, active]):
            chosen = sets[active & (cuts[cluster] == end)]
            tried = errors[cluster - 1][:end, chosen] + costs[end][:, chosen]
            cuts[cluster - 1, chosen] = tried.argmin(axis=0)
    cuts[0] = 0
    return cuts


def _costs(sums: Floats, numbers: Floats, end: int) -> Weights:
    """For each beginning before `end` the error of one cluster, shape `(end, sets)`."""
    total = sums[end] - sums[:end]
    total *= total
    total /= np.minimum(numbers[:end] - numbers[end], -1.0)  # no weights: no sum either
    costs: Weights = total.astype(np.float32)
    return costs
