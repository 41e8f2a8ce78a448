"""The checks of lesson 00 take every right answer, and say what is wrong with others."""

import math

import numpy as np
import pytest

from nncompress_lab.course.exercises.lesson_00_start import (
    EXERCISES,
    count_weights,
    sparsity,
)
from nncompress_lab.course.grade import ERROR, FAIL, PASS, UNATTEMPTED, grade


def with_a_loop(arrays):
    total = 0
    for array in arrays:
        total += math.prod(array.shape)
    return total


def as_one_long_array(arrays):
    return len(np.concatenate([array.ravel() for array in arrays]))


def with_numpy(arrays):
    return np.sum([np.size(array) for array in arrays])


def as_a_float(arrays):
    return float(sum(np.ones_like(array).sum() for array in arrays))


@pytest.mark.parametrize(
    "answer", [with_a_loop, as_one_long_array, with_numpy, as_a_float]
)
def test_a_count_may_be_made_in_many_ways(answer):
    assert grade(count_weights, answer).status == PASS


@pytest.mark.parametrize(
    "answer",
    [
        lambda weights: 1 - np.count_nonzero(weights) / weights.size,
        lambda weights: np.count_nonzero(weights == 0) / np.prod(weights.shape),
        lambda weights: sum(w == 0 for w in weights.flat) / weights.size,
        lambda weights: np.mean(weights == 0, dtype=np.float32),
    ],
)
def test_a_sparsity_may_be_computed_in_many_ways(answer):
    assert grade(sparsity, answer).status == PASS


@pytest.mark.parametrize(
    ("exercise", "answer", "mistake", "words"),
    [
        (count_weights, len, "counts_both_axes_of_a_matrix", "first axis"),
        (count_weights, lambda a: [x.size for x in a], "returns_one_number", "number"),
        (count_weights, lambda a: sum(x.nbytes for x in a), None, "12 entries"),
        (sparsity, lambda w: np.mean(w == 0, axis=0), "is_a_fraction", "one number"),
        (sparsity, lambda w: 100 * np.mean(w == 0), "is_a_fraction", "percentage"),
        (
            sparsity,
            lambda w: np.mean(np.abs(w) < 1e-6),
            "counts_exact_zeros_only",
            "1e-9",
        ),
    ],
)
def test_a_mistake_is_named(exercise, answer, mistake, words):
    outcome = grade(exercise, answer)

    assert outcome.status == FAIL
    assert mistake in (None, outcome.mistake)
    assert words in outcome.message


def test_a_scalar_trips_code_that_takes_the_first_axis():
    outcome = grade(count_weights, lambda a: sum(x.shape[0] * x[0].size for x in a))

    assert outcome.status == ERROR
    assert "in your line" in outcome.message


def test_stubs_are_not_attempted():
    def stub(_):
        raise NotImplementedError

    assert grade(count_weights, stub).status == UNATTEMPTED
    assert grade(sparsity, stub).status == UNATTEMPTED
    assert all(grade(each, ...).status == UNATTEMPTED for each in EXERCISES)


def test_the_lesson_has_seven_points():
    assert sum(each.points for each in EXERCISES) == 7
