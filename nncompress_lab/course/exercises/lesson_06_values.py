"""Lesson 06, first part: the nearest value of a table, and the mean of its weights."""

import warnings
from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    call,
    require,
    require_array,
)
from nncompress_lab.quantization.arrays.codebook import (
    nearest_codes as library_codes,
)

CLOSE = 1e-5  # relative: float32 against float64
TABLE = np.array([-2.0, -0.5, 0.0, 3.0])


def random_weights(*shape: int, seed: int) -> Any:
    """Weights of mixed signs with a heavy end on one side."""
    random = generator(seed)
    return (random.normal(size=shape) + random.exponential(size=shape)).astype(
        np.float32
    )


def random_table(size: int, seed: int) -> Any:
    """Values in ascending order, unevenly spaced."""
    return np.sort(random_weights(size, seed=seed)).astype(np.float64)


nearest_codes = Exercise(
    "nearest_codes",
    title="The nearest value of a table",
    points=2,
    hints=(
        "How far is each weight from each value? Put the values along a new last axis: "
        "`weights[..., np.newaxis] - table`.",
        "`np.argmin(distances, axis=-1)` says which is the smallest along that axis.",
        "np.argmin(np.abs(weights[..., np.newaxis] - table), axis=-1)",
    ),
    reference=library_codes,
)


def _codes(answer: Any, weights: Any, table: Any) -> Any:
    codes = require_array(
        call(answer, weights, table), shape=weights.shape, what="The codes"
    )
    require(
        codes.dtype.kind in "iu",
        "A code is the place of a value in the table: 0, 1, 2, ... Received: the type "
        f"{codes.dtype}. Are these the values themselves?",
    )
    require(
        codes.min() >= 0 and codes.max() < len(table),
        f"A table of {len(table)} values has the codes 0 to {len(table) - 1}. Received "
        f"codes from {codes.min()} to {codes.max()}.",
    )
    return codes.astype(np.int64)


def _choices(answer: Any, weights: list[float], table: Any) -> list[float]:
    """The values that the answer picks for weights."""
    return [float(table[code]) for code in _codes(answer, np.array(weights), table)]


@nearest_codes.check
def returns_places_in_the_table(answer):
    _codes(answer, np.array([0.0, -2.0, 3.0, 0.1, 2.0]), TABLE)


@nearest_codes.check
def finds_each_value_itself(answer):
    chosen = _choices(answer, [-1.0, 0.0, 1.0], np.array([-1.0, 0.0, 1.0]))
    require(
        chosen == [-1, 0, 1],
        "A weight that is a value of the table gets the code of that value. For -1, 0 and "
        f"1 and a table of the three, your codes stand for {chosen}. Is there an `abs` "
        "around the differences, and is it the smallest that you look for?",
    )


@nearest_codes.check
def looks_at_the_neighbours_on_both_sides(answer):
    chosen = _choices(answer, [-1.9, -0.6, 2.9, 7.0], TABLE)
    require(
        chosen == [-2.0, -0.5, 3.0, 3.0],
        "The nearest of -2, -0.5, 0 and 3 to the weights -1.9, -0.6, 2.9 and 7 are -2, "
        f"-0.5, 3 and 3. Yours: {chosen}. Of the value below a weight and the one above "
        "it, the nearer one is meant.",
    )


@nearest_codes.check
def does_not_take_the_table_for_even(answer):
    chosen = _choices(answer, [-1.0, 0.4, 1.4, 1.6], TABLE)
    require(
        chosen == [-0.5, 0.0, 0.0, 3.0],
        "The nearest of -2, -0.5, 0 and 3 to the weights -1, 0.4, 1.4 and 1.6 are -0.5, "
        f"0, 0 and 3. Yours: {chosen}. The values are not evenly spaced: the border "
        "between two of them lies halfway, between 0 and 3 at 1.5.",
    )


@nearest_codes.check
def has_the_least_distance_of_all(answer):
    cases = (((9, 7), 16, 1), ((3, 3, 2, 5), 5, 2), ((40,), 2, 3), ((6, 4), 1, 4))
    for shape, size, seed in cases:
        weights, table = random_weights(*shape, seed=seed), random_table(size, seed)
        codes = _codes(answer, weights, table)
        distances = np.abs(weights[..., np.newaxis] - table)
        farther = np.abs(weights - table[codes]) > distances.min(axis=-1) + CLOSE
        require(
            not farther.any(),
            f"{np.count_nonzero(farther)} of {weights.size} weights of shape {shape} got "
            f"a value that is not the nearest of {size}.",
        )


def _moved_table(weights: Any, codes: Any, table: Any) -> Any:
    counts = np.bincount(codes.ravel(), minlength=table.size)
    sums = np.bincount(codes.ravel(), weights.ravel(), table.size)
    return np.where((counts > 0) & (table != 0), sums / np.maximum(counts, 1), table)


moved_table = Exercise(
    "moved_table",
    title="Each value moves to the mean of its weights",
    points=2,
    hints=(
        "`weights[codes == code]` are the weights of one code. A loop over the codes is "
        "fine.",
        "Start from `table.copy()` and write a mean only where there are weights and where "
        "the value is not 0.",
        "for code in range(table.size): if table[code] != 0 and np.any(codes == code): "
        "moved[code] = weights[codes == code].mean()",
    ),
    reference=_moved_table,
)


def _moved(answer: Any, weights: Any, codes: Any, table: Any) -> Any:
    return require_array(
        call(answer, weights, codes, table), shape=table.shape, what="The moved table"
    )


@moved_table.check
def is_the_mean_of_its_weights(answer):
    weights = np.array([1.0, 2.0, 6.0, 8.0, 9.0, -1.0])
    moved = _moved(
        answer, weights, np.array([1, 1, 1, 2, 2, 0]), np.array([-2.0, 1.5, 7.0])
    )
    require(
        not np.isclose(moved[1], 2),
        "The weights 1, 2 and 6 have the mean 3. Yours is 2, their median, which makes "
        "the summed absolute error least, and not the squared one.",
    )
    require(
        np.allclose(moved, [-1, 3, 8.5], rtol=CLOSE),
        "The value of the weights 1, 2 and 6 moves to their mean, 3, that of 8 and 9 to "
        f"8.5, and that of -1 to -1. Received: {np.round(moved, 4).tolist()}.",
    )


@moved_table.check
def leaves_an_unused_value_where_it_is(answer):
    table = np.array([-3.0, 1.0, 4.0, 6.0])
    with warnings.catch_warnings(action="ignore"):  # of the mean of no numbers
        moved = _moved(answer, np.array([0.8, 1.4, 4.5]), np.array([1, 1, 2]), table)
    require(
        np.allclose(moved, [-3, 1.1, 4.5, 6], rtol=CLOSE),
        "No weight has the code 0 or 3, so those values stay at -3 and 6; the others move "
        f"to 1.1 and 4.5. Received: {np.round(moved, 4).tolist()}. (The mean of no "
        "numbers is not a number, and a sum of none is 0.)",
    )


@moved_table.check
def keeps_zero_at_zero(answer):
    table = np.array([-1.0, 0.0, 1.0])
    moved = _moved(
        answer, np.array([0.0, 0.0, 0.3, 1.2, -0.8]), np.array([1, 1, 1, 2, 0]), table
    )
    require(
        moved[1] == 0,
        "The value 0 must stay 0, or each pruned weight becomes a small wrong number. Its "
        f"weights 0, 0 and 0.3 moved yours to {moved[1]:.3g}.",
    )
    require(
        np.allclose(moved, [-0.8, 0, 1.2], rtol=CLOSE),
        "Only the value 0 stays; the others move to -0.8 and 1.2. Received: "
        f"{np.round(moved, 4).tolist()}.",
    )


@moved_table.check
def never_makes_the_error_larger(answer):
    for shape, size, seed in (((30, 7), 8, 5), ((3, 3, 2, 5), 3, 6), ((200,), 16, 7)):
        weights, table = random_weights(*shape, seed=seed), random_table(size, seed + 1)
        table = np.sort(np.append(table, 0.0))
        codes = library_codes(weights, table).astype(np.int64)
        moved = _moved(answer, weights, codes, table)
        expected = _moved_table(weights, codes, table)
        require(
            np.allclose(moved, expected, rtol=CLOSE, atol=CLOSE),
            f"For weights of shape {shape} and a table of {table.size} values, "
            f"{np.count_nonzero(~np.isclose(moved, expected, CLOSE, CLOSE))} values differ "
            "from the means of their weights.",
        )
