"""Lesson 06, last part: why files differ, a whole model, and the best table of all."""

from typing import Any

import numpy as np

from nncompress_lab.course.chosen import chosen, compressed, require_goal
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
)
from nncompress_lab.course.exercises.lesson_06_costs import (
    code_bytes,
    fewest_weights,
)
from nncompress_lab.course.exercises.lesson_06_values import (
    moved_table,
    nearest_codes,
    random_weights,
)
from nncompress_lab.quantization.arrays.codebook import learn_codebook
from nncompress_lab.quantization.arrays.codebook_format import CodebookFormat
from nncompress_lab.quantization.codebook_quantization import CodebookQuantization
from nncompress_lab.trials.goal import Goal

GOAL = Goal(packed_bytes=115_000, accuracy_drop=0.02)
ENOUGH = 1.01  # times the least squared error, so that rounding decides nothing


why_smaller = choice(
    "why_smaller",
    title="Why is the file of even values smaller?",
    hints=(
        "Look at the two pictures of code counts: in which of them are the bars alike?",
        "Four bits a code are stored in both cases. What does `ncl.pack` make of a code "
        "that occurs very often?",
    ),
    options={
        "a": Option(
            "Even values need no table.",
            "True, and a table is 64 bytes here. The files differ by more than a thousand "
            "times that.",
        ),
        "b": Option(
            "Free values are used about equally often, so their codes have a higher "
            "entropy.",
            "Yes. k-means puts values where the weights are, so that each is needed; it "
            "spends the bits well, and for that very reason nothing is left to save. Even "
            "values leave most of the bits unused, and entropy coding gets them back.",
            right=True,
        ),
        "c": Option(
            "ncl.pack cannot code tables and codes as well as integers.",
            "It codes both in the same way, and the check above printed how near each file "
            "is to its bound.",
        ),
        "d": Option(
            "The model with even values lost more weights to zero, and zeros are left out.",
            "Zero is only the most frequent of its codes. The other even values occur "
            "unequally often too, and zeros left out alone would not explain the entropy.",
        ),
    },
)


chosen_codebook = chosen(
    "chosen_codebook",
    example="ncl.CodebookQuantization(bits=4)",
    hints=(
        "One table for each kernel: at 3 bits the file is too large, at 2 bits the "
        "accuracy is too low. What else can a table belong to?",
        "In `dense1` a channel has 800 weights. What does a table of four values cost "
        "there, for each weight?",
        'ncl.CodebookQuantization(bits=2, granularity="per_channel")',
    ),
    reference=CodebookQuantization(bits=2, granularity="per_channel"),
)


@chosen_codebook.check
def stores_codebooks(answer):
    layers = compressed(answer).layers
    formats = [
        layer.kernel_format for layer in layers if hasattr(layer, "kernel_format")
    ]
    require(
        formats and all(isinstance(each, CodebookFormat) for each in formats),
        "The kernels are to be stored as codes into tables of free values, by "
        "ncl.CodebookQuantization. With your pass "
        + (
            "some are stored as even values."
            if formats
            else "they are stored as floats."
        ),
    )


require_goal(
    chosen_codebook,
    GOAL,
    remarks={
        "packed_bytes": "Fewer bits make fewer bytes.",
        "accuracy_drop": "Which weights share a table?",
    },
)


def _best_table(weights: Any, size: int) -> Any:
    return learn_codebook(weights, size=size, keep_zeros=False).table


def table_error(weights: Any, table: Any) -> float:
    """The squared error of each weight's nearest value, summed."""
    distances = np.abs(weights.reshape(-1, 1) - np.asarray(table).reshape(1, -1))
    return float(np.sum(distances.min(axis=1) ** 2))


best_table = Exercise(
    "best_table",
    title="★ The table with the least error of all",
    points=2,
    hints=(
        "On a line the weights of one value lie side by side: sort them, and what is to be "
        "chosen is where to cut.",
        "Suppose you know the best tables of k - 1 values for the first 1, 2, 3, ... "
        "weights. How do you find those of k values?",
    ),
    reference=_best_table,
)


def _table(answer: Any, weights: Any, size: int) -> Any:
    table = call(answer, weights, size)
    require(
        isinstance(table, np.ndarray) and table.ndim == 1 and table.dtype.kind == "f",
        "The table is an array of floats with one axis. Received: "
        + (
            f"the shape {table.shape}, {table.dtype}."
            if isinstance(table, np.ndarray)
            else f"{type(table).__name__}."
        ),
    )
    require(
        0 < table.size <= size and np.isfinite(table).all(),
        f"The table holds at most {size} values, all finite. Received: {table.size} "
        f"values, {np.count_nonzero(np.isfinite(table))} of them finite.",
    )
    return table


@best_table.check
def meets_few_values_without_an_error(answer):
    weights = np.array([[3.0, -1.0, 8.0], [3.0, 8.0, -1.0]])
    table = _table(answer, weights, 3)
    require(
        table_error(weights, table) < 1e-9,
        "The weights -1, 3 and 8 are met without an error by a table of three values. "
        f"Received: {np.round(np.sort(table), 3).tolist()}.",
    )


@best_table.check
def does_not_stay_in_a_bad_start(answer):
    weights = np.array([0.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 100.0])
    table = np.sort(_table(answer, weights, 4))
    error = table_error(weights, table)
    require(
        error <= ENOUGH * 4,
        "For 0, 10 to 15 and 100, the four values 0, 11, 14 and 100 have a squared error "
        f"of 4. Yours, {np.round(table, 2).tolist()}, have {error:.3g}. (k-means from an "
        "even start leaves two values where there is nothing, and cannot bring them back.)",
    )


@best_table.check
def has_the_least_error(answer):
    for shape, size, seed in (((23,), 2, 12), ((4, 6), 5, 13), ((3, 3, 3), 7, 14)):
        weights = random_weights(*shape, seed=seed).astype(np.float64) ** 3
        error = table_error(weights, _table(answer, weights, size))
        least = table_error(weights, _best_table(weights, size))
        require(
            error <= ENOUGH * least,
            f"For {weights.size} weights and {size} values your table has "
            f"{error / least:.2f} times the least squared error.",
        )


EXERCISES = (
    nearest_codes,
    moved_table,
    code_bytes,
    why_smaller,
    fewest_weights,
    chosen_codebook,
    best_table,
)
