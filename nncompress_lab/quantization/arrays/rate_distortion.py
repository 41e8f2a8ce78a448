"""Rounding for a file that is entropy-coded: each weight weighs its error against its bits.

A code costs `-log2` of how often it is used, so a weight may well go to a value that is
not the nearest. NumPy only.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nncompress_lab.quantization.arrays.affine import Codes, finite_weights
from nncompress_lab.quantization.arrays.error_compensation import (
    Floats,
    check_damping,
    compensated,
    error_spread,
)

LARGEST: Final = 127  # of the integers: they take 8 bits at most
ROUNDS: Final = 3  # each with the bits that the codes of the one before cost
SHARE: Final = 2.0  # of the squared step of nearest rounding; 1 and 4 do worse
LEAST: Final = 1e-3  # of the mean importance, for outputs that seem to have none
UNUSED: Final = 0.02  # times that a code counts which is not used yet


class RatedCodes(NamedTuple):
    """What a matrix is rounded to.

    Args:
        codes: int8, shape `(rows, channels)`, -127 to 127.
        step: What they are multiples of.
    """

    codes: Codes
    step: float


def rate_round(
    matrix: Floats,
    second_moments: Floats,
    importance: Floats,
    *,
    rate: float,
    damping: float = 0.01,
) -> RatedCodes:
    """Integers for a matrix with the least loss and bits together.

    Makes `loss + rate * bits` small. The loss is taken to grow by half of
    `importance[c] * e[:, c] @ second_moment @ e[:, c]`, summed over the outputs, for errors
    `e`; the bits are those of the entropy of the codes. Row by row, each weight takes the
    integer with the least sum of the two, and what its error does to the outputs is made
    up for by the rows after it, as in `gptq_round`. Weights that are 0 stay 0.

    Args:
        matrix: Shape `(rows, channels)`. It is not changed.
        second_moments: Mean over the examples of the outer product of the inputs with
            themselves, shape `(groups, rows, rows)`; each group of as many outputs, one
            after the other, has inputs of its own.
        importance: Mean squared gradient of the loss by each output, shape `(channels,)`.
        rate: What a bit is worth, in units of the loss, above 0.
        damping: Added to the diagonal of the second moments, as a fraction of its mean.

    Raises:
        ValueError: If a number is out of range or a second moment is not positive
            definite after damping.

    Example:
        >>> weights = np.array([[0.9, -1.1, 0.1, 0.45]])
        >>> found = rate_round(weights, np.ones((1, 1, 1)), np.ones(4), rate=0.02)
        >>> found.codes.tolist(), round(found.step, 2)
        ([[1, -1, 0, 1]], 0.83)

    References:
        Chou, Lookabaugh, Gray, "Entropy-constrained vector quantization", IEEE Transactions
        on Acoustics, Speech, and Signal Processing 1989 (the sum of the two).
        https://doi.org/10.1109/29.17498
        Wiedemann et al., "DeepCABAC: A Universal Compression Algorithm for Deep Neural
        Networks", 2019, section 3 (weights rounded for an entropy coder).
        https://arxiv.org/abs/1907.11900
        Frantar et al., "GPTQ", ICLR 2023, section 3 (the compensation).
        https://arxiv.org/abs/2210.17323
    """
    check_damping(damping)
    if not 0 < rate < np.inf:
        raise ValueError(
            "`rate` is what a bit is worth in units of the loss and must be above 0. "
            f"Received: rate={rate!r}. 1e-8 is usual."
        )
    weights = finite_weights(matrix).astype(np.float64)
    largest = float(np.abs(weights).max(initial=0.0))
    if not largest:
        return RatedCodes(np.zeros(weights.shape, np.int8), 1.0)
    everything = np.arange(weights.shape[1])
    weighing = _weighing(importance)
    groups = [
        _Group(weights[:, columns], _damped(moment, damping), weighing[columns])
        for columns, moment in zip(
            np.array_split(everything, len(second_moments)), second_moments, strict=True
        )
    ]
    step = _step(rate, np.concatenate([one.matters for one in groups]), largest)
    codes = np.clip(np.rint(weights / step), -LARGEST, LARGEST)
    for _ in range(ROUNDS):
        prices = rate * _bits_of(codes)
        codes = np.concatenate([one.chosen(step, prices) for one in groups], axis=1)
    return RatedCodes(codes.astype(np.int8), step)


class _Group:
    """Outputs that see the same inputs; rows with the largest inputs are rounded first.

    Args:
        weights: Shape `(rows, channels)`.
        moment: Second moment of the inputs, positive definite.
        importance: Of each output.
    """

    def __init__(self, weights: Floats, moment: Floats, importance: Floats) -> None:
        self._sequence = np.argsort(-np.diag(moment), kind="stable")
        self._weights = weights[self._sequence]
        self._spread = error_spread(moment[np.ix_(self._sequence, self._sequence)], 0)
        self._inputs = np.diag(self._spread) ** -2.0  # of a row, given those after it
        self._importance = importance

    @property
    def matters(self) -> Floats:
        """For each weight the curvature of the loss, shape `(rows * channels,)`."""
        found: Floats = np.outer(self._inputs, self._importance).ravel()
        return found

    def chosen(self, step: float, prices: Floats) -> Floats:
        """The integers of the least cost, where each has a price, from -127 on."""
        codes = np.empty(self._weights.shape)

        def rounded(row: int, values: Floats) -> Floats:
            below = np.floor(values / step)
            # The four integers around each value, and 0.
            tried = np.stack([below, below + 1, below - 1, below + 2, 0 * below])
            tried = np.clip(tried, -LARGEST, LARGEST)
            costs = 0.5 * self._inputs[row] * self._importance
            costs = costs * (values - step * tried) ** 2
            costs += prices[(tried + LARGEST).astype(np.intp)]
            best = np.take_along_axis(tried, costs.argmin(axis=0)[None], axis=0)[0]
            codes[row] = np.where(self._weights[row] == 0, 0, best)
            near: Floats = step * codes[row]
            return near

        compensated(self._weights.copy(), self._spread, rounded)
        return codes[np.argsort(self._sequence)]


def _damped(second_moment: Floats, damping: float) -> Floats:
    mean = float(np.diag(second_moment).mean())
    damped: Floats = second_moment.astype(np.float64)
    return damped + np.eye(len(damped)) * (damping * mean if mean else 1.0)


def _weighing(importance: Floats) -> Floats:
    """No output counts as nothing: the gradients are those of some examples."""
    mean = float(importance.mean())
    least: Floats = np.maximum(importance, LEAST * mean if mean else 1.0)
    return least


def _step(rate: float, matters: Floats, largest: float) -> float:
    """Where a finer step would cost more bits than it saves loss.

    Rounded to the nearest, weights lose `matters * step**2 / 24` on average, and take
    `-log2(step)` bits more or less.
    """
    best = np.sqrt(SHARE * 12 * rate / np.log(2) / matters.mean())
    return float(np.clip(best, largest / LARGEST, 2 * largest))


def _bits_of(codes: npt.NDArray[Any]) -> Floats:
    """What each integer costs by how often it is there, from -127 on."""
    counts = np.bincount(
        (codes + LARGEST).astype(np.intp).ravel(), minlength=2 * LARGEST + 1
    )
    likely = (counts + UNUSED) / (counts + UNUSED).sum()
    bits: Floats = -np.log2(likely)
    return bits
