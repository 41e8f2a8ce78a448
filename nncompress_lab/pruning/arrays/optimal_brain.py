"""Pruning a matrix so that the weights that are left make up for those that go.

NumPy only. A few weights go at a time, those that the output misses least; then the others
are solved for, and the next ones go.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.pruning.arrays.masks import (
    Mask,
    check_n_m,
    check_sparsity,
    masks_by_score,
    n_m_mask,
)
from nncompress_lab.pruning.arrays.scores import damped

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Keep = Callable[[Floats], Mask]
ROUNDS = 16  # in which weights go; each drops the same fraction of what is left
ITERATIONS = 3  # of the solver after each round
FINAL_ITERATIONS = 20


def prune_with_compensation(
    matrix: Array, second_moment: Array, *, sparsity: float, damping: float = 0.01
) -> Array:
    """Set weights to zero and change the others so that the outputs stay near.

    Args:
        matrix: Weights of shape `(rows, channels)`. It is not changed.
        second_moment: Sum of the outer products of the layer's inputs, shape
            `(rows, rows)`.
        sparsity: Fraction of the weights to drop, in `[0, 1)`; the count is exact. Weights
            that are zero stay zero and count as dropped.
        damping: Fraction of the mean of the second moment's diagonal that is added to it,
            so that few examples do not lead to huge weights.

    Returns:
        Array of the shape and type of `matrix`. Its squared error on the (damped) data is
        at most that of dropping the same weights and leaving the others alone.

    Raises:
        ValueError: If a value is out of range, the shapes do not fit, or a weight is not
            finite.

    Example:
        >>> twins = np.array([[1.0, 1.0], [1.0, 1.0]])  # two inputs that are always equal
        >>> weights = np.array([[1.0], [2.0]])
        >>> prune_with_compensation(weights, twins, sparsity=0.5, damping=0.0)
        array([[0.],
               [3.]])

    References:
        Removing and correcting in turn is Hassibi and Stork's Optimal Brain Surgeon (NIPS
        1992); on a layer's outputs, many weights at a time, as in Boza, "Fast and Effective
        Weight Update for Pruned Large Language Models", TMLR 2024, section 3.
        https://arxiv.org/abs/2401.02938
    """
    check_sparsity(sparsity)

    def keeps(share: float) -> Keep:
        return lambda scores: masks_by_score([scores], sparsity=share)[0]

    shares = [1 - (1 - sparsity) ** (turn / ROUNDS) for turn in range(1, ROUNDS + 1)]
    return _compensated(matrix, second_moment, damping, [keeps(one) for one in shares])


def prune_n_m_with_compensation(
    matrix: Array,
    second_moment: Array,
    *,
    n: int,
    m: int,
    run: int | None = None,
    damping: float = 0.01,
) -> Array:
    """Keep `n` of each `m` rows of a column, and change these so that outputs stay near.

    Args:
        matrix: As in `prune_with_compensation`.
        second_moment: The same.
        n: How many weights of a group stay, 1 to `m`.
        m: Weights in a group.
        run: After how many rows the groups begin anew: the input channels of a
            convolution, whose rows count its window as well. None is all of them.
        damping: As in `prune_with_compensation`.

    Returns:
        Array of the shape and type of `matrix`, with at most `n` weights in each group.

    Raises:
        ValueError: As in `prune_with_compensation`, or if `n` and `m` do not fit.

    Example:
        >>> twins = np.array([[1.0, 1.0], [1.0, 1.0]])
        >>> weights = np.array([[1.0], [2.0]])
        >>> prune_n_m_with_compensation(weights, twins, n=1, m=2, damping=0.0)
        array([[0.],
               [3.]])

    References:
        Frantar, Alistarh, "SparseGPT", ICML 2023, section 3.3 (semi-structured).
        https://arxiv.org/abs/2301.00774
    """
    check_n_m(n, m)
    shape = (-1, run or len(matrix), matrix.shape[1])

    def keeps(left: int) -> Keep:
        def keep(scores: Floats) -> Mask:
            grouped = n_m_mask(scores.reshape(shape), n=left, m=m, axis=1)
            return grouped.reshape(scores.shape)

        return keep

    # One weight of each group at a time, or a group of many in as many turns as above.
    lefts = np.unique(np.linspace(n, m, min(m - n, ROUNDS) + 1, dtype=int))[::-1]
    counts = lefts[1:].tolist() or [n]
    return _compensated(matrix, second_moment, damping, [keeps(one) for one in counts])


def _compensated(
    matrix: Array, second_moment: Array, damping: float, turns: Sequence[Keep]
) -> Array:
    """Drop weights by each rule in turn, and solve for the others after it."""
    moment = damped(second_moment, damping, rows=len(matrix))
    exact = matrix.astype(np.float64)
    # Removing one weight costs its square times this; inputs that are zero go first.
    cost = np.diag(second_moment if second_moment.any() else moment)[:, None]
    weights, kept = exact, exact != 0
    for left, keep in zip(range(len(turns) - 1, -1, -1), turns, strict=True):
        kept &= keep(np.where(kept, weights**2 * cost, -1.0))
        start = np.where(kept, weights, 0.0)
        if left:
            weights = _solved(start, exact, moment, kept, iterations=ITERATIONS)
    alone = np.where(kept, exact, 0.0)
    better = _errors(start - exact, moment) < _errors(alone - exact, moment)
    start = np.where(better, start, alone)
    weights = _solved(start, exact, moment, kept, iterations=FINAL_ITERATIONS)
    with np.errstate(
        over="ignore"
    ):  # near the end of the type, others stay as they are
        result = weights.astype(matrix.dtype)
    return np.where(np.isfinite(result).all(axis=0), result, alone.astype(matrix.dtype))


def _solved(
    start: Floats, exact: Floats, moment: Floats, kept: Array, *, iterations: int
) -> Floats:
    """Bring the kept weights nearer to the outputs, by conjugate gradients.

    All columns are solved at once, each with its own mask. The error falls with each
    iteration; with as many as there are kept weights it is the least possible.
    """
    weights = start.copy()
    scale = np.diag(moment)[:, None]
    residual = np.where(kept, moment @ (exact - weights), 0.0)
    direction = residual / scale
    size = (residual * direction).sum(axis=0)
    for _ in range(iterations):
        image = np.where(kept, moment @ direction, 0.0)
        step = _ratio(size, (direction * image).sum(axis=0))
        weights += step * direction
        residual -= step * image
        before, size = size, (residual**2 / scale).sum(axis=0)
        direction = residual / scale + direction * _ratio(size, before)
    return weights


def _ratio(over: Floats, under: Floats) -> Floats:
    """The quotient, and 0 where a column has converged."""
    quotient: Floats = np.divide(over, under, out=np.zeros_like(over), where=under > 0)
    return quotient


def _errors(change: Floats, moment: Floats) -> Floats:
    """The squared error of each output when its weights change."""
    errors: Floats = (change * (moment @ change)).sum(axis=0)
    return errors
