"""Lesson 00: two functions about arrays, and a first look at a report."""

import math
from functools import cache
from typing import Any

import numpy as np

from nncompress_lab import zoo
from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
    require_number,
)
from nncompress_lab.course.exercises.lesson_00_bytes import bytes_needed
from nncompress_lab.course.wording import because
from nncompress_lab.pruning.arrays.masks import sparsity_of

MATRIX = np.zeros((3, 4))
BIAS = np.zeros(4)
CONVOLUTION = np.zeros((5, 5, 1, 20))
HALF = np.array([[0.0, 1.5, 0.0, 0.0], [-2.0, 0.0, 0.25, 3.0]])


def _count(arrays: list[Any]) -> int:
    return sum(math.prod(array.shape) for array in arrays)


def _counted(answer: Any, arrays: list[Any]) -> float:
    return require_number(call(answer, arrays), what="The count")


count_weights = Exercise(
    "count_weights",
    title="Count the weights",
    points=2,
    hints=(
        "An array knows how many entries it has, whatever its shape. Write "
        "`np.zeros((2, 3)).` in a cell, press Tab and look for a likely attribute.",
        "`array.size` is the number of entries. `len(array)` and `array.shape[0]` are "
        "only the length of the first axis.",
        "Add up `array.size` over all arrays: sum(array.size for array in arrays)",
    ),
    reference=_count,
)


@count_weights.check
def returns_one_number(answer):
    _counted(answer, [MATRIX])


@count_weights.check
def counts_both_axes_of_a_matrix(answer):
    received = _counted(answer, [MATRIX])
    causes = {
        0: "A weight of 0 is a weight, too: count entries, do not look at their values.",
        1: "`len` is the length of the first axis, and of a list the number of arrays.",
        3: "`len` is the length of the first axis.",
        4: "That is the length of the last axis.",
        MATRIX.nbytes: "`nbytes` is the number of bytes.",
    }
    require(
        received == 12,
        f"A matrix of 3 rows and 4 columns has 12 entries. Received: {received:g}."
        f"{because(received, causes)}",
    )


@count_weights.check
def counts_all_arrays(answer):
    received = _counted(answer, [MATRIX, MATRIX, MATRIX])
    require(
        received == 36,
        f"Three matrices of 12 entries have 36. Received: {received:g}."
        f"{because(received, {12: 'Is every array of the list added?'})}",
    )


@count_weights.check
def counts_biases(answer):
    received = _counted(answer, [MATRIX, BIAS])
    require(
        received == 16,
        "A bias is an array with one axis, and its entries are weights too: a matrix of "
        f"12 with a bias of 4 makes 16. Received: {received:g}.",
    )


@count_weights.check
def counts_all_axes_of_a_convolution(answer):
    received = _counted(answer, [CONVOLUTION])
    require(
        received == 500,
        "A convolution's kernel of shape (5, 5, 1, 20) has 5 x 5 x 1 x 20 = 500 "
        f"entries. Received: {received:g}."
        f"{because(received, {25: 'All axes count, not only the first two.'})}",
    )


@count_weights.check
def counts_a_scalar_as_one(answer):
    received = _counted(answer, [np.array(0.5), BIAS])
    require(
        received == 5,
        "A scalar is an array without axes and holds one number; with a bias of 4 that "
        f"makes 5. Received: {received:g}.",
    )


@count_weights.check
def agrees_with_keras(answer):
    arrays, expected = _lenet5()
    received = _counted(answer, arrays)
    require(
        received == expected,
        f"LeNet-5 has {expected:,} weights, says Keras. Received: {received:,.0f}.",
    )


@count_weights.check
def counts_arrays_of_any_shape(answer):
    rng = generator(1)
    shapes = [tuple(rng.integers(1, 9, size=axes).tolist()) for axes in (4, 1, 3, 2, 5)]
    received = _counted(answer, [np.zeros(shape) for shape in shapes])
    expected = sum(math.prod(shape) for shape in shapes)
    require(
        received == expected,
        f"Arrays of the shapes {shapes} have {expected} entries. Received: {received:g}.",
    )


@cache
def _lenet5() -> tuple[list[Any], int]:
    model = zoo.lenet5(pretrained=False)
    return model.get_weights(), model.count_params()


sparsity = Exercise(
    "sparsity",
    title="Which fraction is zero?",
    points=2,
    hints=(
        "`weights == 0` is an array of True and False. How many are True?",
        "`np.mean(weights == 0)` counts True as 1 and divides by the size.",
    ),
    reference=sparsity_of,
)


def _share(answer: Any, weights: Any) -> float:
    return require_number(call(answer, weights), what="The sparsity")


@sparsity.check
def is_a_fraction(answer):
    share = _share(answer, np.zeros((4, 5)))
    require(
        share != 100,
        "100 is a percentage. The sparsity is a fraction between 0 and 1: do not "
        "multiply by 100.",
    )
    require(
        0 <= share <= 1,
        f"Sparsity is a fraction between 0 and 1. Received: {share:g} for a matrix of "
        "zeros with 4 rows and 5 columns. Divide the count by the size.",
    )


@sparsity.check
def counts_zeros_and_not_the_others(answer):
    zeros, ones = _share(answer, np.zeros((2, 3))), _share(answer, np.ones((2, 3)))
    require(
        zeros == 1 and ones == 0,
        "An array of zeros has sparsity 1 and an array of ones sparsity 0. Received: "
        f"{zeros:g} and {ones:g}."
        f"{because(ones - zeros, {1: 'Is it the fraction of what is not zero?'})}",
    )


@sparsity.check
def divides_by_the_size_of_the_array(answer):
    share = _share(answer, HALF)
    require(
        share == 0.5,
        f"4 of these 8 entries are zero, so the sparsity is 0.5. Received: {share:g}.",
    )


@sparsity.check
def counts_exact_zeros_only(answer):
    share = _share(answer, np.array([0.0, 1e-9, -1e-9, 1.0]))
    require(
        share == 0.25,
        f"1e-9 is small and not zero: one of four entries is zero. Received: {share:g}. "
        "What is nearly zero is stored and multiplied like any other number.",
    )


@sparsity.check
def equals_the_library(answer):
    rng = generator(1)
    for shape, least in (((50,), 0.0), ((7, 9), -1.0), ((5, 5, 3, 8), 1.0)):
        weights = rng.normal(size=shape).astype(np.float32)
        weights *= weights > least
        share, expected = _share(answer, weights), sparsity_of(weights)
        require(
            math.isclose(share, expected, rel_tol=1e-6),
            f"For random weights of shape {shape} the library says {expected:.6f}. "
            f"Received: {share:.6f}."
            f"{because(share, {round(expected, 2): 'Do not round it.'})}",
        )


first_reading = choice(
    "first_reading",
    title="Read the report",
    hints=(
        "Compare the first line of the table with the second and the third, one column "
        "at a time. The small text in a column says how a line differs from the first.",
        "The column `.keras file` hardly changes in the second line. In which line does "
        "it change, and what does the small text in the column `latency` say?",
    ),
    options={
        "a": Option(
            "Pruning halved the file, because half of the weights are gone.",
            "They are not gone, they are 0, and a 0 takes as many bytes as any other "
            "number. Compare the column `.keras file` in the first two lines.",
        ),
        "b": Option(
            "Quantization made the file nearly four times smaller. The latency fell far "
            "less, if at all.",
            "Yes: an integer of 8 bits takes one byte where a float takes four. Most of "
            "the work are convolutions, whose integers the runtime makes floats before it "
            "multiplies. Pruning alone left the file as it was: a 0 takes four bytes.",
            right=True,
        ),
        "c": Option(
            "Quantization made the model about four times faster, because an 8-bit "
            "number is four times shorter.",
            "Most of the work are convolutions, and their integers are turned into "
            "floats before they are multiplied. Read the small text in the column "
            "`latency`.",
        ),
        "d": Option(
            "Nothing: the model has as many parameters as before.",
            "The number of parameters is the same, and each of them takes fewer bytes. "
            "That is why the report does not stop at the column `parameters`.",
        ),
    },
)


EXERCISES = (count_weights, sparsity, first_reading, bytes_needed)
