"""The checks of lesson 02 take every right answer, and say what is wrong with others."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.course.exercises.lesson_02_pruning import (
    EXERCISES,
    global_masks,
    magnitude_mask,
    pruned_models,
)
from nncompress_lab.course.grade import grade
from nncompress_lab.course.progress import ERROR, FAIL, PASS, UNATTEMPTED

chosen_pruning, prune_model = pruned_models.chosen_pruning, pruned_models.prune_model


def by_sorting_positions(weights, sparsity):
    order = sorted(range(weights.size), key=lambda place: abs(weights.flat[place]))
    mask = np.full(weights.size, True)
    mask[order[: round(sparsity * weights.size)]] = False
    return mask.reshape(weights.shape)


def by_rank(weights, sparsity):
    order = np.argsort(np.abs(weights).ravel(), kind="stable")
    rank = np.empty(weights.size, int)
    rank[order] = np.arange(weights.size)
    return (rank >= round(sparsity * weights.size)).reshape(weights.shape)


@pytest.mark.parametrize("answer", [by_sorting_positions, by_rank])
def test_a_mask_may_be_made_in_many_ways_and_is_the_librarys(answer):
    assert grade(magnitude_mask, answer).status == PASS
    kernel = ncl.zoo.lenet5().get_layer("conv2").kernel.numpy()
    expected = magnitude_mask.reference(kernel, 0.8)
    assert np.array_equal(answer(kernel, 0.8), expected)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda w, s: np.abs(w) > np.percentile(np.abs(w), s), "np.percentile wants"),
        (lambda w, s: by_rank(w, s / 100), "do not divide it by 100"),
        (lambda w, s: by_rank(w, int(s * w.size) / w.size), "neither down nor up"),
        (lambda w, s: ~by_rank(w, s), "upside"),
        (lambda w, s: by_rank(np.exp(w), s), "not by magnitude"),
        (lambda w, s: by_rank(w, 0.5), "use the argument"),
        (
            lambda w, s: by_rank(w[::-1, ::-1], s)[::-1, ::-1],
            "comes first must go first",
        ),
        (lambda w, s: by_rank(w, s).astype(float), "True (kept) and False"),
    ],
)
def test_a_wrong_mask_is_told_its_own_mistake(answer, words):
    outcome = grade(magnitude_mask, answer)

    assert outcome.status == FAIL
    assert words in outcome.message


def with_a_loop(arrays, sparsity):
    flat = by_rank(np.concatenate([array.ravel() for array in arrays]), sparsity)
    masks, start = [], 0
    for array in arrays:
        masks.append(flat[start : start + array.size].reshape(array.shape))
        start += array.size
    return masks


def test_global_masks_may_be_cut_with_a_loop_and_returned_as_a_tuple():
    assert grade(global_masks, with_a_loop).status == PASS
    assert grade(global_masks, lambda a, s: tuple(with_a_loop(a, s))).status == PASS


def pruned_with(mask, *, select=lambda layer: hasattr(layer, "kernel")):
    """A pruning of a whole model with this mask for each kernel."""

    def prune(model, sparsity):
        pruned = keras.models.clone_model(model)
        pruned.set_weights(model.get_weights())
        for layer in filter(select, pruned.layers):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(np.where(mask(kernel, sparsity), kernel, 0))
        return pruned

    return prune


def test_a_pruned_model_that_passes_has_the_librarys_weights():
    answer = pruned_with(by_rank)
    assert grade(prune_model, answer).status == PASS
    model = ncl.zoo.lenet5()
    library = ncl.MagnitudePruning(sparsity=0.8, scope="layer")(model)
    yours = answer(model, 0.8)
    assert all(map(np.array_equal, yours.get_weights(), library.get_weights()))


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (lambda w, s: ~by_rank(w, s), "upside down"),
        (lambda w, s: by_rank(np.exp(w), s), "smallest magnitudes must go"),
        (lambda w, s: by_rank(w, 0.5), "sparsity that is asked for"),
        (lambda w, s: np.abs(w) >= np.quantile(np.abs(w), s), "drops"),
    ],
)
def test_a_wrong_pruning_of_a_model_is_told_its_own_mistake(mask, words):
    outcome = grade(prune_model, pruned_with(mask))

    assert (outcome.status, outcome.mistake) == (
        FAIL,
        "prunes_the_smallest_of_each_kernel",
    )
    assert words in outcome.message


def test_a_control_whose_register_was_not_pressed_says_so():
    outcome = grade(chosen_pruning, None)

    assert outcome.status == UNATTEMPTED
    assert "press Register" in outcome.message


@pytest.mark.parametrize("exercise", EXERCISES[:4], ids=lambda each: each.name)
def test_errors_are_told_from_stubs(exercise):
    def broken(*_):
        return undefined_name  # noqa: F821

    outcome = grade(exercise, broken)

    assert outcome.status == ERROR
    assert "in your line: return undefined_name" in outcome.message
    assert grade(exercise, ...).status == UNATTEMPTED
