"""Lesson 00: two functions about arrays, and what the grader says about them."""

import numpy as np

from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.pruning.masks import sparsity_of

sparsity = Exercise(
    "sparsity",
    title="Which fraction is zero?",
    points=1,
    hints=(
        "`weights == 0` is an array of True and False. How many are True?",
        "`np.mean(weights == 0)` counts True as 1.",
    ),
    reference=sparsity_of,
)


@sparsity.check
def is_a_fraction(answer):
    share = require_number(call(answer, np.zeros((4, 5))))
    require(
        0 <= share <= 1,
        "Sparsity is a fraction between 0 and 1: divide the count by the size.",
    )


EXERCISES = (sparsity,)
