"""The checks of lesson 01 take every right answer, and say what is wrong with others."""

import math

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.course.exercises.lesson_01_measuring import (
    EXERCISES,
    honest_size,
    layer_macs,
    speedup,
    verdict,
)
from nncompress_lab.course.exercises.lesson_01_timing import FASTER, NO_CHANGE, SLOWER
from nncompress_lab.course.grade import ERROR, FAIL, PASS, UNATTEMPTED, grade


def saved_bytes(model, path):
    model.save(path)
    return path.stat().st_size


def test_an_honest_size_may_come_from_a_copy_or_from_a_file_read_again(tmp_path):
    path = tmp_path / "model.keras"

    def from_a_copy(model):
        return saved_bytes(ncl.copy_model(model), path)

    def from_a_view_of_the_graph(model):
        return saved_bytes(keras.Model(model.inputs, model.outputs), path)

    def from_a_file_read_again(model):
        model.save(path)
        plain = keras.saving.load_model(path, compile=False)
        return saved_bytes(plain, tmp_path / "again.keras")

    for answer in (from_a_copy, from_a_view_of_the_graph, from_a_file_read_again):
        assert grade(honest_size, answer).status == PASS, answer.__name__


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda size: size / 1000, "is_in_bytes"),
        (lambda size: size / 2**20, "is_in_bytes"),
        (lambda size: 0.9 * size, "counts_the_whole_file"),
        (lambda size: 1.2 * size, "is_the_size_of_the_file"),
        (lambda size: f"{size} bytes", "returns_one_number_of_bytes"),
        (lambda size: 0, "returns_one_number_of_bytes"),
    ],
)
def test_another_number_than_the_bytes_of_the_file_is_refused(wrong, mistake):
    outcome = grade(honest_size, lambda model: wrong(honest_size.reference(model)))

    assert (outcome.status, outcome.mistake) == (FAIL, mistake)


def test_an_honest_size_that_spoils_the_weights_is_refused():
    def spoils(model):
        size = honest_size.reference(model)
        model.set_weights([np.zeros_like(array) for array in model.get_weights()])
        return size

    outcome = grade(honest_size, spoils)

    assert (outcome.status, outcome.mistake) == (FAIL, "leaves_the_model_as_it_is")
    assert "weights" in outcome.message


def with_branches(kernel_shape, output_shape):
    if len(kernel_shape) == 2:
        inputs, outputs = kernel_shape
        return inputs * outputs
    height, width, channels, filters = kernel_shape
    rows, columns, _ = output_shape
    return rows * columns * height * width * channels * filters


@pytest.mark.parametrize(
    "answer",
    [
        with_branches,
        lambda kernel, output: np.prod(kernel) * np.prod(output[:-1]),
        lambda kernel, output: math.prod(kernel[:-1]) * math.prod(output),
    ],
)
def test_macs_may_be_counted_in_many_ways(answer):
    assert grade(layer_macs, answer).status == PASS


@pytest.mark.parametrize(
    "answer",
    [
        lambda before, after: np.min(before) / np.min(after),
        lambda before, after: min(before) / min(after),
        lambda before, after: np.quantile(before, 0.05) / np.quantile(after, 0.05),
        lambda before, after: before[1:].min() / after[1:].min(),
        lambda before, after: np.sort(before)[:3].mean() / np.sort(after)[:3].mean(),
    ],
)
def test_a_speedup_from_the_least_disturbed_blocks_passes(answer):
    outcome = grade(speedup, answer)

    assert outcome.status == PASS, outcome.message


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (lambda before, after: np.min(before / after), "finds_twins_equal"),
        (lambda before, after: before.sum() / after.sum(), "finds_twins_equal"),
        (lambda before, after: before / after, "is_above_one_when_faster"),
        (lambda before, after: 1 - after.min() / before.min(), None),
        (
            lambda before, after: before.max() / after.max(),
            "looks_past_the_first_block",
        ),
    ],
)
def test_a_speedup_that_noise_can_fake_is_refused(answer, mistake):
    outcome = grade(speedup, answer)

    assert outcome.status == FAIL
    assert mistake in (None, outcome.mistake)


def by_logarithm(ratio, band):
    if abs(math.log(ratio)) <= math.log(1 + band):
        return NO_CHANGE
    return FASTER if ratio > 1 else SLOWER


def as_in_the_library(ratio, band):
    race = ncl.measure.Race({"first": ratio, "second": 1.0}, band)
    said = race.verdict("second")
    return next(word for word in (NO_CHANGE, FASTER, SLOWER) if word in said)


def by_two_bounds(ratio, band):
    if ratio > 1 + band:
        return FASTER
    return SLOWER if ratio < 1 / (1 + band) else NO_CHANGE


@pytest.mark.parametrize("answer", [by_logarithm, as_in_the_library, by_two_bounds])
def test_every_fair_verdict_passes(answer):
    outcome = grade(verdict, answer)

    assert outcome.status == PASS, outcome.message


def test_a_verdict_in_other_words_is_refused():
    outcome = grade(verdict, lambda ratio, band: "quicker")

    assert (outcome.status, outcome.mistake) == (FAIL, "tells_faster_from_slower")
    assert "'quicker'" in outcome.message


@pytest.mark.parametrize("exercise", EXERCISES[:4], ids=lambda each: each.name)
def test_errors_are_told_from_stubs(exercise):
    def broken(*_):
        return undefined_name  # noqa: F821

    def stub(*_):
        raise NotImplementedError

    outcome = grade(exercise, broken)

    assert outcome.status == ERROR
    assert "in your line: return undefined_name" in outcome.message
    assert grade(exercise, stub).status == UNATTEMPTED
    assert grade(exercise, ...).status == UNATTEMPTED


def test_the_lesson_has_thirteen_points():
    assert sum(each.points for each in EXERCISES) == 13
