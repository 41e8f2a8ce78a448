"""Exercises answered with a control: whatever the goal bounds is checked, by one rule."""

import keras
import pytest

import nncompress_lab as ncl
from nncompress_lab.course.chosen import chosen, compressed, require_goal
from nncompress_lab.course.grade import grade
from nncompress_lab.course.progress import FAIL, PASS
from nncompress_lab.trials.goal import Goal

GENTLE = ncl.MagnitudePruning(sparsity=0.01, scope="layer")


def tiny() -> keras.Model:
    keras.utils.set_random_seed(4)
    layers = [keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


def exercise_of(**bounds):
    exercise = chosen("chosen_pass", reference=GENTLE, example="ncl.A()", hints=())
    remarks = {name: f"Think of {name}." for name in bounds}
    require_goal(exercise, Goal(**bounds), model=tiny, remarks=remarks)
    return exercise


@pytest.mark.parametrize(
    ("bounds", "mistake"),
    [
        ({"zeros": 0.5}, "prunes_enough"),
        ({"packed_bytes": 100}, "is_small_enough"),
        ({"keras_bytes": 100}, "saves_few_enough_bytes"),
        ({"parameters": 100}, "has_few_enough_parameters"),
        ({"macs": 100}, "takes_few_enough_macs"),
    ],
)
def test_a_missed_bound_is_told_with_its_remark(bounds, mistake):
    outcome = grade(exercise_of(**bounds), GENTLE)

    assert (outcome.status, outcome.mistake) == (FAIL, mistake)
    assert not outcome.message[0].islower()
    assert outcome.message.endswith(f". Think of {next(iter(bounds))}.")


def test_the_accuracy_is_compared_with_that_of_the_exercises_own_model():
    exercise = exercise_of(accuracy_drop=0.0)

    assert grade(exercise, ncl.pipeline()).status == PASS
    (check,) = exercise.checks[1:]
    assert check.__name__ == "keeps_enough_accuracy"


def test_an_answer_is_compressed_once_for_all_its_checks(monkeypatch):
    calls = []
    prune = ncl.MagnitudePruning.transform
    monkeypatch.setattr(
        ncl.MagnitudePruning,
        "transform",
        lambda *given: calls.append(given) or prune(*given),
    )
    exercise = exercise_of(macs=10**6, accuracy_drop=1.0, zeros=0.0, parameters=10**6)

    answer = ncl.MagnitudePruning(sparsity=0.25, scope="layer")
    exercise.check(lambda given: compressed(given, tiny))

    assert grade(exercise, answer).status == PASS
    assert len(calls) == 1


def test_bounds_are_checked_in_the_order_of_the_goal():
    outcome = grade(exercise_of(macs=10**6, parameters=1, zeros=0.9), GENTLE)

    assert outcome.mistake == "has_few_enough_parameters"


def test_what_calibrates_is_given_images_and_what_trains_is_refused():
    exercise = exercise_of(macs=10**6)

    assert grade(exercise, ncl.ActivationQuantization(bits=8)).status == PASS
    for trains in (ncl.FineTune(), ncl.pipeline(GENTLE, ncl.FineTune())):
        outcome = grade(exercise, trains)
        assert outcome.mistake == "is_registered"
        assert "without any training: leave out what needs train" in outcome.message


def test_a_figure_that_nobody_measures_is_refused_where_the_exercise_is_made():
    with pytest.raises(KeyError, match="entropy"):
        exercise_of(entropy=2.0)


def test_layers_may_be_selected_by_a_list():
    selected = ncl.MagnitudePruning(
        sparsity=0.5, select=ncl.Selection(names=["logits"])
    )

    assert grade(exercise_of(zeros=0.4), selected).status == PASS
