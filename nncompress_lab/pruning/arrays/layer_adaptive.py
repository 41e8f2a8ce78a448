"""One ranking over layers whose weights are not comparable as they are. NumPy only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.pruning.arrays.masks import Mask, Weights, check_sparsity
from nncompress_lab.pruning.arrays.ranking import Cut, Ranking

Floats = npt.NDArray[np.float64]


def layer_adaptive_masks(
    scores: Sequence[Weights], *, sparsity: float, by_magnitude: bool = False
) -> list[Mask]:
    """Mark the weights to be kept that are much of what their layer would still hold.

    Within an array the smallest scores go first. Across arrays a weight counts as its
    share of the squares of all scores of its array that are not smaller. So a layer of
    small weights competes with one of large weights, and the fewer a layer has left, the
    more each of them counts: none is emptied before the others.

    Args:
        scores: How much each weight matters, arrays of any shapes. They are not changed.
        sparsity: Fraction of all weights to drop, in `[0, 1)`; the count is exact.
        by_magnitude: Whether to rank absolute values rather than values.

    Returns:
        One boolean array for each of `scores`, of its shape: True where kept.

    Raises:
        ValueError: If `sparsity` is outside `[0, 1)` or a score is not finite.

    Example:
        >>> small, large = np.array([0.1, 0.2]), np.array([3.0, 1.0])
        >>> layer_adaptive_masks([small, large], sparsity=0.5)
        [array([False,  True]), array([ True, False])]

    References:
        Lee, Park, Mo, Ahn, Shin, "Layer-adaptive Sparsity for the Magnitude-based Pruning",
        ICLR 2021, section 3. https://arxiv.org/abs/2010.07611
    """
    cuts = layer_adaptive_cuts(scores, sparsity=sparsity, by_magnitude=by_magnitude)
    return [cut.mask(array) for cut, array in zip(cuts, scores, strict=True)]


def layer_adaptive_cuts(
    scores: Sequence[Weights], *, sparsity: float, by_magnitude: bool = False
) -> list[Cut]:
    """Where the weights that `layer_adaptive_masks` drops end in each of `scores`."""
    check_sparsity(sparsity)
    drop = round(sparsity * sum(array.size for array in scores))
    shares = [_shares(np.abs(one) if by_magnitude else one) for one in scores]
    what = "Weights" if by_magnitude else "Scores"
    return [
        Ranking([array], by_magnitude, what).cut(drop=count)
        for array, count in zip(scores, _counts(shares, drop), strict=True)
    ]


def _shares(scores: Weights) -> Floats:
    """What each entry is of the squares of all that are not smaller, in ascending order.

    Entries below zero, which a score that counts movement has, are of all squares.
    """
    ordered = np.sort(scores, axis=None).astype(np.float64)
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # the ranking names what is wrong
        squares = ordered**2
        left = np.cumsum(squares[::-1])[::-1]
        left = np.where(ordered < 0, left[:1], left)
        signed = np.copysign(squares, ordered)
        return np.divide(signed, left, out=np.zeros_like(signed), where=left > 0)


def _counts(ascending: Sequence[Floats], drop: int) -> list[int]:
    """How many entries of each array are among the `drop` smallest of all.

    Of equal entries the earlier array's go first.
    """
    if not drop:
        return [0] * len(ascending)
    threshold: Any = np.partition(np.concatenate(ascending), drop - 1)[drop - 1]
    below = [int(np.searchsorted(one, threshold)) for one in ascending]
    ties = drop - sum(below)
    for place, one in enumerate(ascending):
        equal = int(np.searchsorted(one, threshold, side="right")) - below[place]
        below[place] += min(equal, ties)
        ties -= min(equal, ties)
    return below
