"""Lesson 09, last part: features of another width."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.course.wording import because

CLOSE = 1e-6


def _feature_loss(teacher: Any, student: Any) -> float:
    inputs = np.column_stack([student, np.ones(len(student))])
    best = np.linalg.lstsq(inputs, teacher, rcond=None)[0]
    return float(np.mean((teacher - inputs @ best) ** 2))


feature_loss = Exercise(
    "feature_loss",
    title="★ Features of another width",
    points=3,
    hints=(
        "A linear map with a bias is a matrix for the student's features and a column of "
        "ones beside them. Which matrix comes nearest to the teacher's is a problem of "
        "least squares.",
        "`np.linalg.lstsq(inputs, teacher, rcond=None)[0]` is that matrix.",
    ),
    reference=_feature_loss,
)


def _loss(answer: Any, teacher: Any, student: Any) -> float:
    return require_number(call(answer, teacher, student), what="The loss")


@feature_loss.check
def takes_other_widths(answer):
    random = generator(40)
    student = random.normal(size=(30, 3))
    loss = _loss(answer, student @ random.normal(size=(3, 8)), student)
    require(
        loss < CLOSE,
        "The teacher's 8 features are a linear map of the student's 3 here, so the best "
        f"map finds them again and the loss is 0. Received: {loss:.4f}.",
    )


@feature_loss.check
def has_a_bias(answer):
    student = np.array([[-1.0], [0.0], [1.0], [2.0]])
    loss = _loss(answer, 10 - 2 * student, student)
    require(
        loss < CLOSE,
        "The teacher's feature is 10 minus twice the student's. A linear map with a bias "
        f"meets that without an error. Received: {loss:.4f}. Is there a column of ones?",
    )


@feature_loss.check
def does_not_see_how_the_student_turns(answer):
    random = generator(41)
    teacher, student = random.normal(size=(40, 5)), random.normal(size=(40, 4))
    first = _loss(answer, teacher, student)
    second = _loss(answer, teacher, student @ random.normal(size=(4, 4)) + 3)
    require(
        np.isclose(first, second, rtol=1e-4),
        "If the student's features are mixed with each other and shifted, the best map "
        f"undoes it: the loss stays. Received: {first:.4f} and {second:.4f}.",
    )


@feature_loss.check
def leaves_the_least_error(answer):
    cases = ((50, 6, 4), (40, 3, 7), (25, 5, 5), (60, 9, 2))
    for number, (count, wide, narrow) in enumerate(cases):
        random = generator(42 + number)
        student = random.normal(size=(count, narrow)) + 1.0
        mixed = student @ random.normal(size=(narrow, wide))
        teacher = np.maximum(mixed, 0) + random.normal(size=(count, wide))
        loss, least = (_loss(one, teacher, student) for one in (answer, _feature_loss))
        reason = because(
            loss,
            {
                least * count: "That is the sum over the examples.",
                least * wide: "That is the sum over the features.",
                least**0.5: "That is the root of it.",
                least / np.var(teacher, axis=0).mean(): "That is the part of the "
                "teacher's variance that is left; the mean itself is asked for.",
            },
        )
        require(
            np.isclose(loss, least, rtol=1e-3),
            f"For {count} examples, {wide} features of the teacher and {narrow} of the "
            f"student the best map leaves a mean squared difference of {least:.4f}. "
            f"Received: {loss:.4f}.{reason}",
        )
