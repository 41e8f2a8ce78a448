"""Lesson 07, first part: when two thin matrices pay, and which they are."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    call,
    require,
    require_array,
    require_number,
)
from nncompress_lab.course.wording import because, in_words
from nncompress_lab.lowrank.arrays.rank import break_even_rank as library_break_even
from nncompress_lab.lowrank.arrays.svd import low_rank_factors

CLOSE = 1e-3  # relative: float32 factors of a float32 matrix


def random_matrix(rows: int, columns: int, seed: int) -> Any:
    """A float32 matrix of mixed signs whose singular values fall steadily."""
    random = generator(seed)
    steps = np.geomspace(3.0, 0.2, min(rows, columns))
    left = np.linalg.qr(random.normal(size=(rows, steps.size)))[0]
    right = np.linalg.qr(random.normal(size=(columns, steps.size)))[0]
    return ((left * steps) @ right.T).astype(np.float32)


break_even = Exercise(
    "break_even",
    title="From which rank on is it no smaller?",
    points=1,
    hints=(
        "Two matrices of shapes (rows, rank) and (rank, columns): how many weights do they "
        "hold together?",
        "rank * (rows + columns) < rows * columns, and `//` divides whole numbers. What "
        "happens where the division leaves nothing over?",
        "(rows * columns - 1) // (rows + columns)",
    ),
    reference=library_break_even,
)


def _rank(answer: Any, rows: int, columns: int) -> float:
    return require_number(call(answer, rows, columns), what="The rank")


@break_even.check
def counts_both_matrices(answer):
    rank = _rank(answer, 800, 500)
    reason = because(
        rank,
        {
            499: "The rank can be at most 500, but both matrices have a side of that "
            "length.",
            500: "The rank can be at most 500, but both matrices have a side of that "
            "length.",
            250: "Half of the full rank would be right if both matrices had 500 rows.",
            400_000: "That is the number of weights; divide by what one rank costs.",
            1300: "That is what one rank costs.",
        },
    )
    require(
        np.floor(rank) in {307, 308},
        f"One rank more costs a column of 800 and a row of 500 weights, 1,300 in all; a "
        f"kernel of 800 x 500 has 400,000. Received: {rank:g}.{reason}",
    )


@break_even.check
def is_a_whole_number(answer):
    rank = _rank(answer, 800, 500)
    require(
        float(rank).is_integer(),
        f"There are no parts of a rank. Received: {rank:g}.",
    )
    require(
        rank == 307,
        "At rank 307 the two hold 399,100 weights, at 308 they hold 400,400, more than the "
        f"400,000 of the kernel. Received: {rank:g}.",
    )


@break_even.check
def equal_is_not_smaller(answer):
    rank = _rank(answer, 6, 3)
    require(
        rank == 1,
        "For 6 x 3 = 18 weights, rank 2 holds 2 * (6 + 3) = 18: as many, which saves "
        f"nothing. The largest rank that saves is 1. Received: {rank:g}.",
    )
    rank = _rank(answer, 40, 1)
    require(
        rank == 0,
        "A kernel with one column cannot get smaller at any rank, so the answer is 0. "
        f"Received: {rank:g}.",
    )


@break_even.check
def holds_for_every_shape(answer):
    for rows, columns in ((800, 500), (5, 300), (64, 64), (1152, 128), (2, 2), (3, 7)):
        rank, expected = _rank(answer, rows, columns), library_break_even(rows, columns)
        require(
            rank == expected,
            f"A kernel of {rows} x {columns} gets smaller up to rank {expected}. "
            f"Received: {rank:g}.",
        )


def _two_factors(matrix: Any, rank: int) -> tuple[Any, Any]:
    factors = low_rank_factors(matrix, rank=rank)
    return factors.left, factors.right


two_factors = Exercise(
    "two_factors",
    title="The two thin matrices",
    points=2,
    hints=(
        "`u, s, vt = np.linalg.svd(matrix, full_matrices=False)`: the columns of `u` and "
        "the rows of `vt` belong to the singular values `s`, the largest first.",
        "Keep the first `rank` columns of `u` and the first `rank` rows of `vt`. The "
        "singular values must go into one of the two, or their roots into both.",
        "u[:, :rank] * s[:rank] and vt[:rank]",
    ),
    reference=_two_factors,
)


def pair_of(answer: Any, *arguments: Any) -> tuple[Any, Any]:
    """The two things that a function returns."""
    pair = call(answer, *arguments)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        "Return two things, one after the other. Received: "
        + (
            f"{len(pair)} of them."
            if isinstance(pair, tuple | list)
            else f"{in_words(pair)}."
        ),
    )
    return pair[0], pair[1]


def thin_pair(answer: Any, *arguments: Any, shape: tuple[int, int], rank: int) -> Any:
    """Two matrices of the right shapes, and their product."""
    left, right = pair_of(answer, *arguments)
    rows, columns = shape
    of_what = f"factor of a matrix of shape {shape} at rank {rank}"
    require_array(left, shape=(rows, rank), what=f"The left {of_what}")
    require_array(right, shape=(rank, columns), what=f"The right {of_what}")
    return left @ right


@two_factors.check
def are_two_thin_matrices(answer):
    thin_pair(answer, random_matrix(7, 4, seed=1), 2, shape=(7, 4), rank=2)


@two_factors.check
def multiply_to_the_matrix_at_full_rank(answer):
    matrix = np.diag([5.0, 3.0, 2.0])[:, ::-1].copy()
    product = thin_pair(answer, matrix, 3, shape=(3, 3), rank=3)
    sizes = np.linalg.svd(product, compute_uv=False)
    reason = because(
        float(sizes[0]),
        {
            1.0: "The singular values are missing: put them into one of the factors.",
            25.0: "The singular values are in both factors, so they count twice.",
        },
    )
    require(
        np.allclose(product, matrix, atol=CLOSE),
        "At full rank the product is the matrix itself. For [[0, 0, 5], [0, 3, 0], "
        f"[2, 0, 0]] yours is {np.round(product, 2).tolist()}.{reason}",
    )


@two_factors.check
def keep_the_largest_singular_values(answer):
    matrix = np.diag([1.0, 4.0, 2.0])
    product = thin_pair(answer, matrix, 1, shape=(3, 3), rank=1)
    largest = np.isclose(np.abs(product).max(), 4.0, atol=CLOSE)
    reason = (
        "The size is right, the place is not: columns of `u` go with rows of `vt`."
        if largest
        else "Which columns of `u` belong to the largest singular value?"
    )
    require(
        np.allclose(product, np.diag([0.0, 4.0, 0.0]), atol=CLOSE),
        "The best matrix of rank 1 for the diagonal 1, 4, 2 keeps the 4, and the rest is "
        f"zero. Yours is {np.round(product, 2).tolist()}. {reason}",
    )


@two_factors.check
def are_the_nearest_of_their_rank(answer):
    for rows, columns, rank, seed in ((9, 5, 2, 2), (4, 11, 3, 3), (20, 20, 7, 4)):
        matrix = random_matrix(rows, columns, seed)
        product = thin_pair(answer, matrix, rank, shape=matrix.shape, rank=rank)
        error = np.linalg.norm(matrix - product)
        least = np.linalg.norm(np.linalg.svd(matrix, compute_uv=False)[rank:])
        require(
            error <= (1 + CLOSE) * least,
            f"For a matrix of {rows} x {columns}, rank {rank} can be off by {least:.3f} "
            f"and yours is off by {error:.3f}.",
        )
