"""Lesson 02, first half: magnitude and percentage pruning of arrays."""

from typing import Any

import numpy as np

from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.exercises import lesson_02_pruned_models as pruned_models
from nncompress_lab.course.exercises.lesson_02_masks import (
    SETTINGS,
    SMALL,
    listed,
    random_weights,
    require_count,
    require_shape_and_type,
    require_smallest_dropped,
    tied_weights,
)
from nncompress_lab.course.exercises.lesson_02_patterns import two_of_four
from nncompress_lab.course.wording import because
from nncompress_lab.pruning.arrays.masks import (
    global_magnitude_masks,
    magnitude_mask as library_mask,
    threshold_mask,
)


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
    require_array(call(answer, SMALL, 0.5), shape=(2, 3))


@prune_below.check
def returns_weights_not_a_mask(answer):
    pruned = call(answer, SMALL, 0.5)
    require(
        pruned.dtype != np.bool_,
        "This is a mask of True and False. Use it to return the weights themselves.",
    )


@prune_below.check
def drops_the_small_and_keeps_the_large(answer):
    pruned = call(answer, SMALL, 0.5)
    require(
        pruned[1, 0] == 2 and pruned[0, 0] == 0,
        "With the threshold 0.5 the weight 2.0 stays and 0.1 becomes 0. Received: "
        f"{pruned[1, 0]:g} and {pruned[0, 0]:g}.",
    )


@prune_below.check
def keeps_large_negative_weights(answer):
    pruned = call(answer, SMALL, 0.5)
    require(
        pruned[0, 1] != 9,
        "-9 became 9: compare the absolute value with the threshold, and keep the weight "
        "itself.",
    )
    require(
        pruned[0, 1] == -9,
        f"-9 is a large weight and became {pruned[0, 1] + 0:g}: compare the absolute "
        "value with the threshold.",
    )


@prune_below.check
def keeps_weights_at_the_threshold(answer):
    pruned = call(answer, np.array([0.5, -0.5, 0.25]), 0.5)
    require(
        pruned[0] == 0.5 and pruned[1] == -0.5,
        "0.5 and -0.5 are not below the threshold 0.5, so they stay: compare with >=.",
    )


@prune_below.check
def keeps_the_values_that_stay(answer):
    weights = random_weights(7, 5, 3, seed=1)
    for threshold in (0.0, 0.3, 0.8):
        pruned = call(answer, weights, threshold)
        require_array(pruned, shape=weights.shape)
        require(
            np.array_equal(pruned, _prune_below(weights, threshold)),
            "The weights that stay must keep their value, in an array of any shape and "
            f"for any threshold. Tried: shape {weights.shape}, threshold {threshold:g}.",
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


def _mask(answer: Any, weights: Any, sparsity: float) -> Any:
    mask = call(answer, weights, sparsity)
    require_shape_and_type(mask, weights)
    return mask


@magnitude_mask.check
def is_a_boolean_mask(answer):
    _mask(answer, SMALL, 0.5)


@magnitude_mask.check
def takes_sparsity_for_a_fraction(answer):
    weights = random_weights(40, 50, seed=2)
    mask = _mask(answer, weights, 0.5)
    if np.count_nonzero(~mask) in range(9, 12):
        require_smallest_dropped(mask, weights, 0.5)


@magnitude_mask.check
def keeps_the_largest(answer):
    mask = _mask(answer, SMALL, 0.5)
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
    weights = random_weights(4, 50, seed=2)
    mask = _mask(answer, weights, 0.5)
    require_count(mask, weights, 0.5)


@magnitude_mask.check
def obeys_the_sparsity(answer):
    weights = random_weights(4, 50, seed=2)
    masks = [_mask(answer, weights, sparsity) for sparsity in SETTINGS]
    low, high = (int(np.count_nonzero(~mask)) for mask in masks)
    require(
        low != high,
        f"The mask drops {low} of 200 weights at sparsity 0.3 and at 0.8: use the "
        "argument `sparsity`.",
    )
    for mask, sparsity in zip(masks, SETTINGS, strict=True):
        require_count(mask, weights, sparsity)


@magnitude_mask.check
def ranks_the_whole_array(answer):
    rows = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    mask = _mask(answer, rows, 0.5)
    require(
        not mask[0].any() and mask[1].all(),
        "All weights compete in one ranking; here the whole first row goes. Sorting "
        "works along the last axis only unless you say axis=None.",
    )


@magnitude_mask.check
def is_exact_with_ties(answer):
    mask = _mask(answer, np.ones((3, 4)), 0.25)
    dropped = int(np.count_nonzero(~mask))
    require(
        dropped == 3,
        f"Of twelve equal weights a quarter is 3. The mask drops {dropped}."
        f"{because(dropped % 12, {0: 'A threshold alone cannot split equal weights.'})}",
    )


@magnitude_mask.check
def keeps_everything_at_zero(answer):
    mask = _mask(answer, SMALL, 0.0)
    require(
        mask[SMALL != 0].all(),
        "With sparsity 0 every weight stays. (`a[:-0]` is an empty slice.)",
    )
    require(
        mask.all(),
        f"With sparsity 0 every weight stays, and one of {listed(SMALL)} is dropped: the "
        "0. The mask says where weights stay, not where they are other than 0.",
    )


@magnitude_mask.check
def equals_the_library(answer):
    for weights in (
        SMALL,
        random_weights(9, 7, seed=3),
        tied_weights(5, 8, 3, 40, seed=4),
    ):
        for sparsity in SETTINGS:
            require_smallest_dropped(
                _mask(answer, weights, sparsity), weights, sparsity
            )


def _global_masks(arrays: list[Any], sparsity: float) -> list[Any]:
    return list(global_magnitude_masks(arrays, sparsity=sparsity))


global_masks = Exercise(
    "global_masks",
    title="One ranking for the whole model",
    points=2,
    hints=(
        "You have a function that ranks one array. Make one long array of all arrays: "
        "`np.concatenate([array.ravel() for array in arrays])`.",
        "Its mask is one long array too. `np.split(mask, ends)` cuts it where the arrays "
        "end; `np.cumsum` of their sizes tells where that is.",
        "ends = np.cumsum([array.size for array in arrays])[:-1]; then reshape each part "
        "to the shape of its array.",
    ),
    reference=_global_masks,
)


def _masks(answer: Any, arrays: list[Any], sparsity: float) -> list[Any]:
    masks = call(answer, arrays, sparsity)
    what = f"Return a list with one mask for each of the {len(arrays)} arrays."
    require(
        isinstance(masks, list | tuple), f"{what} Received: {type(masks).__name__}."
    )
    require(len(masks) == len(arrays), f"{what} Received: {len(masks)} masks.")
    for array, mask in zip(arrays, masks, strict=True):
        require_shape_and_type(mask, array)
    return list(masks)


@global_masks.check
def is_one_mask_for_each_array(answer):
    _masks(answer, [random_weights(3, 4, seed=4), random_weights(10, seed=5)], 0.5)


@global_masks.check
def ranks_the_arrays_together(answer):
    small, large = random_weights(50, seed=6) * 0.01, 10 + random_weights(5, 10, seed=7)
    masks = _masks(answer, [small, large], 0.5)
    require(
        not masks[0].any() and masks[1].all(),
        "One array holds small weights, the other large ones, and half of all weights "
        "go: the small array loses everything. Yours ranks each array by itself.",
    )


@global_masks.check
def drops_the_smallest_of_all(answer):
    plain = [random_weights(n, 5, seed=n) * n for n in (3, 7, 2)]
    tied = [tied_weights(20, 30, seed=8), 3 * tied_weights(41, seed=9)]
    for arrays in ([SMALL, -2 * SMALL.T], plain, tied):
        for sparsity in SETTINGS:
            masks = _masks(answer, arrays, sparsity)
            kept, weights = (
                np.concatenate([each.ravel() for each in parts])
                for parts in (masks, arrays)
            )
            require_smallest_dropped(kept, weights, sparsity, what="Your list of masks")


EXERCISES = (
    prune_below,
    magnitude_mask,
    global_masks,
    pruned_models.prune_model,
    pruned_models.chosen_pruning,
    pruned_models.why_no_smaller,
    two_of_four,
)
