"""Error-compensated rounding: each row's error is made up for by the rows after it.

Rounding to the nearest makes the error of the weights small. What matters is the error of
the outputs, and where inputs go together, the error of one weight can be cancelled by
moving another. NumPy only.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import check_choice
from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    Codes,
    finite_weights,
    integer_range,
)

Floats = npt.NDArray[Any]
Order = Literal["natural", "activation"]
BLOCK = 128  # rows whose errors are collected before those beyond them are changed


def gptq_round(
    matrix: Floats,
    second_moment: Floats,
    params: AffineParams,
    *,
    bits: int,
    symmetric: bool = True,
    damping: float = 0.01,
    order: Order = "activation",
) -> Codes:
    """Integers for a matrix that keep the error of `inputs @ matrix` small.

    The rows are rounded one after the other. What a row's rounding adds to the outputs is
    then taken away, as far as possible, by changing the rows not yet rounded. Weights that
    are 0 stay 0, and hand on to later rows what earlier ones would have put on them.

    Where the inputs do not go together (the second moment is diagonal), this rounds to the
    nearest. Rows whose input is always 0 are rounded to the nearest, too.

    Args:
        matrix: Shape `(rows, channels)`. It is not changed.
        second_moment: `inputs.T @ inputs`, shape `(rows, rows)`, at any scale.
        params: Scale and zero point; they broadcast against `matrix`.
        bits: Width of the integers, 2 to 8.
        symmetric: As the params were made.
        damping: Added to the diagonal, as a fraction of its mean, at least 0. It bounds
            how much the other rows move.
        order: In which rows are rounded: as they are, or those with the largest inputs
            first, while many others can still make up for them.

    Returns:
        Integers of the shape of `matrix`: int8 if symmetric, uint8 if affine.

    Raises:
        ValueError: If a number is out of range, the second moment has another shape, or
            it is not positive definite after damping.

    Example:
        >>> inputs = np.array([[1.0, 1.0], [1.0, 1.0]])
        >>> weights = np.array([[0.4], [0.4]])
        >>> ones = AffineParams(np.ones((1, 1), np.float32), np.zeros((1, 1), np.uint8))
        >>> gptq_round(weights, inputs.T @ inputs, ones, bits=4)[:, 0]
        array([0, 1], dtype=int8)

    References:
        Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization
        for Generative Pre-trained Transformers", ICLR 2023, section 3 and algorithm 1.
        https://arxiv.org/abs/2210.17323
    """
    check_damping(damping)
    check_choice("order", order, Order)
    rows, _ = matrix.shape
    if second_moment.shape != (rows, rows):
        raise ValueError(
            f"The second moment of {rows} inputs has the shape {(rows, rows)}. Received: "
            f"{second_moment.shape}."
        )
    sequence = np.arange(rows)
    if order == "activation":
        sequence = np.argsort(-np.diag(second_moment), kind="stable")
    weights = finite_weights(matrix)[sequence].astype(np.float64)
    scale, zero_point = (
        np.broadcast_to(one, matrix.shape)[sequence].astype(np.float64)
        for one in params
    )
    spread = error_spread(second_moment[np.ix_(sequence, sequence)], damping)
    qmin, qmax = integer_range(bits=bits, symmetric=symmetric)
    kept = weights != 0
    codes = np.empty(weights.shape)

    def rounded(row: int, values: Floats) -> Floats:
        steps = np.rint(values / scale[row]) + zero_point[row]
        codes[row] = np.where(kept[row], np.clip(steps, qmin, qmax), zero_point[row])
        near: Floats = scale[row] * (codes[row] - zero_point[row])
        return near

    compensated(weights, spread, rounded)
    in_place = codes[np.argsort(sequence)]
    return in_place.astype(np.int8) if symmetric else in_place.astype(np.uint8)


def compensated(
    weights: Floats, spread: Floats, rounded: Callable[[int, Floats], Floats]
) -> None:
    """Round row after row, and change the rows not yet rounded to make up for the error.

    Args:
        weights: Shape `(rows, channels)`; they are changed in place.
        spread: As `error_spread` returns it.
        rounded: What a row becomes; called with its number and what it has become so far.
    """
    rows = len(weights)
    for start in range(0, rows, BLOCK):
        end = min(start + BLOCK, rows)
        errors = np.empty((end - start, weights.shape[1]))
        for row in range(start, end):
            error = weights[row] - rounded(row, weights[row])
            errors[row - start] = error / spread[row, row]
            later = slice(row + 1, end)
            weights[later] -= np.outer(spread[row, later], errors[row - start])
        weights[end:] -= spread[start:end, end:].T @ errors


def check_damping(damping: float) -> None:
    """Raise a `ValueError` unless `damping` is at least 0 and finite."""
    if not 0 <= damping < np.inf:
        raise ValueError(
            "`damping` is a fraction of the mean of the diagonal and must be at least 0. "
            f"Received: damping={damping!r}. 0.01 is usual."
        )


def error_spread(second_moment: Floats, damping: float) -> Floats:
    """The upper triangular U with `inverse(second_moment) = U.T @ U`.

    Its row says how the error of that row's weight spreads over the rows after it.

    Args:
        second_moment: Shape `(rows, rows)`.
        damping: Added to its diagonal, as a fraction of its mean.

    Raises:
        ValueError: If it is not positive definite.
    """
    damped = second_moment.astype(np.float64)
    size = len(damped)
    diagonal = np.diag(damped)
    unseen = diagonal == 0
    damped[np.arange(size), np.arange(size)] += np.where(
        unseen, 1.0, damping * diagonal.mean()
    )
    try:
        # With both axes reversed, the lower factor is an upper one: damped = R @ R.T
        upper = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError as error:
        raise ValueError(
            "The second moment is not positive definite: some inputs are combinations of "
            f"others. Received: damping={damping!r}. Use more calibration data, or 0.01."
        ) from error
    return np.linalg.inv(upper)
