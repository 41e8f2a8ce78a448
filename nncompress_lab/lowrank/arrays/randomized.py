"""What a matrix is on its leading directions, found from a random start. NumPy only.

Neither a Gram matrix nor all of its eigenvectors are computed: the matrix is multiplied
with a few random blocks, again and again, and only their span is searched.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

WIDTH = 8  # a block has the wanted number of directions over this
STEPS = 18  # blocks; with the width the span has 18 / 8 times the wanted dimensions
MOST = 0.75  # of all dimensions; a larger span costs more than the exact way
CHANCE = 1e-6  # of a block: where it adds nothing to the span, it adds this at random


def is_worth_it(shape: tuple[int, ...], count: int) -> bool:
    """Whether the span of the blocks would be clearly smaller than the matrix.

    Args:
        shape: Of the matrix.
        count: How many directions are wanted.
    """
    return _block(count) * STEPS <= MOST * min(shape)


def leading_part(
    matrix: npt.NDArray[Any],
    *,
    count: int,
    seed: int,
    second_moment: Floats | None = None,
) -> tuple[Singles, Singles]:
    """A matrix times its leading directions, and these, nearly.

    Args:
        matrix: Finite floats, shape `(m, n)`, for which `is_worth_it`; the fewer its
            columns, the faster. It is not changed.
        count: How many directions are wanted.
        seed: Of the random start.
        second_moment: Of the inputs `x` in `x @ matrix`, shape `(m, m)`. With it, leading
            are the directions that hold most of the outputs.

    Returns:
        `matrix @ directions`, shape `(m, count)`, and the orthonormal directions as
        columns, shape `(n, count)`, both computed in float32.

    References:
        Halko, Martinsson, Tropp, "Finding Structure with Randomness: Probabilistic
        Algorithms for Constructing Approximate Matrix Decompositions", SIAM Review 2011.
        https://arxiv.org/abs/0909.4061
        Musco, Musco, "Randomized Block Krylov Methods for Stronger and Faster Approximate
        Singular Value Decomposition", NIPS 2015, algorithm 2.
        https://arxiv.org/abs/1504.05477
    """
    scale = _power_of_two(matrix)
    small = (matrix / scale).astype(np.float32)
    moment = None
    if second_moment is not None:
        moment = (second_moment / _power_of_two(second_moment)).astype(np.float32)
    basis, image, seen = _spanned(small, moment, _block(count), seed)
    gram = image.T.astype(np.float64) @ seen.astype(np.float64)
    turn = np.linalg.eigh((gram + gram.T) / 2)[1][:, ::-1][:, :count]
    turn = turn.astype(np.float32)
    return (image @ turn) * np.float32(scale), basis @ turn


def _block(count: int) -> int:
    return -(-count // WIDTH)


def _power_of_two(array: npt.NDArray[Any]) -> float:
    """What to divide by so that no number is above 1, and squares are floats, too."""
    return float(2.0 ** np.frexp(float(np.abs(array).max()))[1])


def _spanned(
    matrix: Singles, moment: Singles | None, block: int, seed: int
) -> tuple[Singles, Singles, Singles]:
    """A basis of the Krylov space, `matrix @ basis`, and `moment @ matrix @ basis`."""
    rows, columns = matrix.shape
    basis = np.empty((columns, STEPS * block), np.float32)
    image = np.empty((rows, STEPS * block), np.float32)
    seen = image if moment is None else np.empty_like(image)
    generator = np.random.default_rng(seed)
    fresh = np.zeros((columns, block), np.float32)
    for step in range(STEPS):
        here = slice(step * block, (step + 1) * block)
        size = CHANCE * (np.abs(fresh).max() or 1)
        fresh += size * generator.standard_normal(fresh.shape, np.float32)
        for _ in range(2):  # once is not enough: rounding brings back what was there
            done = basis[:, : here.start]
            fresh = np.linalg.qr(fresh - done @ (done.T @ fresh))[0]
        basis[:, here] = fresh
        image[:, here] = matrix @ fresh
        if moment is not None:
            seen[:, here] = moment @ image[:, here]
        if step + 1 < STEPS:
            fresh = matrix.T @ seen[:, here]
    return basis, image, seen
