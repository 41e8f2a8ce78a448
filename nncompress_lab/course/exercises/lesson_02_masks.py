"""Lesson 02: what is wrong with a mask, in the learner's words."""

import math
from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Mistake, require
from nncompress_lab.pruning.arrays.masks import Mask, Weights, magnitude_mask

SETTINGS = (0.3, 0.8)
SMALL = np.array([[0.1, -9.0, 0.4], [2.0, -0.3, 0.0]], dtype=np.float32)


def random_weights(*shape: int, seed: int) -> Weights:
    """Fresh weights with signs of both kinds, hardly two of them equal."""
    return generator(seed).normal(size=shape).astype(np.float32)


def tied_weights(*shape: int, seed: int) -> Weights:
    """Weights of which many have the same magnitude, as rounded ones have."""
    return np.round(random_weights(*shape, seed=seed), 1)


def listed(weights: Weights) -> str:
    """Few weights, for a message."""
    return str(np.round(weights.astype(float), 3).tolist())


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
    asking = f"at sparsity {sparsity:g} of {weights.size} weights"
    require(
        not np.array_equal(kept, ~expected),
        f"{what} is upside down {asking}: it drops what must stay.",
    )
    require_count(kept, weights, sparsity, what=what)
    magnitudes = np.abs(weights)
    if not kept.all() and magnitudes[~kept].max() > magnitudes[kept].min():
        lost = weights[~kept][magnitudes[~kept].argmax()]
        stays = weights[kept][magnitudes[kept].argmin()]
        shown = f" of {listed(weights)}" if weights.size <= SMALL.size else ""
        raise Mistake(
            f"{what} drops {lost:.3g} and keeps {stays:.3g}{shown} {asking}: the "
            "smallest magnitudes must go. Rank np.abs(weights), over all axes."
        )
    require(
        np.array_equal(kept, expected),
        f"{what} drops the right number {asking}, but of equal magnitudes the one that "
        "comes first must go first: sort with kind='stable', from front to back.",
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


def require_count(
    kept: Mask, weights: Weights, sparsity: float, *, what: str = "The mask"
) -> None:
    """Refuse a mask that drops too many or too few weights.

    Args:
        kept: True where a weight is kept.
        weights: What the mask is for.
        sparsity: The fraction that had to go.
        what: What drops the weights, at the beginning of a sentence.

    Raises:
        Mistake: If the number is not `round(sparsity * size)`.
    """
    asked, dropped = round(sparsity * weights.size), int(np.count_nonzero(~kept))
    asking = f"at sparsity {sparsity:g} of {weights.size} weights"
    counted = _count(dropped, asked, sparsity, weights)
    require(dropped == asked, f"{what} drops {dropped} {asking}. {counted}")


def _count(dropped: int, asked: int, sparsity: float, weights: Weights) -> str:
    """How many must go, and the mistake that leads to the number that goes instead."""
    exact, rows = sparsity * weights.size, sparsity * len(weights)
    causes = {
        "`sparsity` is a fraction of the number of weights, no threshold: these are the "
        "weights below it.": dropped == np.count_nonzero(np.abs(weights) < sparsity),
        "It drops as many as must stay.": dropped == weights.size - asked,
        "That is a hundred times as many. `sparsity` is a fraction such as 0.5: do not "
        "divide it by 100. (np.percentile wants 0 to 100; np.quantile wants a "
        "fraction.)": asked >= 100 and abs(dropped - asked / 100) <= 1,
        f"That is round({exact:.1f}), neither down nor up.": (
            dropped in {math.floor(exact), math.ceil(exact)}
        ),
        "`len` is the number of rows; `weights.size` counts all weights.": (
            weights.ndim > 1 and dropped in {round(rows), int(rows)}
        ),
        "That is one more or less. Is it a threshold, and what becomes of the weight "
        "that lies at it?": abs(dropped - asked) == 1,
    }
    usual = (
        "That is round(sparsity * size), with the sparsity that is asked for and the "
        "size of the whole array."
    )
    likely = next((cause for cause, holds in causes.items() if holds), usual)
    return f"{asked} must go. {likely}"
