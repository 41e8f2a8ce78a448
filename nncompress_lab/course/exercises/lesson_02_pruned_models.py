"""Lesson 02, second half: whole models, the control, and what the zeros save."""

import keras
import numpy as np

from nncompress_lab import measure, zoo
from nncompress_lab.course.exercise import Exercise, Option, choice, require
from nncompress_lab.data import fashion_mnist
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.models.selection import Selection
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning

GOAL_SPARSITY = 0.75
GOAL_DROP = 0.03
GOAL_EXAMPLES = 1000


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
            "Try it: the size stays to the byte.",
        ),
        "d": Option(
            "The biases were not pruned.",
            "The biases are 580 of 431,080 weights. They could not explain it.",
        ),
    },
)
