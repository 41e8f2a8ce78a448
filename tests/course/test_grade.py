"""The grader: four outcomes, the mistake by name, the learner's own line."""

import keras
import numpy as np
import pytest

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
    require_array,
    require_number,
)
from nncompress_lab.course.exercises import lesson_02_pruning as pruning
from nncompress_lab.course.grade import grade
from nncompress_lab.course.progress import ERROR, FAIL, PASS, UNATTEMPTED

WEIGHTS = np.array([1.0, -2.0, 3.0])


@pytest.fixture
def double():
    exercise = Exercise(
        "double",
        title="Twice",
        points=2,
        hints=("Multiply.",),
        reference=lambda a: 2 * a,
    )

    @exercise.check
    def keeps_the_shape(answer):
        require_array(call(answer, WEIGHTS), shape=(3,))

    @exercise.check
    def doubles(answer):
        require(np.array_equal(call(answer, WEIGHTS), 2 * WEIGHTS), "Not doubled.")

    return exercise


def test_a_right_answer_passes_and_earns_its_points(double):
    outcome = grade(double, lambda weights: weights + weights)

    assert (outcome.status, outcome.earned, outcome.mistake) == (PASS, 2, "")


def test_a_wrong_answer_fails_by_the_first_check_that_refuses_it(double):
    outcome = grade(double, lambda weights: weights)

    assert (outcome.status, outcome.mistake) == (FAIL, "doubles")
    assert (outcome.message, outcome.earned) == ("Not doubled.", 0)


def test_an_answer_that_changes_its_input_fails(double):
    def in_place(weights):
        weights *= 2
        return weights

    outcome = grade(double, in_place)

    assert outcome.status == FAIL
    assert "changed the array" in outcome.message
    assert WEIGHTS.tolist() == [1.0, -2.0, 3.0]


def test_an_answer_that_changes_an_array_inside_a_list_fails():
    def in_place(arrays):
        arrays[0][0] = 7
        return arrays

    exercise = Exercise("x", title="", points=1, hints=(), reference=None)
    exercise.check(lambda answer: call(answer, [np.zeros(2)]))

    assert "or an array in it" in grade(exercise, in_place).message


@pytest.mark.parametrize("given", [[1, 2], {"bytes": 3}], ids=["list", "dict"])
def test_an_answer_that_empties_what_it_was_given_fails(given):
    def in_place(numbers):
        numbers.clear()
        return 3

    exercise = Exercise("x", title="", points=1, hints=(), reference=None)
    exercise.check(lambda answer: call(answer, given))

    told = f"changed the {type(given).__name__} it was given"
    assert told in grade(exercise, in_place).message


def stub(weights):
    raise NotImplementedError("Your code here")


@pytest.mark.parametrize("answer", [..., stub], ids=["ellipsis", "stub"])
def test_a_stub_is_not_attempted(double, answer):
    assert grade(double, answer).status == UNATTEMPTED


def test_an_exception_is_an_error_with_the_learners_own_line(double):
    def broken(weights):
        return weights @ np.zeros((5, 5))

    outcome = grade(double, broken)

    assert (outcome.status, outcome.mistake) == (ERROR, "keeps_the_shape")
    assert "ValueError" in outcome.message
    assert "in your line: return weights @ np.zeros((5, 5))" in outcome.message


def test_an_exception_says_with_what_the_function_was_called():
    def by_rows(weights, threshold):
        return [len(row) for row in weights]

    exercise = Exercise("x", title="", points=1, hints=(), reference=None)
    exercise.check(lambda answer: call(answer, np.zeros(3), 0.5))

    told = grade(exercise, by_rows).message
    assert "when it is called with an array of shape (3,) and 0.5, in your line" in told


def test_an_array_of_other_objects_fails(double):
    outcome = grade(double, lambda weights: np.array([None, 1, 2]))

    assert (outcome.status, outcome.mistake) == (FAIL, "keeps_the_shape")
    assert "must hold numbers" in outcome.message


def test_inputs_are_drawn_anew_and_again_from_a_seed():
    seen = []
    exercise = Exercise("x", title="", points=1, hints=(), reference=None)
    exercise.check(lambda answer: seen.append(generator(1).random()))

    for seed in (None, None, 7, 7):
        grade(exercise, "answer", seed=seed)

    assert seen[0] != seen[1]
    assert seen[2] == seen[3]


def test_an_exception_without_a_line_of_the_learners_says_so():
    outcome = grade(pruning.prune_below, np.linalg.inv)

    assert outcome.status == ERROR
    assert "could not use your answer" in outcome.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [(3, "must be a function"), (lambda weights: None, "returned None")],
)
def test_what_is_no_function_and_what_returns_nothing_fails(double, answer, words):
    outcome = grade(double, answer)

    assert outcome.status == FAIL
    assert words in outcome.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (list, "must be a NumPy array"),
        (lambda weights: weights[:2], "must have shape (3,)"),
    ],
)
def test_an_array_of_another_kind_or_shape_fails(double, answer, words):
    assert words in grade(double, answer).message


def test_a_tensor_of_keras_is_the_array_or_the_number_that_it_holds(double):
    exercise = Exercise("x", title="", points=1, hints=(), reference=1)
    exercise.check(require_number)

    answer = keras.ops.convert_to_tensor
    assert grade(double, lambda w: answer(w[:2])).message.endswith("Received: (2,).")
    assert grade(exercise, answer(2.0)).status == PASS
    assert grade(exercise, answer([2.0, 1.0])).status == FAIL


@pytest.mark.parametrize("value", [True, "1", np.zeros(2), float("nan"), None])
def test_only_a_finite_number_is_a_number(value):
    exercise = Exercise("x", title="", points=1, hints=(), reference=1)
    exercise.check(require_number)

    assert grade(exercise, value).status == FAIL
    assert grade(exercise, np.float32(2)).status == PASS


@pytest.fixture
def question():
    return choice(
        "which",
        title="Which?",
        options={
            "a": Option("this", "Not this, because."),
            "b": Option("that", "That, because.", right=True),
        },
        hints=("Look.",),
    )


def test_a_choice_explains_the_option_that_was_taken(question):
    outcome = grade(question, "a")

    assert (outcome.mistake, outcome.message) == ("is_not_a", "Not this, because.")
    assert grade(question, "b").status == PASS
    assert grade(question, "b").message == "That, because."
    assert grade(question, "z").mistake == "is_one_of_the_letters"
    assert grade(question, ...).status == UNATTEMPTED


@pytest.mark.parametrize("answer", ["B", " b", "b)", "(B)"])
def test_a_letter_may_be_written_as_people_write_letters(question, answer):
    assert grade(question, answer).status == PASS


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (Option("", "Why."), "Exactly one option"),
        (Option("", "", right=True), "no explanation"),
    ],
)
def test_a_choice_has_one_right_option_and_explains_all(option, words):
    with pytest.raises(ValueError, match=words):
        choice("x", title="", options={"a": option}, hints=())


def left_over(weights):
    """Twice."""
    doubled = 2 * weights
    raise NotImplementedError("Your code here")
    return doubled


def test_a_stub_that_is_left_over_is_named(double):
    outcome = grade(double, left_over)

    assert outcome.status == UNATTEMPTED
    assert "still there" in outcome.message


def test_a_cell_that_is_stopped_is_an_error_with_the_learners_line(double):
    def endless(weights):
        raise KeyboardInterrupt  # what stopping a cell does to a loop

    outcome = grade(double, endless)

    assert (outcome.status, outcome.mistake) == (ERROR, "keeps_the_shape")
    assert outcome.message.startswith("Stopped in your line `raise KeyboardInterrupt")
