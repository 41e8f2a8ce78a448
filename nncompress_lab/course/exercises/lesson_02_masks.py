"""Lesson 02: what is wrong with a mask, in the learner's words."""

import math
from typing import Any

import numpy as np

from nncompress_lab.course.exercise import Mistake, require
from nncompress_lab.pruning.arrays.masks import Mask, Weights, magnitude_mask

SETTINGS = (0.3, 0.8)
SMALL = np.array([[0.1, -9.0, 0.4], [2.0, -0.3, 0.0]], dtype=np.float32)


def random_weights(*shape: int, seed: int) -> Weights:
    """Weights with signs of both kinds, no two of them equal."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def tied_weights(*shape: int, seed: int) -> Weights:
    """Weights of which many have the same magnitude, as rounded ones have."""
    return np.round(random_weights(*shape, seed=seed), 1)


def require_smallest_dropped(
    kept: Mask, weights: Weights, sparsity: float, *, what: str = "The mask"
) -> None:
    """Refuse a mask that is not exactly the library's, and say what is wrong with it.

    Args:
        kept: True where a weight is kept.
        weights: What the mask is for.
        sparsity: The fraction that had to go.
        what: What drops the weights, at the beginning of a sentence.

    Raises:
        Mistake: If the mask drops too many or too few weights, others than the
            smallest, or of equal ones not the earlier.
    """
    expected = magnitude_mask(weights, sparsity=sparsity)
    asked, dropped = (int(np.count_nonzero(~mask)) for mask in (expected, kept))
    asking = f"at sparsity {sparsity:g} of {weights.size} weights"
    require(
        not np.array_equal(kept, ~expected),
        f"{what} is upside down {asking}: it drops what must stay.",
    )
    counted = _count(dropped, asked, sparsity * weights.size)
    require(dropped == asked, f"{what} drops {dropped} {asking}. {counted}")
    magnitudes = np.abs(weights)
    if dropped and magnitudes[~kept].max() > magnitudes[kept].min():
        lost = weights[~kept][magnitudes[~kept].argmax()]
        stays = weights[kept][magnitudes[kept].argmin()]
        shown = f" of {weights.tolist()}" if weights.size <= SMALL.size else ""
        raise Mistake(
            f"{what} drops {lost:.3g} and keeps {stays:.3g}{shown} {asking}: the "
            "smallest magnitudes must go. Rank np.abs(weights), over all axes."
        )
    require(
        np.array_equal(kept, expected),
        f"{what} drops the right number {asking}, but of equal magnitudes the one that "
        "comes first must go first: sort with kind='stable'.",
    )


def require_shape_and_type(mask: Any, weights: Weights) -> None:
    """Refuse what is no mask for these weights.

    Raises:
        Mistake: If it is no boolean array of their shape.
    """
    require(
        isinstance(mask, np.ndarray) and mask.shape == weights.shape,
        f"The mask must be an array of shape {weights.shape}. Received: "
        f"{getattr(mask, 'shape', type(mask).__name__)}.",
    )
    require(
        mask.dtype == np.bool_,
        f"A mask holds True (kept) and False. Received: the type {mask.dtype}.",
    )


def _count(dropped: int, asked: int, exact: float) -> str:
    if asked >= 100 and abs(dropped - asked / 100) <= 1:
        return (
            f"{asked} must go, a hundred times as many. `sparsity` is a fraction such as "
            "0.5: do not divide it by 100. (np.percentile wants 0 to 100; np.quantile "
            "wants a fraction.)"
        )
    if dropped in (math.floor(exact), math.ceil(exact)):
        return f"{asked} must go: round({exact:.1f}), neither down nor up."
    return (
        f"{asked} must go: round(sparsity * size), with the sparsity that is asked for "
        "and the size of the whole array."
    )
