"""Lesson 08, second part: the three layers of Tucker-2, and a separable kernel."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.exercises.lesson_08_unfoldings import CLOSE, random_kernel
from nncompress_lab.course.wording import in_words
from nncompress_lab.factorization.arrays.separable import separable_factors
from nncompress_lab.factorization.arrays.tucker import tucker2

SHAPES = ((3, 3, 4, 7), (5, 2, 3, 6), (2, 3, 6, 4))
PLACES = (9, 10)  # height and width of what the layers see
CONVOLUTIONS: tuple[dict[str, Any], ...] = (
    {"strides": 1, "padding": "valid", "activation": "relu"},
    {"strides": 2, "padding": "same", "activation": "tanh"},
    {"strides": (1, 3), "padding": "valid", "use_bias": False},
)


def _three_layers(conv: Any, rank_in: int, rank_out: int) -> list[Any]:
    kinds = keras.layers.Conv2D
    return [
        kinds(rank_in, 1, use_bias=False),
        kinds(
            rank_out,
            conv.kernel_size,
            strides=conv.strides,
            padding=conv.padding,
            use_bias=False,
        ),
        kinds(conv.filters, 1, activation=conv.activation, use_bias=conv.use_bias),
    ]


three_layers = Exercise(
    "three_layers",
    title="The three layers of Tucker-2",
    points=3,
    hints=(
        "Only one of the three layers looks at neighbours: to it belong the kernel size, "
        "the strides and the padding.",
        "Bias and activation come last, after everything that the kernel did: "
        "`use_bias=conv.use_bias` and `activation=conv.activation` for the last layer, "
        "`use_bias=False` for the others.",
        "[Conv2D(rank_in, 1, use_bias=False), Conv2D(rank_out, conv.kernel_size, "
        "strides=conv.strides, padding=conv.padding, use_bias=False), Conv2D("
        "conv.filters, 1, activation=conv.activation, use_bias=conv.use_bias)]",
    ),
    reference=_three_layers,
)


def _convolution(settings: dict[str, Any]) -> Any:
    """A built convolution from 4 to 6 channels with random weights and a bias."""
    conv = keras.layers.Conv2D(6, (3, 2), **settings)
    conv.build((None, *PLACES, 4))
    conv.kernel.assign(random_kernel(3, 2, 4, 6, seed=7))
    if conv.use_bias:
        conv.bias.assign(random_kernel(6, seed=8))
    return conv


def _layers(answer: Any, conv: Any, ranks: tuple[int, int]) -> list[Any]:
    before = conv.get_weights()
    layers = call(answer, conv, *ranks)
    require(
        all(map(np.array_equal, before, conv.get_weights())),
        "The convolution that went in was changed; its chain stands beside it.",
    )
    good = isinstance(layers, list | tuple) and len(layers) == 3
    require(
        good and all(type(one) is keras.layers.Conv2D for one in layers),
        "Return a list of three keras.layers.Conv2D, from the input to the output. "
        f"Received: {in_words(layers)}.",
    )
    return list(layers)


def _outputs(layers: list[Any], conv: Any, ranks: tuple[int, int], x: Any) -> Any:
    """What the three layers compute with the factors of the convolution's kernel."""
    kernel = keras.ops.convert_to_numpy(conv.kernel)
    for layer, factor in zip(layers, tucker2(kernel, ranks=ranks).kernels, strict=True):
        layer.build(x.shape)
        require(
            tuple(layer.kernel.shape) == factor.shape,
            f"With the ranks {ranks} for a kernel of shape {kernel.shape} the three "
            f"kernels have the shapes (1, 1, 4, {ranks[0]}), (3, 2, {ranks[0]}, "
            f"{ranks[1]}) and (1, 1, {ranks[1]}, 6). One of yours has "
            f"{tuple(layer.kernel.shape)} in place of {factor.shape}.",
        )
        layer.kernel.assign(factor)
        x = layer(x)
    return x


def _images() -> Any:
    return random_kernel(2, *PLACES, 4, seed=9).astype(np.float32)


@three_layers.check
def returns_three_convolutions(answer):
    _layers(answer, _convolution(CONVOLUTIONS[0]), (2, 3))


@three_layers.check
def has_the_shapes_of_the_factors(answer):
    for ranks in ((2, 3), (3, 1)):
        conv = _convolution(CONVOLUTIONS[0])
        _outputs(_layers(answer, conv, ranks), conv, ranks, _images())


@three_layers.check
def steps_and_pads_in_the_middle(answer):
    for settings in CONVOLUTIONS:
        conv = _convolution(settings)
        layers = _layers(answer, conv, (2, 3))
        for place, layer in enumerate(layers):
            strides = conv.strides if place == 1 else (1, 1)
            require(
                layer.strides == strides,
                f"For a convolution with strides {conv.strides} layer {place + 1} of 3 "
                f"must have strides {strides}. Received: {layer.strides}. A 1x1 layer "
                "that steps throws away pixels that the middle one needs, or steps "
                "twice.",
            )
        found = tuple(_outputs(layers, conv, (2, 3), _images()).shape)
        expected = tuple(conv(_images()).shape)
        require(
            found == expected,
            f"A convolution with {_said(settings)} makes outputs of shape {expected}, "
            f"your three layers {found}. Which of them pads?",
        )


@three_layers.check
def adds_one_bias_at_the_end(answer):
    for settings in CONVOLUTIONS:
        conv = _convolution(settings)
        biases = [one.use_bias for one in _layers(answer, conv, (2, 3))]
        expected = [False, False, conv.use_bias]
        require(
            biases == expected,
            "The bias is added once, by the last layer, and only if the convolution has "
            f"one: use_bias {expected}. Received: {biases}.",
        )


@three_layers.check
def activates_at_the_end_only(answer):
    for settings in CONVOLUTIONS:
        conv = _convolution(settings)
        found = [one.activation.__name__ for one in _layers(answer, conv, (2, 3))]
        expected = ["linear", "linear", conv.activation.__name__]
        require(
            found == expected,
            "What is between the three layers is no output of the network: only the last "
            f"one has the activation of the convolution, {expected}. Received: {found}.",
        )


@three_layers.check
def loses_nothing_at_full_rank(answer):
    for settings in CONVOLUTIONS:
        conv, x = _convolution(settings), _images()
        layers = _layers(answer, conv, (4, 6))
        _outputs(layers, conv, (4, 6), x)
        if conv.use_bias:
            layers[-1].bias.assign(conv.bias)
        for layer in layers:
            x = layer(x)
        expected = keras.ops.convert_to_numpy(conv(_images()))
        require(
            np.allclose(keras.ops.convert_to_numpy(x), expected, rtol=1e-3, atol=1e-3),
            f"At full rank the three layers must compute what a convolution with "
            f"{_said(settings)} computes; yours compute something else.",
        )


def _said(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def _separable(kernel: Any) -> tuple[Any, Any]:
    depthwise, pointwise = separable_factors(kernel).kernels
    return depthwise[..., 0], pointwise[0, 0]


separable = Exercise(
    "separable",
    title="★ The nearest separable kernel",
    points=3,
    hints=(
        "Each input channel can be looked at alone: its weights kernel[:, :, i, :] are to "
        "be the product of one image and one row of numbers.",
        "Flatten the image: which matrix is to become a product of a column and a row, "
        "and what is the best such product?",
    ),
    reference=_separable,
)


def _two(answer: Any, kernel: Any) -> tuple[Any, Any]:
    result = call(answer, kernel)
    require(
        isinstance(result, tuple | list) and len(result) == 2,
        "Return two arrays: the depthwise kernel and the pointwise one. Received: "
        f"{in_words(result)}.",
    )
    return (
        require_array(result[0], shape=kernel.shape[:3], what="The depthwise kernel"),
        require_array(result[1], shape=kernel.shape[2:], what="The pointwise kernel"),
    )


def separable_error(kernel: Any, depthwise: Any, pointwise: Any) -> float:
    """The squared error of a product of the two, summed."""
    product = depthwise[..., np.newaxis] * pointwise
    return float(np.sum((kernel - product) ** 2))


@separable.check
def returns_two_arrays(answer):
    _two(answer, random_kernel(3, 2, 4, 5, seed=10))


def _separable_kernel() -> Any:
    depthwise = random_kernel(3, 2, 4, seed=11)
    return depthwise[..., np.newaxis] * random_kernel(4, 5, seed=12)


@separable.check
def is_as_large_as_the_kernel(answer):
    kernel = _separable_kernel()
    depthwise, pointwise = _two(answer, kernel)
    product = depthwise[..., np.newaxis] * pointwise
    first, yours = kernel[:, :, 0], product[:, :, 0]
    sizes = [float(np.linalg.norm(one)) for one in (first, yours)]
    angle = float(np.sum(first * yours))
    parallel = abs(angle) > 0.999 * sizes[0] * sizes[1]
    require(
        not parallel or np.isclose(angle, sizes[0] ** 2, rtol=1e-3),
        "Each channel of your product points the right way and has another size: the "
        f"first {sizes[1]:.3g} in place of {sizes[0]:.3g}, or another sign. Does the "
        "singular value go in, and only once?",
    )


@separable.check
def meets_a_separable_kernel_without_an_error(answer):
    kernel = _separable_kernel()
    error = separable_error(kernel, *_two(answer, kernel))
    require(
        error < CLOSE,
        "This kernel is a depthwise one times a pointwise one, so the nearest separable "
        f"kernel is itself. Yours has the squared error {error:.3g}.",
    )


@separable.check
def has_the_least_error(answer):
    for shape in SHAPES:
        kernel = random_kernel(*shape, seed=13)
        error = separable_error(kernel, *_two(answer, kernel))
        least = separable_error(kernel, *_separable(kernel))
        require(
            error <= 1.001 * least + CLOSE,
            f"For a kernel of shape {shape} yours has {error / least:.2f} times the least "
            "squared error. Each channel has a best pair of its own.",
        )
