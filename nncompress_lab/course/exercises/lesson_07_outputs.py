"""Lesson 07, last part: the factors that change the outputs least."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, require
from nncompress_lab.course.exercises.lesson_07_factors import (
    CLOSE,
    random_matrix,
    thin_pair,
)
from nncompress_lab.lowrank.arrays.svd import low_rank_factors


def _output_factors(inputs: Any, matrix: Any, rank: int) -> tuple[Any, Any]:
    exact = np.asarray(inputs, np.float64)
    moment = exact.T @ exact
    factors = low_rank_factors(matrix, rank=rank, second_moment=moment)
    return factors.left, factors.right


output_factors = Exercise(
    "output_factors",
    title="★ The factors that the inputs ask for",
    points=3,
    hints=(
        "What is to be met is the outputs, `inputs @ matrix`, and not the matrix. Which "
        "matrix of that rank is nearest to the outputs?",
        "Every output is a sum of the right singular vectors of the outputs. If only some "
        "of these directions may be used, what must `matrix` be followed by?",
    ),
    reference=_output_factors,
)


def _lost(inputs: Any, matrix: Any, product: Any) -> float:
    exact = np.asarray(inputs, np.float64)
    return float(np.linalg.norm(exact @ (np.asarray(matrix, np.float64) - product)))


def _output_product(answer: Any, inputs: Any, matrix: Any, rank: int) -> Any:
    return thin_pair(answer, inputs, matrix, rank, shape=matrix.shape, rank=rank)


@output_factors.check
def looks_at_the_inputs(answer):
    inputs = np.array([[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]])
    matrix = np.diag([1.0, 10.0])
    product = _output_product(answer, inputs, matrix, 1)
    require(
        _lost(inputs, matrix, product) <= CLOSE,
        "The second input is always 0 here, so rank 1 can get every output right with the "
        f"1 of the diagonal 1, 10. Yours is {np.round(product, 2).tolist()}. (The SVD "
        "of the matrix alone keeps the 10, which no input ever meets.)",
    )


@output_factors.check
def weighs_inputs_and_matrix_together(answer):
    inputs = np.diag([10.0, 1.0])
    matrix = np.diag([0.01, 1.0])
    product = _output_product(answer, inputs, matrix, 1)
    require(
        _lost(inputs, matrix, product) <= 0.1 * (1 + CLOSE),
        "The first input is ten times as large as the second, but its weight is a hundred "
        "times as small, so the second makes the larger output. Yours is "
        f"{np.round(product, 3).tolist()}. Neither the largest inputs decide nor the "
        "largest weights, but the largest outputs.",
    )


@output_factors.check
def sees_inputs_that_go_together(answer):
    inputs = np.array([[1.0, 1.0, 0.1], [2.0, 2.0, -0.1], [-1.0, -1.0, 0.2]])
    matrix = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 4.0]])
    product = _output_product(answer, inputs, matrix, 1)
    require(
        _lost(inputs, matrix, product) <= CLOSE,
        "The first two inputs are equal in each row, so their weights 3 and -3 cancel and "
        "the first output is 0 for all. Rank 1 is enough, with the 4. How large each "
        "input is by itself does not show that.",
    )


@output_factors.check
def loses_least_of_the_outputs(answer):
    cases = (
        (40, 9, 5, 2, 30),
        (12, 4, 11, 3, 31),
        (6, 20, 8, 4, 32),
        (50, 7, 7, 1, 33),
    )
    for count, rows, columns, rank, seed in cases:
        random = generator(seed)
        mix = random.normal(size=(rows, rows)) * np.geomspace(4.0, 0.1, rows)[:, None]
        inputs = random.normal(size=(count, rows)) @ mix
        matrix = random_matrix(rows, columns, seed + 1).astype(np.float64)
        outputs = inputs @ matrix
        least = np.linalg.norm(np.linalg.svd(outputs, compute_uv=False)[rank:])
        lost = _lost(inputs, matrix, _output_product(answer, inputs, matrix, rank))
        require(
            lost <= (1 + CLOSE) * least + CLOSE * np.linalg.norm(outputs),
            f"For {count} inputs of {rows} numbers and {columns} outputs, rank {rank} can "
            f"be off by {least:.3f}, and yours is off by {lost:.3f}.",
        )
