"""How far two orders of the same things agree."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def rank_correlation(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Spearman's correlation: Pearson's of the ranks, where ties share their mean rank.

    Args:
        one: Shape `(n,)`.
        other: Of the same shape.

    Returns:
        A number in `[-1, 1]`; NaN if all of one side are equal, or there are fewer than
        two.

    Example:
        >>> rank_correlation([1, 2, 3], [10, 100, 1000])
        1.0
    """
    left, right = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    norms = float(np.linalg.norm(left) * np.linalg.norm(right))
    return round(float(left @ right) / norms, 12) if norms else float("nan")


def _ranks(values: npt.ArrayLike) -> Floats:
    """The rank of each value from 0; those that are equal have the mean of theirs."""
    _, places, counts = np.unique(
        np.asarray(values), return_inverse=True, return_counts=True
    )
    means: Floats = np.cumsum(counts) - (counts + 1) / 2
    return means[places]
