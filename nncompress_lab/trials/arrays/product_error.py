"""How far a matrix of low rank is from the one that it stands for. NumPy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
_TINY = 1e-12  # of the largest eigenvalue: what is smaller is rounding


def relative_error(exact: Floats, near: Floats) -> float:
    """The norm of the difference over that of the exact one, both in Frobenius norm.

    Args:
        exact: Of any shape.
        near: Of the same shape.

    Returns:
        A fraction; 0 where nothing is lost, also if there was nothing.

    Example:
        >>> relative_error(np.diag([3.0, 4.0]), np.diag([0.0, 4.0]))
        0.6
    """
    lost = float(np.linalg.norm(exact - near))
    return lost / float(np.linalg.norm(exact)) if lost else 0.0


def few_inputs(second_moment: npt.NDArray[np.float64]) -> Floats:
    """As few inputs as there can be with this second moment.

    Args:
        second_moment: `x.T @ x` of any number of inputs, shape `(m, m)`.

    Returns:
        Rows `z` with `z.T @ z` equal to it, at most `m`, as float32: for every matrix
        `z @ matrix` has the norm of `x @ matrix`.

    Example:
        >>> x = np.array([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
        >>> np.abs(few_inputs(x.T @ x))
        array([[5., 0.]], dtype=float32)
    """
    values, vectors = np.linalg.eigh(second_moment)
    used = values > _TINY * max(float(values[-1]), 0.0)
    rows: Floats = (vectors[:, used] * np.sqrt(values[used])).T
    return rows.astype(np.float32)
