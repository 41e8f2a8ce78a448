"""Lesson 05: a range from data, and a normalization folded into the layer before it."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    call,
    require,
    require_array,
    require_number,
)

CLOSE = 1e-5  # relative: the order of sums


def _calibrated_range(batches: list[Any], share: float) -> tuple[float, float]:
    values = np.concatenate([np.ravel(batch) for batch in batches])
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


calibrated_range = Exercise(
    "calibrated_range",
    title="A range from data",
    points=2,
    hints=(
        "All batches count together: `np.concatenate([batch.ravel() for batch in "
        "batches])`.",
        "If the middle 98 % are to stay, 1 % may go at each end: which two quantiles are "
        "that?",
        "np.quantile(values, (1 - share) / 2) and np.quantile(values, (1 + share) / 2)",
    ),
    reference=_calibrated_range,
)


def _ends(answer: Any, batches: list[Any], share: float) -> tuple[float, float]:
    pair = call(answer, batches, share)
    require(
        isinstance(pair, tuple | list | np.ndarray) and len(pair) == 2,
        f"Return the two ends, `lowest, highest`. Received: {pair!r}.",
    )
    low, high = (require_number(end, what="An end of the range") for end in pair)
    require(low <= high, f"The lower end comes first. Received: {low:g} and {high:g}.")
    return low, high


@calibrated_range.check
def counts_every_batch(answer):
    batches = [np.array([1.0, 2.0]), np.array([[-5.0], [3.0]]), np.array([9.0])]
    low, high = _ends(answer, batches, 1.0)
    require(
        np.isclose(low, -5) and np.isclose(high, 9),
        "With share 1 the range holds every value of every batch, here -5 to 9. "
        f"Received: {low:g} to {high:g}.",
    )


@calibrated_range.check
def leaves_out_equally_many_at_each_end(answer):
    low, high = _ends(answer, [np.arange(101.0)], 0.9)
    require(
        not (np.isclose(low, 0) or np.isclose(low, 10)),
        "Of 0, 1, ..., 100 the middle 90 % are 5 to 95: as many are left out below as "
        f"above. Received: {low:g} to {high:g}.",
    )
    require(
        np.isclose(low, 5) and np.isclose(high, 95),
        f"Of 0, 1, ..., 100 the middle 90 % are 5 to 95. Received: {low:g} to {high:g}.",
    )


@calibrated_range.check
def pools_the_values(answer):
    batches = [np.linspace(0, 1, 1000), np.linspace(50, 60, 10)]
    low, high = _ends(answer, batches, 0.96)
    expected = _calibrated_range(batches, 0.96)
    require(
        np.allclose((low, high), expected, rtol=1e-6),
        "A batch of ten values counts as ten values, not as much as one of a thousand: "
        f"the range is {expected[0]:.3g} to {expected[1]:.3g}. Received: {low:.3g} to "
        f"{high:.3g}.",
    )


@calibrated_range.check
def equals_the_quantiles(answer):
    random = generator(3)
    batches = [random.normal(size=(40, 3)) - 2, random.exponential(size=90)]
    for share in (0.5, 0.8, 0.999):
        expected = _calibrated_range(batches, share)
        require(
            np.allclose(_ends(answer, batches, share), expected, rtol=1e-6),
            f"For 210 random values and the share {share} the range is {expected[0]:.4g} "
            f"to {expected[1]:.4g}. Received: {_ends(answer, batches, share)}.",
        )


def _fold_batch_norm(kernel: Any, bias: Any, norm: dict[str, Any]) -> tuple[Any, Any]:
    factor = norm["gamma"] / np.sqrt(norm["variance"] + norm["epsilon"])
    return kernel * factor, (bias - norm["mean"]) * factor + norm["beta"]


fold_batch_norm = Exercise(
    "fold_batch_norm",
    title="Fold the normalization away",
    points=2,
    hints=(
        "Put y = x @ kernel + bias into gamma * (y - mean) / sqrt(variance + epsilon) + "
        "beta and collect what belongs to x.",
        "Each output is multiplied by factor = gamma / sqrt(variance + epsilon). The "
        "outputs are the last axis of the kernel, so `kernel * factor` broadcasts.",
        "kernel * factor, (bias - mean) * factor + beta",
    ),
    reference=_fold_batch_norm,
)


def _layer(*shape: int, seed: int) -> tuple[Any, Any, dict[str, Any]]:
    random, outputs = generator(seed), shape[-1]
    norm = {
        "gamma": random.uniform(0.5, 2, outputs),
        "beta": random.normal(size=outputs),
        "mean": random.normal(size=outputs),
        "variance": random.uniform(0.1, 3, outputs),
        "epsilon": 0.3,  # large, so that whoever forgets it sees it
    }
    return random.normal(size=shape), random.normal(size=outputs), norm


def _folded(answer: Any, layer: tuple[Any, Any, dict[str, Any]]) -> tuple[Any, Any]:
    pair = call(answer, *layer)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        f"Return two arrays, `kernel, bias`. Received: {type(pair).__name__}.",
    )
    kernel, bias, _ = layer
    return (
        require_array(pair[0], shape=kernel.shape, what="The kernel"),
        require_array(pair[1], shape=bias.shape, what="The bias"),
    )


@fold_batch_norm.check
def scales_the_kernel(answer):
    layer = _layer(4, 3, seed=4)
    kernel, _ = _folded(answer, layer)
    expected, _ = _fold_batch_norm(*layer)
    require(
        np.allclose(kernel, expected),
        "The kernel is wrong: each output's weights are multiplied by gamma / "
        "sqrt(variance + epsilon). Is epsilon under the root, and the root there?",
    )


@fold_batch_norm.check
def moves_the_bias(answer):
    layer = _layer(4, 3, seed=4)
    _, bias = _folded(answer, layer)
    original, norm = layer[1], layer[2]
    require(
        not np.allclose(bias, original),
        "The bias is the old one, but the normalization moves it: its mean is "
        "subtracted, the difference scaled, and beta added.",
    )
    factor = norm["gamma"] / np.sqrt(norm["variance"] + norm["epsilon"])
    require(
        not np.allclose(bias, norm["beta"] - norm["mean"] * factor),
        "The layer's own bias got lost. It is normalized as the rest of the output is: "
        "(bias - mean) * factor + beta.",
    )
    require(
        np.allclose(bias, _fold_batch_norm(*layer)[1]),
        "The bias is wrong. In what order are mean, factor and beta applied to it?",
    )


@fold_batch_norm.check
def gives_the_same_outputs(answer):
    for shape, seed in (((4, 3), 5), ((3, 3, 2, 6), 6)):
        kernel, bias, norm = layer = _layer(*shape, seed=seed)
        x = generator(seed).normal(size=(5, *shape[:-1]))
        axes = len(shape) - 1
        before = np.tensordot(x, kernel, axes) + bias - norm["mean"]
        root = np.sqrt(norm["variance"] + norm["epsilon"])
        wanted = norm["gamma"] * before / root + norm["beta"]
        new_kernel, new_bias = _folded(answer, layer)
        received = np.tensordot(x, new_kernel, axes) + new_bias
        require(
            np.allclose(received, wanted, rtol=CLOSE),
            f"For a kernel of shape {shape} the folded layer gives other outputs than the "
            "layer and its normalization.",
        )
