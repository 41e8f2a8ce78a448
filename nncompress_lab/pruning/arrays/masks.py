"""Which weights to keep: boolean masks from magnitudes or scores. NumPy only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.pruning.arrays.ranking import Cut, Ranking

Weights = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def magnitude_mask(weights: Weights, *, sparsity: float) -> Mask:
    """Mark the largest weights, by absolute value, to be kept.

    Exactly `round(sparsity * weights.size)` entries are dropped. Of equal magnitudes
    the one that comes first in C order is dropped first, so the mask is the same on
    every machine.

    Args:
        weights: Array of any shape, for example a Dense kernel of shape
            `(in_features, units)`. It is not changed.
        sparsity: Fraction of the weights to drop, in `[0, 1)`.

    Returns:
        Boolean array of the shape of `weights`: True where a weight is kept.

    Raises:
        ValueError: If `sparsity` is outside `[0, 1)` or a weight is not finite.

    Example:
        >>> magnitude_mask(np.array([0.1, -3.0, 0.5, 2.0]), sparsity=0.5)
        array([False,  True, False,  True])

    References:
        Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient
        Neural Networks", NeurIPS 2015, section 3. https://arxiv.org/abs/1506.02626
    """
    return global_magnitude_masks([weights], sparsity=sparsity)[0]


def global_magnitude_masks(arrays: Sequence[Weights], *, sparsity: float) -> list[Mask]:
    """Mark the largest weights of several arrays together to be kept.

    All weights compete in one ranking, so an array of small weights loses more than
    `sparsity` of them and may lose all. Exactly `round(sparsity * total size)` entries
    are dropped; of equal magnitudes the earlier array's go first, in C order.

    Args:
        arrays: Kernels of any shapes. They are not changed.
        sparsity: Fraction of all weights to drop, in `[0, 1)`.

    Returns:
        One boolean array for each of `arrays`, of its shape: True where kept.

    Raises:
        ValueError: If `sparsity` is outside `[0, 1)` or a weight is not finite.

    Example:
        >>> small, large = np.array([0.1, 0.2]), np.array([[3.0, -0.15]])
        >>> global_magnitude_masks([small, large], sparsity=0.5)
        [array([False,  True]), array([[ True, False]])]

    References:
        Han et al. 2015, as in `magnitude_mask`; the global ranking is compared with
        the ranking by layer in Blalock, Gonzalez Ortiz, Frankle, Guttag, "What is the
        State of Neural Network Pruning?", MLSys 2020, section 7.
        https://arxiv.org/abs/2003.03033
    """
    cut = global_magnitude_cut(arrays, sparsity=sparsity)
    return [cut.mask(array) for array in arrays]


def global_magnitude_cut(arrays: Sequence[Weights], *, sparsity: float) -> Cut:
    """Where the weights that `global_magnitude_masks` drops end, with its arguments."""
    check_sparsity(sparsity)
    ranking = Ranking(arrays, by_magnitude=True, what="Weights")
    return ranking.cut(drop=round(sparsity * ranking.size))


def masks_by_score(scores: Sequence[Weights], *, sparsity: float) -> list[Mask]:
    """Mark the weights with the largest scores to be kept, whatever the scores are.

    All scores compete in one ranking; give one array to rank a layer by itself. Exactly
    `round(sparsity * total size)` entries are dropped; of equal scores the earlier
    array's go first, in C order.

    Args:
        scores: How much each weight matters, arrays of any shapes; they may be negative.
            They are not changed.
        sparsity: Fraction of all weights to drop, in `[0, 1)`.

    Returns:
        One boolean array for each of `scores`, of its shape: True where kept.

    Raises:
        ValueError: If `sparsity` is outside `[0, 1)` or a score is not finite.

    Example:
        >>> masks_by_score([np.array([-3.0, 0.5]), np.array([2.0, 0.1])], sparsity=0.5)
        [array([False,  True]), array([ True, False])]
    """
    check_sparsity(sparsity)
    ranking = Ranking(scores)
    return ranking.masks(drop=round(sparsity * ranking.size))


def masks_by_output(
    scores: Weights, *, sparsity: float, gone: Mask | None = None
) -> Mask:
    """Mark the largest scores of each output to be kept; each loses equally many.

    Args:
        scores: How much each weight matters, shape `(rows, channels)`: the weights of
            one output are a column. It is not changed.
        sparsity: Fraction of the weights to drop, in `[0, 1)`.
        gone: Which weights are dropped already; they should have the lowest scores.

    Returns:
        Boolean array of the shape of `scores`: True where kept. Exactly
        `round(sparsity * rows)` entries of each column are dropped; of equal scores the
        upper ones go first. Where columns have lost more already, the others lose less,
        so that no more are gone in all.

    Raises:
        ValueError: If `sparsity` is outside `[0, 1)` or a score is not finite.

    Example:
        >>> masks_by_output(np.array([[1.0, 9.0], [2.0, 8.0]]), sparsity=0.5)
        array([[False,  True],
               [ True, False]])

    References:
        Sun, Liu, Bair, Kolter, "A Simple and Effective Pruning Approach for Large
        Language Models", ICLR 2024, section 3 (comparison group).
        https://arxiv.org/abs/2306.11695
    """
    check_sparsity(sparsity)
    _check_scores(scores)
    order = np.argsort(scores, axis=0, kind="stable")
    kept = np.ones(scores.shape, dtype=np.bool_)
    drop = round(sparsity * len(scores))
    before = np.zeros(scores.shape[1:], int) if gone is None else gone.sum(axis=0)
    in_all = drop * before.size
    while drop and np.maximum(before, drop).sum() > in_all:
        drop -= 1
    np.put_along_axis(kept, order[:drop], values=False, axis=0)
    return kept


def n_m_mask(scores: Weights, *, n: int = 2, m: int = 4, axis: int = -2) -> Mask:
    """Mark the `n` largest of each `m` consecutive scores to be kept.

    Processors that skip zeros want this pattern along the axis that a layer sums over: the
    inputs of a Dense kernel `(in, out)` and of a convolution's `(h, w, in, out)`, which
    is axis -2 of both.

    Args:
        scores: How much each weight matters, for example `np.abs(kernel)`. It is not
            changed.
        n: How many of a group to keep, 1 to `m`.
        m: Size of a group, at least 1.
        axis: Along which groups are formed.

    Returns:
        Boolean array of the shape of `scores`: True where kept. If `m` does not divide
        the axis, the last group is smaller and keeps `n` of its scores, or all if it has
        fewer: as if zeros filled it up. Of equal scores the earlier ones are dropped.

    Raises:
        ValueError: If `n` and `m` do not fit, or a score is not finite.

    Example:
        >>> scores = np.array([[1.0], [4.0], [3.0], [2.0], [0.5]])
        >>> n_m_mask(scores, n=2, m=4).ravel()
        array([False,  True,  True, False,  True])

    References:
        Mishra et al., "Accelerating Sparse Deep Neural Networks", 2021, section 3.
        https://arxiv.org/abs/2104.08378
    """
    check_n_m(n, m)
    _check_scores(scores)
    last = np.moveaxis(scores, axis, -1)
    missing = -last.shape[-1] % m
    exact = last.astype(np.float64 if last.dtype == np.float64 else np.float32)
    padding = [(0, 0)] * (last.ndim - 1) + [(0, missing)]
    filled = np.pad(exact, padding, constant_values=-np.inf)
    groups = filled.reshape(*last.shape[:-1], -1, m)
    order = np.argsort(groups, axis=-1, kind="stable")
    kept = np.ones(groups.shape, dtype=np.bool_)
    np.put_along_axis(kept, order[..., : m - n], values=False, axis=-1)
    flat = kept.reshape(filled.shape)[..., : last.shape[-1]]
    return np.ascontiguousarray(np.moveaxis(flat, -1, axis))


def threshold_mask(weights: Weights, *, threshold: float) -> Mask:
    """Mark the weights whose absolute value is at least `threshold` to be kept.

    Args:
        weights: Array of any shape. It is not changed.
        threshold: The smallest magnitude that stays, in the unit of the weights, at
            least 0. With 0 every weight stays.

    Returns:
        Boolean array of the shape of `weights`: True where a weight is kept.

    Raises:
        ValueError: If `threshold` is negative or not finite, or a weight is not finite.

    Example:
        >>> threshold_mask(np.array([0.1, -3.0, 0.5]), threshold=0.5)
        array([False,  True,  True])

    References:
        Han et al. 2015, as in `magnitude_mask`.
    """
    return threshold_cut(weights, threshold=threshold).mask(weights)


def threshold_cut(weights: Weights, *, threshold: float) -> Cut:
    """Where the weights that `threshold_mask` drops end; its arguments and errors."""
    check_threshold(threshold)
    return Ranking([weights], by_magnitude=True, what="Weights").below(threshold)


def sparsity_of(weights: Weights) -> float:
    """Fraction of the entries that are exactly zero, in `[0, 1]`.

    Example:
        >>> sparsity_of(np.array([0.0, 1.0, 0.0, 2.0]))
        0.5
    """
    if not weights.size:
        return 0.0
    return (weights.size - int(np.count_nonzero(weights))) / weights.size


def check_sparsity(sparsity: float) -> None:
    """Raise a `ValueError` unless `sparsity` is a fraction in `[0, 1)`."""
    if not 0.0 <= sparsity < 1.0:
        raise ValueError(
            "`sparsity` is the fraction of weights to drop and must be in [0, 1). "
            f"Received: sparsity={sparsity!r}. To drop 80 % of the weights pass "
            "sparsity=0.8."
        )


def check_threshold(threshold: float) -> None:
    """Raise a `ValueError` unless `threshold` is a finite magnitude."""
    if not 0.0 <= threshold < np.inf:
        raise ValueError(
            "`threshold` is a magnitude and must be finite and at least 0. "
            f"Received: threshold={threshold!r}. Weights of trained models are mostly "
            "below 0.1; a percentage is set with sparsity=."
        )


def check_n_m(n: int, m: int) -> None:
    """Raise a `ValueError` unless `n` of `m` weights can be kept."""
    if not all(isinstance(one, int | np.integer) for one in (n, m)) or not 1 <= n <= m:
        raise ValueError(
            "`n` of each `m` weights are kept, so that 1 <= n <= m, both whole. "
            f"Received: n={n!r}, m={m!r}. Sparse tensor cores take n=2, m=4."
        )


def _check_scores(scores: Weights) -> None:
    bad = scores.size - int(np.count_nonzero(np.isfinite(scores)))
    if bad:
        raise ValueError(
            f"Scores must be finite to be ranked. Received: {bad} of {scores.size} "
            f"entries of an array of shape {scores.shape} are NaN or infinite."
        )
