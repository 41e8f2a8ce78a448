"""Lesson 02, first half: magnitude and percentage pruning of arrays."""

from typing import Any

import numpy as np

from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.exercises import lesson_02_pruned_models as pruned_models
from nncompress_lab.pruning.arrays.masks import (
    global_magnitude_masks,
    magnitude_mask as library_mask,
    threshold_mask,
)

WEIGHTS = np.array([[0.1, -9.0, 0.4], [2.0, -0.3, 0.0]], dtype=np.float32)


def _random(shape: tuple[int, ...], *, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _prune_below(weights: Any, threshold: float) -> Any:
    return np.where(threshold_mask(weights, threshold=threshold), weights, 0)


prune_below = Exercise(
    "prune_below",
    title="Set the small weights to zero",
    points=2,
    hints=(
        "`np.abs(weights) >= threshold` is an array of True and False.",
        "`np.where(condition, a, b)` takes from `a` where it is True, else from `b`.",
        "np.where(np.abs(weights) >= threshold, weights, 0)",
    ),
    reference=_prune_below,
)


@prune_below.check
def keeps_the_shape(answer):
    require_array(call(answer, WEIGHTS, 0.5), shape=(2, 3))


@prune_below.check
def returns_weights_not_a_mask(answer):
    pruned = call(answer, WEIGHTS, 0.5)
    require(
        pruned.dtype != np.bool_,
        "This is a mask of True and False. Use it to return the weights themselves.",
    )


@prune_below.check
def drops_the_small_and_keeps_the_large(answer):
    pruned = call(answer, WEIGHTS, 0.5)
    require(
        pruned[1, 0] == 2 and pruned[0, 0] == 0,
        "With the threshold 0.5 the weight 2.0 stays and 0.1 becomes 0. Received: "
        f"{pruned[1, 0]:g} and {pruned[0, 0]:g}.",
    )


@prune_below.check
def keeps_large_negative_weights(answer):
    pruned = call(answer, WEIGHTS, 0.5)
    require(
        pruned[0, 1] == -9,
        "-9 is a large weight and became "
        f"{pruned[0, 1]:g}: compare the absolute value with the threshold.",
    )


@prune_below.check
def keeps_the_values_that_stay(answer):
    weights = _random((7, 5, 3), seed=1)
    pruned = call(answer, weights, 0.8)
    require_array(pruned, shape=weights.shape)
    require(
        np.array_equal(pruned, _prune_below(weights, 0.8)),
        "The weights that stay must keep their value, in an array of any shape.",
    )


magnitude_mask = Exercise(
    "magnitude_mask",
    title="Keep the largest weights, by percentage",
    points=3,
    hints=(
        "How many weights go? `round(sparsity * weights.size)`; `len` is only the first "
        "axis.",
        "`np.argsort(np.abs(weights), axis=None, kind='stable')` gives the flat "
        "positions from the smallest to the largest magnitude.",
        "Start from `mask = np.ones(weights.size, dtype=bool)`, set the first positions "
        "of that order to False, and reshape.",
    ),
    reference=lambda weights, sparsity: library_mask(weights, sparsity=sparsity),
)


@magnitude_mask.check
def is_a_boolean_mask(answer):
    mask = require_array(call(answer, WEIGHTS, 0.5), shape=(2, 3), what="The mask")
    require(
        mask.dtype == np.bool_,
        f"A mask holds True (kept) and False. Received: the type {mask.dtype}.",
    )


@magnitude_mask.check
def keeps_the_largest(answer):
    mask = call(answer, WEIGHTS, 0.5)
    require(
        mask[0, 1] or mask[0, 0],
        "-9 has the largest magnitude of all and is dropped: is there an `abs`?",
    )
    require(
        mask[0, 1] and not mask[1, 2],
        "The largest magnitude is dropped and the smallest kept: the mask is upside "
        "down, or the order is by value and not by magnitude.",
    )


@magnitude_mask.check
def counts_all_axes(answer):
    mask = call(answer, _random((4, 50), seed=2), 0.5)
    dropped = int(np.count_nonzero(~mask))
    require(
        dropped == 100,
        f"Half of 4 x 50 weights are 100. The mask drops {dropped}: "
        "does the count use the size of the whole array?",
    )


@magnitude_mask.check
def ranks_the_whole_array(answer):
    rows = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    mask = require_array(call(answer, rows, 0.5), shape=rows.shape, what="The mask")
    require(
        not mask[0].any() and mask[1].all(),
        "All weights compete in one ranking; here the whole first row goes. Sorting "
        "works along the last axis only unless you say axis=None.",
    )


@magnitude_mask.check
def is_exact_with_ties(answer):
    mask = call(answer, np.ones((3, 4)), 0.25)
    dropped = int(np.count_nonzero(~mask))
    require(
        dropped == 3,
        "Of twelve equal weights a quarter is 3. The mask drops "
        f"{dropped}: a threshold alone cannot split equal weights.",
    )


@magnitude_mask.check
def keeps_everything_at_zero(answer):
    require(
        call(answer, WEIGHTS, 0.0).all(),
        "With sparsity 0 every weight stays. (`a[:-0]` is an empty slice.)",
    )


@magnitude_mask.check
def equals_the_library(answer):
    weights = _random((5, 5, 3, 8), seed=3)
    for sparsity in (0.1, 0.5, 0.9):
        require(
            np.array_equal(
                call(answer, weights, sparsity),
                library_mask(weights, sparsity=sparsity),
            ),
            f"At sparsity {sparsity} the mask differs from the library's.",
        )


def _global_masks(arrays: list[Any], sparsity: float) -> list[Any]:
    return list(global_magnitude_masks(arrays, sparsity=sparsity))


global_masks = Exercise(
    "global_masks",
    title="One threshold for the whole model",
    points=2,
    hints=(
        "Put the magnitudes of all arrays into one long array: "
        "`np.concatenate([np.abs(a).ravel() for a in arrays])`.",
        "The magnitude of rank `round(sparsity * all.size)` is the threshold for every "
        "array.",
        "threshold = np.sort(everything)[round(sparsity * everything.size)]; "
        "[np.abs(a) >= threshold for a in arrays]",
    ),
    reference=_global_masks,
)


@global_masks.check
def is_one_mask_for_each_array(answer):
    arrays = [_random((3, 4), seed=4), _random((10,), seed=5)]
    masks = call(answer, arrays, 0.5)
    require(
        isinstance(masks, list | tuple) and len(masks) == 2,
        "Return a list with one mask for each array.",
    )
    for array, mask in zip(arrays, masks, strict=True):
        require_array(mask, shape=array.shape, what="Each mask")


@global_masks.check
def ranks_the_arrays_together(answer):
    small, large = _random((50,), seed=6) * 0.01, 10 + _random((5, 10), seed=7)
    masks = call(answer, [small, large], 0.5)
    require(
        not masks[0].any() and masks[1].all(),
        "One array holds small weights, the other large ones, and half of all weights "
        "go: the small array loses everything. Yours ranks each array by itself.",
    )


@global_masks.check
def drops_the_exact_total(answer):
    arrays = [_random((20, 30), seed=8), 3 * _random((40,), seed=9)]
    for sparsity in (0.25, 0.9):
        dropped = sum(
            np.count_nonzero(~mask) for mask in call(answer, arrays, sparsity)
        )
        require(
            dropped == round(sparsity * 640),
            f"Of 640 weights {round(sparsity * 640)} must go at sparsity {sparsity}. "
            f"Yours drops {dropped}.",
        )


EXERCISES = (
    prune_below,
    magnitude_mask,
    global_masks,
    pruned_models.prune_model,
    pruned_models.chosen_pruning,
    pruned_models.why_no_smaller,
)
