"""Where to cut numbers on a line so that the parts spread least: k-means, exactly.

The parts of an optimal partition are intervals of the sorted numbers, so dynamic
programming over the places of the cuts finds them. NumPy only.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def best_cuts(counted: Floats, summed: Floats, size: int) -> Integers:
    """The cuts of the best partition of cells into `size` intervals.

    Args:
        counted: How many weights lie before each place, ascending from 0.
        summed: Their sum.
        size: The number of intervals, fewer than places.

    Returns:
        `size + 1` places, from the first to the last.

    Example:
        >>> best_cuts(np.arange(6), np.array([0, 0, 1, 9, 18, 38]), 3)
        array([0, 2, 4, 5])

    References:
        Wang, Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by
        Dynamic Programming", The R Journal 2011; the divide and conquer over cuts is
        Grønlund et al., "Fast Exact k-Means, k-Medians and Bregman Divergence
        Clustering in 1D", 2017. https://arxiv.org/abs/1701.07204
    """
    last = counted.size - 1
    if last <= size:
        return np.arange(last + 1)
    # Spread = squares - sum²/count, and the squares are the same for every partition.
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(counted > 0, -(summed**2) / counted, 0.0)
    order = list(_levels(last))
    chosen = np.zeros((size, last + 1), dtype=np.int32)
    fewer = np.zeros(last + 1, dtype=np.int64)
    for interval in range(1, size):
        error, fewer = _one_more(error, counted, summed, order, fewer)
        chosen[interval] = fewer
    cuts = [last]
    for interval in range(size - 1, 0, -1):
        cuts.append(int(chosen[interval, cuts[-1]]))
    return np.unique([0, *cuts])


def _levels(last: int) -> Iterator[tuple[Integers, Integers, Integers]]:
    """The places 1..last, level by level, with the solved ones to their left and right.

    Each level splits what lies between solved places into quarters: half the levels of
    halving, for a little more searching.
    """
    gaps = [(0, last + 1)]
    while gaps:
        solved = [(left, right, _quarters(left, right)) for left, right in gaps]
        rows = [
            (place, left, right) for left, right, places in solved for place in places
        ]
        places, lefts, rights = np.array(rows).T
        yield places, lefts, rights
        gaps = [
            gap
            for left, right, places in solved
            for gap in pairwise([left, *places, right])
            if gap[1] - gap[0] > 1
        ]


def _quarters(left: int, right: int) -> list[int]:
    return sorted({left + (right - left) * i // 4 for i in (1, 2, 3)} - {left})


def _one_more(
    error: Floats,
    counted: Floats,
    summed: Floats,
    order: list[tuple[Integers, Integers, Integers]],
    fewer: Integers,
) -> tuple[Floats, Integers]:
    """The best errors with one interval more, and where the last interval begins.

    The best beginning never moves left when the end moves right, nor when there is an
    interval more (`fewer` has the beginnings with one less), so the beginnings of the
    neighbours bound each search: n log n steps in all, and far fewer with many intervals.
    """
    last = counted.size - 1
    begin = np.zeros(last + 2, dtype=np.int64)
    begin[last + 1] = last
    better = np.zeros(last + 1)
    for places, left, right in order:
        low = np.maximum(begin[left], fewer[places])
        high = np.maximum(np.minimum(begin[right], places - 1), low)
        lengths = high - low + 1
        offsets = np.cumsum(lengths) - lengths
        owner = np.repeat(np.arange(places.size), lengths)
        tried = np.arange(owner.size) + (low - offsets)[owner]
        end = places[owner]
        count = counted[end] - counted[tried]
        total = error[tried] - (summed[end] - summed[tried]) ** 2 / count
        least = np.minimum.reduceat(total, offsets)
        hits = np.flatnonzero(total == least[owner])
        first = np.diff(owner[hits], prepend=-1) > 0
        begin[places] = tried[hits[first]]
        better[places] = least
    return better, begin[:-1]
