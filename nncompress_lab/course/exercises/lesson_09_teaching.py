"""Lesson 09, all exercises, and the goal of its control."""

from nncompress_lab.course.chosen import chosen, require_goal
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
from nncompress_lab.distillation.distillation import Distillation
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
