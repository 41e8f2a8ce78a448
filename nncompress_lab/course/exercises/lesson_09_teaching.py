"""Lesson 09, all exercises, and the goal of its control."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import require
from nncompress_lab.course.exercises.lesson_09_control import (
    counterexample,
    gain,
    which_control,
)
from nncompress_lab.course.exercises.lesson_09_features import feature_loss
from nncompress_lab.course.exercises.lesson_09_soft_targets import (
    logit_loss,
    soft_target_loss,
    soft_targets,
)
from nncompress_lab.course.small_student import small_student
from nncompress_lab.course.wording import in_words
from nncompress_lab.distillation.distillation import Distillation
from nncompress_lab.distillation.student import Student
from nncompress_lab.trials.goal import Goal

GOAL = Goal(others=0.35, soft_entropy=2.0, balance=0.4)

chosen_teaching = chosen(
    "chosen_teaching",
    title="Meet the goal with the control",
    points=2,
    example="ncl.Distillation(student=student, temperature=2.0)",
    hints=(
        "The first two bounds are about the temperature alone: one wants more of it, the "
        "other less. Which values are left?",
        "At that temperature the weight of the labels decides which term has more of the "
        "gradient. It has to be much larger than the usual 0.1.",
        "ncl.Distillation(student=student, temperature=5.0, student_loss_weight=0.75)",
    ),
    reference=Distillation(
        student=small_student(), temperature=5.0, student_loss_weight=0.75
    ),
    kind=Distillation,
)


@chosen_teaching.check
def teaches_the_lessons_student(answer: Any) -> None:
    """The figures of the goal are those of one network, which the control has."""
    student = answer.student
    if isinstance(student, Student):
        received = (
            f"{in_words(student)}, which is cut out of the teacher and begins with its "
            "weights"
        )
    elif student is None:
        received = "no student, so that one as large as the teacher begins anew"
    else:
        received = (
            "another network, or its weights were changed (run the first cell again)"
        )
    require(
        isinstance(student, keras.Model) and _is_untouched(student),
        "The goal is about how the two terms pull on the small student of this lesson "
        f"before its training: hand it over as `student=student`. Received: {received}.",
    )


def _is_untouched(student: keras.Model) -> bool:
    found, expected = student.get_weights(), small_student().get_weights()
    return len(found) == len(expected) and all(map(np.array_equal, found, expected))


@chosen_teaching.check
def has_the_terms_of_the_control(answer: Any) -> None:
    """Other losses pull in other ways than the figures say."""
    require(
        answer.loss in {"soft_targets", "mse"},
        "The figures of the goal are of soft targets or logits, as in the control. "
        f"Received: loss={answer.loss!r}, which weighs what the teacher says of the right "
        "class and of the others apart. Leave `loss` out.",
    )
    require(
        answer.features in {None, "hint"},
        'The control can add features by a learned map alone, `features="hint"`. '
        f"Received: features={answer.features!r}. Leave `features` out.",
    )


require_goal(
    chosen_teaching,
    GOAL,
    remarks={
        "others": "A higher temperature takes from the first class and gives to the "
        "others.",
        "soft_entropy": "Ten classes of 10 % each have 3.32 bits and say nothing: lower "
        "the temperature.",
        "balance": "Move the weight of the labels, and watch the lowest bars of the "
        "picture: which term pulls less?",
    },
)

EXERCISES = (
    soft_targets,
    soft_target_loss,
    counterexample,
    logit_loss,
    chosen_teaching,
    which_control,
    gain,
    feature_loss,
)
