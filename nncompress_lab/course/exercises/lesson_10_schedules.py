"""Lesson 10: how sparse a model is at each step, and zeros that training leaves alone."""

from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    call,
    require,
    require_number,
)
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.pruning.arrays.schedules import cubic_sparsity
from nncompress_lab.training.while_training import build_steps_anew, keep_zeros_of

CLOSE = 1e-6
TINY = 1e-3
FAR = 0.9  # for a weight of at most 1 in two steps at a small learning rate
# Begin, end and final sparsity of some prunings: none begins where another ends.
SCHEDULES = ((0, 10, 0.8), (40, 100, 0.95), (7, 27, 0.3))


def _sparsity_at(step: int, begin: int, end: int, sparsity: float) -> float:
    progress = min(max((step - begin) / (end - begin), 0.0), 1.0)
    return cubic_sparsity(progress, sparsity=sparsity)


sparsity_at = Exercise(
    "sparsity_at",
    title="The cubic schedule",
    points=2,
    hints=(
        "Which part of the pruning is over? (step - begin) / (end - begin), but never less "
        "than 0 and never more than 1.",
        "`1 - part` is what is still to come; its cube is large at first and falls fast.",
        "part = min(max((step - begin) / (end - begin), 0), 1), then "
        "sparsity * (1 - (1 - part) ** 3)",
    ),
    reference=_sparsity_at,
)


def _at(answer: Any, step: int, begin: int, end: int, sparsity: float) -> float:
    found = call(answer, step, begin, end, sparsity)
    return require_number(found, what="The sparsity")


@sparsity_at.check
def begins_with_nothing_and_ends_with_all(answer):
    first, last = (_at(answer, step, 10, 30, 0.8) for step in (10, 30))
    require(
        np.isclose(first, 0, atol=CLOSE) and np.isclose(last, 0.8),
        "A pruning from step 10 to step 30 has a sparsity of 0 at step 10 and the final "
        f"0.8 at step 30. Received: {first:g} and {last:g}.",
    )


@sparsity_at.check
def stays_within_the_two_ends(answer):
    before, after = (_at(answer, step, 10, 30, 0.8) for step in (0, 90))
    require(
        np.isclose(before, 0, atol=CLOSE),
        "Before it begins nothing is pruned: of a pruning from step 10 on, the sparsity at "
        f"step 0 is 0. Received: {before:g}.",
    )
    require(
        np.isclose(after, 0.8),
        "When it is over the sparsity stays: of a pruning to 0.8 that ends at step 30, the "
        f"sparsity at step 90 is 0.8. Received: {after:g}.",
    )


@sparsity_at.check
def is_fast_at_first(answer):
    half = _at(answer, 20, 10, 30, 0.8)
    remarks = {
        0.4: "That is a straight line.",
        0.1: "That is slow at first and fast in the end: the cube is of what is still to "
        "come, 1 - part, and not of the part that is over.",
        0.6: "That is the square.",
    }
    remark = next((text for at, text in remarks.items() if np.isclose(half, at)), "")
    require(
        np.isclose(half, 0.7),
        "Half of the way 1 - 0.5**3, seven eighths of the final sparsity, are reached: 0.7 "
        f"of 0.8. Received: {half:g}. {remark}".rstrip(),
    )


@sparsity_at.check
def equals_the_librarys_schedule(answer):
    for begin, end, sparsity in SCHEDULES:
        for step in generator(1).integers(0, 2 * end, 12).tolist():
            found = _at(answer, step, begin, end, sparsity)
            expected = _sparsity_at(step, begin, end, sparsity)
            require(
                np.isclose(found, expected, atol=CLOSE),
                f"From step {begin} to {end}, to a sparsity of {sparsity:g}: at step "
                f"{step} it is {expected:.4f}. Received: {found:.4f}.",
            )


def _keep_zeros(model: keras.Model) -> None:
    for layer in kernel_layers(model):
        for kernel in layer.kernels():
            keep_zeros_of(kernel)
    build_steps_anew(model)


keep_zeros = Exercise(
    "keep_zeros",
    title="Zeros that survive the training",
    points=3,
    hints=(
        "Keras applies the constraint of a variable after each update: "
        "`layer.kernel.constraint = function`. Yours returns the kernel with zeros where "
        "it had zeros.",
        "Each kernel needs a mask of its own, made now: a class that is given its mask, or "
        "a default argument. A lambda in a loop looks its mask up later, and finds the "
        "last one.",
        "constraint = lambda w, mask=mask: w * mask with mask = (kernel != 0) as float32; "
        "then model.train_function = None, so that Keras builds its training step anew.",
    ),
    reference=_keep_zeros,
)


class _Training(NamedTuple):
    """Kernels and biases at some moments of a training."""

    start: list[Any]
    called: list[Any]
    end: list[Any]
    remark: str  # on the constraints


def two_layers(*, seed: int) -> keras.Model:
    """A convolution and a Dense layer, each with 36 weights, and some without, compiled."""
    model = keras.Sequential(
        [
            keras.Input((1, 6)),
            keras.layers.Conv1D(6, 1, name="first"),
            keras.layers.LeakyReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(6, name="second"),
        ]
    )
    random = generator(seed)
    for layer in with_kernels(model):
        shape = layer.kernel.shape
        signs = random.choice([-1, 1], shape)
        layer.kernel.assign(signs * random.uniform(0.1, 1, shape))
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, loss="mse", jit_compile=False)
    return model


def with_kernels(model: keras.Model) -> list[Any]:
    """The two layers that have a kernel."""
    return [layer for layer in model.layers if hasattr(layer, "kernel")]


def examples(count: int, *, seed: int) -> tuple[Any, Any]:
    """Random inputs and targets for `two_layers`."""
    random = generator(seed)
    x, y = random.normal(size=(2, count, 6)).astype(np.float32)
    return x[:, None], y


def _prune(model: keras.Model) -> None:
    """Set a half of each kernel to zero, another half in each, and one next to it."""
    for layer in with_kernels(model):
        kept = np.indices((6, 6)).sum(axis=0) % 2 == (layer.name == "first")
        kernel = np.where(kept.reshape(layer.kernel.shape), to_numpy(layer.kernel), 0)
        kernel.flat[np.flatnonzero(kernel)[7]] = TINY
        layer.kernel.assign(kernel)


def _remark(model: keras.Model) -> str:
    """What is likely to be wrong with the constraints of a model, as a question or not."""
    for layer in with_kernels(model):
        constraint = layer.kernel.constraint
        if constraint is None and layer.kernel_constraint is not None:
            return "`layer.kernel_constraint` came too late: set the kernel's own."
        if constraint is None:
            return f"The kernel of the {type(layer).__name__} layer has no constraint."
        if np.all(to_numpy(constraint(keras.ops.ones(layer.kernel.shape))) == 1):
            return "Updates come before a constraint: make its mask when called."
    return "Has each kernel a mask of its own, True where the weight is not 0 now?"


@lru_cache(maxsize=2)
def _training(answer: Any, *, fitted: bool) -> _Training:
    """A pruned model before and after the answer was called, and after two steps."""
    require(
        callable(answer),
        f"This must be a function. Received: {type(answer).__name__}.",
    )
    model = two_layers(seed=2)
    x, y = examples(16, seed=3)
    if fitted:
        model.train_on_batch(x, y)
    _prune(model)
    start = model.get_weights()
    answer(model)
    called = model.get_weights()
    for _ in range(2):
        model.train_on_batch(x, y)
    return _Training(start, called, model.get_weights(), _remark(model))


def _kernels(training: _Training) -> list[tuple[Any, Any]]:
    """Of each layer, the kernel before and after the training."""
    return list(zip(training.start[::2], training.end[::2], strict=True))


@keep_zeros.check
def changes_no_weight_itself(answer):
    _training.cache_clear()
    training = _training(answer, fitted=False)
    require(
        all(map(np.array_equal, training.start, training.called)),
        "The call changed the weights. It only says what holds from now on; training "
        "changes the weights.",
    )


@keep_zeros.check
def holds_the_zeros(answer):
    training = _training(answer, fitted=False)
    kernels = _kernels(training)
    filled = [int(np.count_nonzero(end[start == 0])) for start, end in kernels]
    require(
        not any(filled),
        "Two kernels of 36 weights had 18 zeros each. After two steps of training "
        f"{filled[0]} and {filled[1]} of these are no longer 0. {training.remark}",
    )


@keep_zeros.check
def lets_the_other_weights_train(answer):
    kernels = _kernels(_training(answer, fitted=False))
    still = [int(np.sum((start == end) & (start != 0))) for start, end in kernels]
    require(
        not any(still),
        "Only zeros are to stay. Of 18 other weights in each kernel, "
        f"{still[0]} and {still[1]} did not move in two steps of training.",
    )
    zeroed = [int(np.sum((end == 0) & (start != 0))) for start, end in kernels]
    require(
        not any(zeroed),
        f"{zeroed[0]} and {zeroed[1]} weights that were not zero are now: is the mask the "
        f"wrong way round? A weight of {TINY:g} is small and not zero: it trains.",
    )


@keep_zeros.check
def hands_back_the_weights(answer):
    kernels = _kernels(_training(answer, fitted=False))
    moved = max(float(np.abs(end - start).max()) for start, end in kernels)
    require(
        moved < FAR,
        f"In two small steps a weight moved by {moved:.2g}. The constraint is to hand back "
        "the weights that it is given, with zeros in their places.",
    )


@keep_zeros.check
def lets_biases_train(answer):
    training = _training(answer, fitted=False)
    require(
        all(np.all(bias != 0) for bias in training.end[1::2]),
        "The biases began at 0, and stayed there. A fresh bias is zero because it was not "
        "trained yet, not because it was pruned: kernels alone get a constraint.",
    )


@keep_zeros.check
def works_after_a_first_fit(answer):
    training = _training(answer, fitted=True)
    filled = sum(int(np.count_nonzero(b[a == 0])) for a, b in _kernels(training))
    require(
        filled == 0,
        "A model that was trained before forgot its zeros: "
        f"{filled} of 36 are filled. Keras compiles its training step once and goes on "
        "with it, without a constraint that came later. `model.train_function = None` "
        "makes it build the step anew.",
    )
