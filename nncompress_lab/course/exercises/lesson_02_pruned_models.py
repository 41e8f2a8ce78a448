"""Lesson 02, second half: whole models, the control, and what the zeros save."""

from functools import lru_cache
from typing import Any

import keras
import numpy as np

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    choice,
    require,
)
from nncompress_lab.course.exercises.lesson_02_masks import (
    SETTINGS,
    require_smallest_dropped,
)
from nncompress_lab.course.wording import in_words
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.models.selection import Selection
from nncompress_lab.passes import Context
from nncompress_lab.pipelines import pipeline
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.trials.goal import Goal

GOAL = Goal(zeros=0.75, accuracy_drop=0.03)


def _prune_model(model: keras.Model, sparsity: float) -> keras.Model:
    return MagnitudePruning(sparsity=sparsity, scope="layer")(model, Context())


def _tiny(*, rounded: bool = False) -> keras.Model:
    """A model with each kind of weight; rounded, many weights are equal and none is 0."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(6, 3, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.Flatten(),
            layers.Dense(4, name="dense"),
        ],
        name="tiny",
    )
    rng = generator(15)
    model.set_weights([0.2 * rng.normal(size=w.shape) for w in model.get_weights()])
    if rounded:
        for layer in kernel_layers(model):
            steps = [np.ceil(np.abs(kernel) * 50) for kernel in layer.arrays()]
            signs = [np.sign(kernel) for kernel in layer.arrays()]
            layer.assign([a * b / 50 for a, b in zip(steps, signs, strict=True)])
    return model


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


@lru_cache(maxsize=1)
def _halved(answer: Any) -> tuple[keras.Model, Any]:
    """A model after the answer was called with it, and what the answer returned."""
    model = _tiny()
    return model, answer(model, 0.5)


@prune_model.check
def returns_a_model(answer):
    require(callable(answer), "prune_model must be a function.")
    _halved.cache_clear()
    _, pruned = _halved(answer)
    require(
        isinstance(pruned, keras.Model),
        f"Return the pruned model. Received: {in_words(pruned)}.",
    )


@prune_model.check
def leaves_the_original_alone(answer):
    model, _ = _halved(answer)
    same = all(map(np.array_equal, _tiny().get_weights(), model.get_weights()))
    require(same, "The model that went in was changed: prune a copy of it.")


@prune_model.check
def copies_the_weights(answer):
    model, pruned = _halved(answer)
    for name, (original, kept) in _kernels(model, pruned).items():
        require(
            set(np.unique(kept).tolist()) != {0, 1},
            f"The kernel of {name} holds 0 and 1: that is the mask. Use it to choose "
            "between the kernel's weights and 0.",
        )
        require(
            np.array_equal(kept[kept != 0], original[kept != 0]),
            "The weights that stay are not those of the model: clone_model makes new "
            "random weights, so copy the old ones over.",
        )


@prune_model.check
def leaves_biases_and_normalization_alone(answer):
    model, pruned = _halved(answer)
    for name in ("conv", "bn", "dense"):
        pairs = zip(
            model.get_layer(name).variables,
            pruned.get_layer(name).variables,
            strict=True,
        )
        for before, after in pairs:
            if before.name != "kernel":
                _require_as_before(f"{name}'s {before.name}", before, after)


def _require_as_before(what: str, before: Any, after: Any) -> None:
    weights, left = to_numpy(before), to_numpy(after)
    require(
        np.isin(left, weights).any() or not weights.any(),
        f"{what} has other weights than that of the model. clone_model makes new ones: "
        "copy all weights over, not those of the kernels alone.",
    )
    require(
        np.array_equal(weights, left),
        f"{what} was pruned. It has few weights and each of them moves a whole channel: "
        "prune kernels only.",
    )


@prune_model.check
def prunes_every_kernel(answer):
    for name, (_, kernel) in _kernels(*_halved(answer)).items():
        zeros = int(np.count_nonzero(kernel == 0))
        require(
            zeros == round(0.5 * kernel.size),
            f"Half of {name}'s {kernel.size} kernel weights must be zero. Received: "
            f"{zeros} zeros.",
        )


@prune_model.check
def prunes_the_smallest_of_each_kernel(answer):
    rounded = _tiny(rounded=True)
    for sparsity in SETTINGS:
        for name, pair in _kernels(rounded, answer(rounded, sparsity)).items():
            original, pruned = pair
            what = f"Your pruning of {name}"
            require_smallest_dropped(pruned != 0, original, sparsity, what=what)


def _kernels(model: keras.Model, pruned: keras.Model) -> dict[str, tuple[Any, Any]]:
    """The kernel of each layer before and after."""
    return {
        name: (
            to_numpy(model.get_layer(name).kernel),
            to_numpy(pruned.get_layer(name).kernel),
        )
        for name in ("conv", "dense")
    }


chosen_pruning = chosen(
    "chosen_pruning",
    example="ncl.MagnitudePruning(sparsity=0.5)",
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
require_goal(
    chosen_pruning,
    GOAL,
    remarks={
        "zeros": "dense1 holds most of the weights.",
        "accuracy_drop": "Some layers bear less than others.",
    },
)


why_no_smaller = choice(
    "why_no_smaller",
    title="Why is the file as large as before?",
    hints=(
        "In lesson 01 you looked into a `.keras` file. Were its members stored or "
        "compressed?",
        "How many bytes does a float32 array of a thousand zeros take, "
        "`np.zeros(1000, 'float32').nbytes`, and how many one of a thousand ones?",
    ),
    options={
        "a": Option(
            "Keras keeps a hidden copy of the old weights.",
            "There is one copy of each weight, and the zeros are in it: count them with "
            "np.count_nonzero after loading the file.",
        ),
        "b": Option(
            "A zero is stored in 4 bytes like any other float32, and the file is a zip "
            "whose members are not compressed.",
            "Yes. That is why the packed file, which codes where the weights are that "
            "stayed, is small: it spends nothing on zeros.",
            right=True,
        ),
        "c": Option(
            "90 % is not enough; at 99 % the file would shrink.",
            "The number of zeros does not matter to a format that stores every number. "
            "Try it: at 99 % the size is the same, up to a few bytes for names.",
        ),
        "d": Option(
            "The biases were not pruned.",
            "The biases are 580 of 431,080 weights. They could not explain it.",
        ),
    },
)
