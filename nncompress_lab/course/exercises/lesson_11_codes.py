"""Lesson 11: zeros first or values first, and what positions and values cost at least."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    call,
    require,
    require_array,
    require_number,
)
from nncompress_lab.quantization.arrays.codebook import learn_codebook

Learn = Callable[[Any, int], Any]
CLOSE: Final = 1e-6


def best_values(weights: Any, size: int) -> Any:
    """The `size` values with the least squared error, ascending."""
    return learn_codebook(weights, size=size, keep_zeros=False).table


def _prune_then_share(weights: Any, sparsity: float, size: int, learn: Learn) -> Any:
    order = np.argsort(np.abs(weights), axis=None)
    kept = np.ones(weights.size, bool)
    kept[order[: round(sparsity * weights.size)]] = False
    kept = kept.reshape(weights.shape)
    values = learn(weights[kept], size - 1)
    nearest = values[np.argmin(np.abs(weights[..., np.newaxis] - values), axis=-1)]
    return np.where(kept, nearest, 0)


prune_then_share = Exercise(
    "prune_then_share",
    title="Zeros first, then shared values",
    points=2,
    hints=(
        "Two steps. Which weights are left? That is lesson 02. Which values do they take? "
        "That is lesson 06.",
        "0 is one of the `size` values and is taken already: `learn(weights[kept], "
        "size - 1)`, so that no other value is spent on what is gone.",
        "nearest = values[np.argmin(np.abs(weights[..., np.newaxis] - values), axis=-1)], "
        "and then np.where(kept, nearest, 0).",
    ),
    reference=_prune_then_share,
)


class _Watched:
    """Learns values, and notes what from and how many."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any]] = []

    def __repr__(self) -> str:  # as an error tells what a function was called with
        return "learn"

    def __call__(self, weights: Any, size: int) -> Any:
        self.calls.append((np.ravel(weights), size))
        return best_values(np.asarray(weights), size)


def _shared(answer: Any, weights: Any, sparsity: float, size: int) -> Any:
    """The answer, and the calls of `learn`."""
    learn = _Watched()
    found = call(answer, weights, sparsity, size, learn)
    what = f"What becomes of weights of the shape {weights.shape}"
    return require_array(found, shape=weights.shape, what=what), learn.calls


@prune_then_share.check
def prunes_the_smallest(answer):
    weights = np.array([[0.1, -2.0, 0.3], [1.5, -0.2, -0.9]])
    found, _ = _shared(answer, weights, 0.5, 4)
    gone = np.abs(weights) < 0.5
    zeros = int(np.count_nonzero(found == 0))
    require(
        zeros != 0,
        "Half of the weights are to be exactly 0, and none is: what is near zero is not "
        "yet zero.",
    )
    require(
        zeros == 3,
        f"Of six weights half are to be zero. Received: {zeros} zeros.",
    )
    require(
        np.array_equal(found == 0, gone),
        "The three smallest magnitudes are 0.1, 0.3 and -0.2, and those are to be zero. "
        f"In your answer it is {np.sort(weights[found == 0]).tolist()}.",
    )


@prune_then_share.check
def learns_from_what_is_left(answer):
    weights = generator(21).normal(size=(9, 4))
    _, calls = _shared(answer, weights, 0.75, 4)
    require(
        len(calls) == 1,
        f"Call `learn` once. It was called {len(calls)} times.",
    )
    given = calls[0][0]
    require(
        given.size != weights.size or np.any(given == 0),
        "`learn` was given all weights, also those that go: it places values among them, "
        "and these are lost.",
    )
    require(
        not np.any(given == 0),
        "`learn` was given the zeros, too: it places a value near 0, but not on it, and "
        "has one fewer for the weights that are left.",
    )
    largest = np.sort(np.abs(weights), axis=None)[-9:]
    require(
        given.size == 9 and np.allclose(np.sort(np.abs(given)), largest),
        "At a sparsity of 0.75 `learn` is to be given the nine weights that are left of "
        f"36, the largest. It was given {given.size}.",
    )


@prune_then_share.check
def counts_zero_among_the_values(answer):
    weights = generator(22).normal(size=(7, 11))
    found, calls = _shared(answer, weights, 0.4, 8)
    count = np.unique(found).size
    require(
        count <= 8,
        "Eight values were asked for, and 0 is one of them. Your answer has "
        f"{count}: `learn` was asked for {calls[0][1]}.",
    )
    require(
        count == 8,
        f"Eight values may be used, 0 and seven others. Your answer has {count}.",
    )


@prune_then_share.check
def takes_the_nearest_value(answer):
    for stream, shape, sparsity, size in (
        (23, (9, 5), 0.35, 4),
        (24, (3, 3, 2, 6), 0.8, 8),
        (25, (90,), 0.5, 16),
    ):
        weights = generator(stream).normal(size=shape)
        found, _ = _shared(answer, weights, sparsity, size)
        expected = _prune_then_share(weights, sparsity, size, best_values)
        require(
            np.array_equal(found == 0, expected == 0),
            f"At a sparsity of {sparsity:g}, of {weights.size} weights "
            f"{np.count_nonzero(expected == 0)} are to be zero, those of the smallest "
            "magnitudes.",
        )
        require(
            np.allclose(found, expected, rtol=CLOSE, atol=CLOSE),
            f"For weights of the shape {shape}, a sparsity of {sparsity:g} and {size} "
            "values, some weights that are left are not the learned value that is nearest.",
        )


def _entropy(symbols: Any) -> float:
    counts = np.unique(symbols, return_counts=True)[1]
    shares = counts / symbols.size
    return float(-np.sum(shares * np.log2(shares)))


def _kernel_bill(kernel: Any) -> tuple[float, float]:
    kept = kernel[kernel != 0]
    return kernel.size * _entropy(kernel != 0) / 8, kept.size * _entropy(kept) / 8


kernel_bill = Exercise(
    "kernel_bill",
    title="The bill of a kernel",
    points=2,
    hints=(
        "The entropy of lesson 06, twice: of the question zero or not, asked at every "
        "place, and of the values, at the places where there is one.",
        "`np.unique(symbols, return_counts=True)` counts symbols of any kind: truth values "
        "(`kernel != 0`) and numbers (`kernel[kernel != 0]`).",
        "For both: shares = counts / symbols.size; entropy = -np.sum(shares * "
        "np.log2(shares)); bytes = symbols.size * entropy / 8.",
    ),
    reference=_kernel_bill,
)


def _bytes(answer: Any, kernel: Any) -> tuple[float, float]:
    with np.errstate(all="ignore"):  # of the logarithm of 0
        pair = call(answer, kernel)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        f"Return two numbers, `positions, values`. Received: {pair!r}.",
    )
    require(
        not any(isinstance(one, float | np.floating) and np.isnan(one) for one in pair),
        f"With {np.count_nonzero(kernel)} weights at {kernel.size} places a part of the "
        "bill is not a number: 0 * log2(0) cannot be computed. What does not occur has no "
        "share.",
    )
    parts = zip(pair, ("The positions", "The values"), strict=True)
    found = [require_number(one, what=f"{what}, in bytes,") for one, what in parts]
    return found[0], found[1]


_SMALL: Final = np.array([[0.0, 0.0, 0.5, 0.0], [0.0, -0.2, 0.0, 0.0]])
_ROWS: Final = 16  # of the small kernel below each other, so that whole bytes come out
_PLACES: Final = 0.8112781  # bits of a place of which every fourth is taken


@kernel_bill.check
def measures_in_bytes(answer):
    positions, values = _bytes(answer, np.tile(_SMALL, (_ROWS, 1)))
    expected = 128 * _PLACES / 8
    require(
        not np.isclose(positions, 8 * expected),
        "Eight bits are a byte.",
    )
    require(
        not np.isclose(positions, expected * np.log(2)),
        "That is the entropy in units of the natural logarithm; for bits take `np.log2`.",
    )
    require(
        not np.allclose((positions, values), (4, expected)),
        "Both are right, but in the wrong order: the positions come first.",
    )
    require(
        not np.array_equal((positions, values), np.rint((expected, 4))),
        "Do not round: a bill of 12.98 bytes is one of 12.98 bytes.",
    )
    require(
        not np.isclose(positions, _PLACES) and not np.isclose(positions, _PLACES / 8),
        "That is what one place needs; there are 128.",
    )
    require(
        not positions < 0 and not values < 0,
        "The logarithm of a share is negative: the sum needs a minus sign in front.",
    )


@kernel_bill.check
def asks_at_every_place(answer):
    positions, _ = _bytes(answer, np.tile(_SMALL, (_ROWS, 1)))
    require(
        np.isclose(positions, 128 * _PLACES / 8, rtol=CLOSE),
        "128 places, of which every fourth holds a weight: 0.811 bits for each place, "
        f"12.98 bytes in all. Received: {positions:.2f}.",
    )


@kernel_bill.check
def counts_the_values_of_what_is_left(answer):
    _, values = _bytes(answer, np.tile(_SMALL, (_ROWS, 1)))
    require(
        not np.isclose(values, 128 / 8),
        "Only where a weight is left its value is to be told: at 32 places, not at 128.",
    )
    require(
        np.isclose(values, 32 / 8, rtol=CLOSE),
        "32 weights are left, half of them 0.5, half -0.2: one bit for each, 4 bytes. "
        f"Received: {values:.2f}. Does 0 still count as a value?",
    )


@kernel_bill.check
def knows_that_what_is_certain_is_free(answer):
    full, empty = np.array([[0.5, 0.25], [0.25, 0.25]]), np.zeros((3, 2))
    for kernel, told in ((full, "is left"), (empty, "is zero")):
        positions, values = _bytes(answer, kernel)
        require(
            np.isclose(positions, 0, atol=CLOSE),
            f"Where every weight {told} there is nothing to tell about positions: 0 bytes. "
            f"Received: {positions:.3g}.",
        )
    require(
        np.isclose(values, 0, atol=CLOSE),
        f"Without any weight there are no values: 0 bytes. Received: {values:.3g}.",
    )


@kernel_bill.check
def is_right_for_any_kernel(answer):
    for stream, shape, part, count in (
        (31, (20, 13), 0.3, 3),
        (32, (3, 3, 4, 7), 0.1, 7),
        (33, (5, 50), 0.8, 15),
    ):
        random = generator(stream)
        table = random.permutation(np.r_[-count:0, 1:count]) / 7
        drawn = table[(random.random(shape) ** 2 * table.size).astype(int)]
        kernel = np.where(random.random(shape) < part, drawn, 0)
        found, expected = _bytes(answer, kernel), _kernel_bill(kernel)
        require(
            np.allclose(found, expected, rtol=CLOSE),
            f"For a kernel of the shape {shape} with {np.count_nonzero(kernel)} weights "
            f"left it is {expected[0]:.2f} bytes for positions and {expected[1]:.2f} for "
            f"values. Received: {found[0]:.2f} and {found[1]:.2f}.",
        )
