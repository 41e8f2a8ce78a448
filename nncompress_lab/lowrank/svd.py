"""The best approximation of a matrix by one of lower rank.

NumPy only. The factors come from the eigenvectors of the smaller Gram matrix, which takes
a fraction of the time of a full singular value decomposition and, at the ranks that save
anything, gives the same error.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factors:
    """Two thin matrices whose product approximates a matrix of shape `(m, n)`.

    Args:
        left: Shape `(m, rank)`.
        right: Shape `(rank, n)`. Both share the singular values evenly, so that neither
            holds much larger numbers than the other.
    """

    left: Matrix
    right: Matrix

    @property
    def rank(self) -> int:
        """How many columns `left` has."""
        return int(self.left.shape[1])

    def product(self) -> Matrix:
        """The approximation, shape `(m, n)`."""
        multiplied: Matrix = self.left @ self.right
        return multiplied


def low_rank_factors(matrix: Matrix, *, rank: int) -> Factors:
    """Factor a matrix so that no matrix of that rank is nearer to it.

    Args:
        matrix: Finite floats, shape `(m, n)`, for example a Dense kernel of shape
            `(in_features, units)`. It is not changed.
        rank: 1 to `min(m, n)`.

    Returns:
        Factors of the type of `matrix`. The error is that of the truncated singular
        value decomposition: its square, summed over all entries, is the sum of the
        squares of the singular values that were dropped.

    Raises:
        ValueError: If `matrix` is no finite matrix or `rank` is out of range.

    Example:
        >>> factors = low_rank_factors(np.outer([1.0, 2.0], [3.0, 4.0, 5.0]), rank=1)
        >>> factors.product().round(6)
        array([[ 3.,  4.,  5.],
               [ 6.,  8., 10.]])

    References:
        Eckart, Young, "The approximation of one matrix by another of lower rank",
        Psychometrika 1936. For layers: Denton, Zaremba, Bruna, LeCun, Fergus,
        "Exploiting Linear Structure Within Convolutional Networks for Efficient
        Evaluation", NIPS 2014. https://arxiv.org/abs/1404.0736
    """
    _check_matrix(matrix)
    most = min(matrix.shape)
    if not 1 <= rank <= most:
        raise ValueError(
            f"`rank` must be 1 to {most} for a matrix of shape {matrix.shape}. "
            f"Received: rank={rank!r}."
        )
    if matrix.shape[0] < matrix.shape[1]:
        turned = low_rank_factors(matrix.T, rank=rank)
        return Factors(turned.right.T, turned.left.T)
    squares, vectors = _spectrum(matrix)
    kept = vectors[:, :rank]
    # The length of each column of matrix @ kept is a singular value; shared evenly.
    root = np.sqrt(np.sqrt(np.maximum(squares[:rank], 0)))
    shared = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    return Factors(
        ((matrix @ kept) * shared).astype(matrix.dtype),
        (kept * root).T.astype(matrix.dtype),
    )


def energy_by_rank(matrix: Matrix) -> Floats:
    """Which fraction of a matrix each rank keeps.

    Args:
        matrix: Finite floats, shape `(m, n)`.

    Returns:
        Float array of shape `(min(m, n),)`, ascending to 1. Entry `r - 1` is the energy
        of rank `r`: the squares of the `r` largest singular values over those of all. A
        matrix of zeros is kept whole by every rank.

    Raises:
        ValueError: If `matrix` is no finite matrix.

    Example:
        >>> energy_by_rank(np.diag([3.0, 4.0, 0.0]))
        array([0.64, 1.  , 1.  ])
    """
    _check_matrix(matrix)
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    squares = np.maximum(np.linalg.eigvalsh(_gram(tall))[::-1], 0)
    total = float(squares.sum())
    if total == 0:
        return np.ones(squares.size)
    kept: Floats = np.minimum(np.cumsum(squares) / total, 1.0)
    kept[-1] = 1.0
    return kept


def _check_matrix(matrix: Matrix) -> None:
    floats = np.issubdtype(matrix.dtype, np.floating)
    if matrix.ndim != 2 or not floats or not np.isfinite(matrix).all():
        raise ValueError(
            "A low-rank approximation needs a matrix of finite floats. Received: shape "
            f"{matrix.shape}, type {matrix.dtype}. A convolution's kernel is made a "
            "matrix by reshaping it."
        )
    if not matrix.size:
        raise ValueError(f"The matrix is empty. Received: shape {matrix.shape}.")


def _gram(tall: Matrix) -> Floats:
    """In float64: squaring loses half of the digits, and float32 has few."""
    exact = tall.astype(np.float64, copy=False)
    product: Floats = exact.T @ exact
    return product


def _spectrum(tall: Matrix) -> tuple[Floats, Floats]:
    """Squared singular values, descending, and the right singular vectors as columns."""
    squares, vectors = np.linalg.eigh(_gram(tall))
    return squares[::-1], vectors[:, ::-1]
