"""Which weights to keep: boolean masks from magnitudes or scores. NumPy only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.pruning.cut import Ranking

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
    check_sparsity(sparsity)
    ranking = Ranking(arrays, by_magnitude=True, what="Weights")
    return ranking.masks(drop=round(sparsity * ranking.size))


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
    check_threshold(threshold)
    return Ranking([weights], by_magnitude=True, what="Weights").reaching(threshold)[0]


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
