"""How far a matrix of low rank is from the one that it stands for. NumPy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]


def weight_error(matrix: Floats, product: Floats) -> float:
    """The norm of the difference over that of the matrix, both in Frobenius norm.

    Args:
        matrix: Shape `(m, n)`.
        product: Of the same shape.

    Returns:
        A fraction; 0 where the two are equal, also if they are zero.

    Example:
        >>> weight_error(np.diag([3.0, 4.0]), np.diag([0.0, 4.0]))
        0.6
    """
    return output_error(matrix, product, np.eye(len(matrix)))


def output_error(
    matrix: Floats, product: Floats, second_moment: npt.NDArray[np.float64]
) -> float:
    """The same of what the two compute: of `x @ (matrix - product)` over `x @ matrix`.

    Args:
        matrix: Shape `(m, n)`.
        product: Of the same shape.
        second_moment: `x.T @ x` of the inputs, up to a factor, shape `(m, m)`.

    Returns:
        A fraction, which no `x` is needed for.

    Example:
        >>> x = np.array([[1.0, 0.0]])  # never shows the second row
        >>> output_error(np.diag([3.0, 4.0]), np.diag([3.0, 0.0]), x.T @ x)
        0.0
    """
    exact = matrix.astype(np.float64)
    lost = _energy(exact - product, second_moment)
    whole = _energy(exact, second_moment)
    return float(np.sqrt(lost / whole)) if whole and lost else 0.0


def _energy(matrix: Floats, second_moment: Floats) -> float:
    """The trace of `matrix.T @ second_moment @ matrix`, which is no less than 0."""
    return max(float(np.sum(matrix * (second_moment @ matrix))), 0.0)
