"""Lesson 02, the exercise with a star: zeros where processors expect them."""

from typing import Any

import numpy as np

from nncompress_lab.course.exercise import Exercise, call, require
from nncompress_lab.course.exercises.lesson_02_masks import (
    random_weights,
    require_shape_and_type,
    tied_weights,
)
from nncompress_lab.pruning.arrays.masks import n_m_mask

two_of_four = Exercise(
    "two_of_four",
    title="★ Two of four",
    points=2,
    hints=(
        "The groups are along axis 0. An axis can be split in two by `reshape`: which "
        "shape has an axis of length 4 for the four weights of a group?",
        "Then ask for the order of the four magnitudes along that axis of length 4, and "
        "turn orders into ranks: the rank of each is where it stands in the order.",
    ),
    reference=lambda kernel: n_m_mask(np.abs(kernel), n=2, m=4, axis=0),
)


def _pattern(answer: Any, kernel: Any) -> Any:
    mask = call(answer, kernel)
    require_shape_and_type(mask, kernel)
    return mask


@two_of_four.check
def keeps_two_of_each_group(answer):
    for kernel in (random_weights(8, 3, seed=11), random_weights(12, 8, seed=12)):
        mask = _pattern(answer, kernel)
        kept = np.count_nonzero(mask)
        require(
            kept == kernel.size // 2,
            f"Of {kernel.size} weights half must stay. The mask keeps {kept}.",
        )
    by_output = mask.reshape(-1, 4, 8).sum(axis=1)
    by_input = mask.reshape(12, -1, 4).sum(axis=2)
    require(
        (by_output == 2).all() or (by_input == 2).all(),
        "Half of the weights stay, and not two in each group of four: one group keeps "
        f"{by_output.max()}.",
    )


@two_of_four.check
def groups_along_the_inputs(answer):
    mask = _pattern(answer, random_weights(12, 8, seed=12))
    require(
        (mask.reshape(-1, 4, 8).sum(axis=1) == 2).all(),
        "The groups of four are along the outputs. A kernel is (inputs, outputs), and the "
        "groups are consecutive inputs: rows 0 to 3 of a column, rows 4 to 7, ...",
    )


@two_of_four.check
def keeps_the_largest_of_each_group(answer):
    column = np.array([[0.1], [-9.0], [0.4], [2.0]])
    mask = _pattern(answer, column)
    require(
        mask.ravel().tolist() == [False, True, False, True],
        "Of 0.1, -9.0, 0.4 and 2.0 the magnitudes of -9.0 and 2.0 are the largest. The "
        f"mask keeps {column[mask].tolist()}.",
    )


@two_of_four.check
def equals_the_librarys_pattern(answer):
    for kernel in (random_weights(20, 7, seed=13), tied_weights(40, 6, seed=14)):
        mask = _pattern(answer, kernel)
        require(
            np.array_equal(mask, two_of_four.reference(kernel)),
            f"For a kernel of shape {kernel.shape} the mask differs from the library's. "
            "The two largest magnitudes of each group stay; of equal magnitudes the "
            "earlier goes (kind='stable' keeps their order).",
        )
