"""Lesson 02: magnitude and percentage pruning."""

from typing import Any

import keras
import numpy as np

from nncompress_lab import measure, zoo
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
    require_array,
)
from nncompress_lab.data import fashion_mnist
from nncompress_lab.kernels import kernel_layers, to_numpy
from nncompress_lab.passes import Context, Pass, pipeline
from nncompress_lab.pruning.magnitude import MagnitudePruning
from nncompress_lab.pruning.masks import global_magnitude_masks, threshold_mask
from nncompress_lab.pruning.masks import magnitude_mask as library_mask
from nncompress_lab.selection import Selection

WEIGHTS = np.array([[0.1, -9.0, 0.4], [2.0, -0.3, 0.0]], dtype=np.float32)
GOAL_SPARSITY = 0.75
GOAL_DROP = 0.03
GOAL_EXAMPLES = 1000


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


def _prune_model(model: keras.Model, sparsity: float) -> keras.Model:
    return MagnitudePruning(sparsity=sparsity)(model, Context())


def _tiny() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            keras.layers.Conv2D(6, 3, bias_initializer="random_normal", name="conv"),
            keras.layers.BatchNormalization(
                gamma_initializer="random_normal", name="bn"
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(4, bias_initializer="random_normal", name="dense"),
        ],
        name="tiny",
    )


prune_model = Exercise(
    "prune_model",
    title="Prune a model: kernels, and nothing else",
    points=3,
    hints=(
        "Work on a copy: `keras.models.clone_model(model)` and `set_weights`.",
        "Dense and Conv2D layers have the attribute `kernel`; a bias has one axis and a "
        "BatchNormalization layer has no kernel.",
        "For each layer with a `kernel`: layer.kernel.assign(np.where(mask, kernel, 0)) "
        "with mask = magnitude_mask(kernel, sparsity).",
    ),
    reference=_prune_model,
)


@prune_model.check
def returns_a_model(answer):
    require(callable(answer), "prune_model must be a function.")
    pruned = answer(_tiny(), 0.5)
    require(
        isinstance(pruned, keras.Model),
        f"Return the pruned model. Received: {type(pruned).__name__}.",
    )


@prune_model.check
def leaves_the_original_alone(answer):
    model = _tiny()
    before = model.get_weights()
    answer(model, 0.5)
    same = all(map(np.array_equal, before, model.get_weights()))
    require(same, "The model that went in was changed: prune a copy of it.")


@prune_model.check
def copies_the_weights(answer):
    model = _tiny()
    pruned = answer(model, 0.5)
    kept = to_numpy(pruned.get_layer("dense").kernel)
    original = to_numpy(model.get_layer("dense").kernel)
    require(
        np.array_equal(kept[kept != 0], original[kept != 0]),
        "The weights that stay are not those of the model: clone_model makes new random "
        "weights, so copy the old ones over.",
    )


@prune_model.check
def leaves_biases_and_normalization_alone(answer):
    model = _tiny()
    pruned = answer(model, 0.5)
    for name in ("conv", "bn", "dense"):
        pairs = zip(
            model.get_layer(name).variables,
            pruned.get_layer(name).variables,
            strict=True,
        )
        for before, after in pairs:
            if before.name != "kernel":
                require(
                    np.array_equal(to_numpy(before), to_numpy(after)),
                    f"{name}'s {before.name} was pruned. It has few weights and each "
                    "of them moves a whole channel: prune kernels only.",
                )


@prune_model.check
def prunes_every_kernel(answer):
    pruned = answer(_tiny(), 0.5)
    for name in ("conv", "dense"):
        kernel = to_numpy(pruned.get_layer(name).kernel)
        zeros = int(np.count_nonzero(kernel == 0))
        require(
            zeros == round(0.5 * kernel.size),
            f"Half of {name}'s {kernel.size} kernel weights must be zero. Received: "
            f"{zeros} zeros.",
        )


chosen_pruning = Exercise(
    "chosen_pruning",
    title="Meet the goal with the control",
    points=3,
    hints=(
        "Look at the sensitivity figure: which layer holds most of the weights, and how "
        "far does it go before the accuracy falls?",
        "Choose the layer dense1 in the control and prune it further than the others; "
        "leave conv1 and logits nearly alone.",
        "dense1 at 80 % and conv2 at 60 %, then Register.",
    ),
    reference=pipeline(
        MagnitudePruning(sparsity=0.8, select=Selection(names=("dense1",))),
        MagnitudePruning(sparsity=0.6, select=Selection(names=("conv2",))),
    ),
)


@chosen_pruning.check
def is_registered(answer):
    if answer is None:
        raise NotImplementedError("Nothing is registered yet.")
    require(
        isinstance(answer, Pass),
        "Hand over what the control registered: explorer.registered. Received: "
        f"{type(answer).__name__}.",
    )


@chosen_pruning.check
def prunes_enough(answer):
    pruned = answer(zoo.lenet5(), Context())
    kernels = [array for layer in kernel_layers(pruned) for array in layer.arrays()]
    zeros = sum(np.count_nonzero(kernel == 0) for kernel in kernels)
    share = zeros / sum(kernel.size for kernel in kernels)
    require(
        share >= GOAL_SPARSITY,
        f"{share:.1%} of the kernel weights are zero; the goal is "
        f"{GOAL_SPARSITY:.0%}. dense1 holds most of them.",
    )


@chosen_pruning.check
def keeps_the_accuracy(answer):
    images = fashion_mnist().validation.take(GOAL_EXAMPLES)
    model = zoo.lenet5()
    drop = measure.accuracy(model, images) - measure.accuracy(
        answer(model, Context()), images
    )
    require(
        drop <= GOAL_DROP,
        f"The accuracy falls by {100 * drop:.1f} points; the goal is "
        f"{100 * GOAL_DROP:.0f}. Some layers bear much less than others.",
    )


why_no_smaller = choice(
    "why_no_smaller",
    title="Why is the file as large as before?",
    question="The .keras file of the pruned model has the same size. Why?",
    options={
        "a": Option(
            "Keras keeps a hidden copy of the old weights.",
            "There is one copy of each weight, and the zeros are in it: count them with "
            "np.count_nonzero after loading the file.",
        ),
        "b": Option(
            "A zero is stored in 4 bytes like any other float32, and the file is a zip "
            "whose members are not compressed.",
            "",
            right=True,
        ),
        "c": Option(
            "90 % is not enough; at 99 % the file would shrink.",
            "The number of zeros does not matter to a format that stores every number. "
            "Try it: the size stays to the byte.",
        ),
        "d": Option(
            "The biases were not pruned.",
            "The biases are 580 of 431,080 weights. They could not explain it.",
        ),
    },
)

EXERCISES = (
    prune_below,
    magnitude_mask,
    global_masks,
    prune_model,
    chosen_pruning,
    why_no_smaller,
)
