"""How often each symbol occurs: the table that an entropy coder needs, in few bytes.

A table says counts by their highest bits only, as levels. Neighbouring symbols have
similar counts, so the steps from one level to the next are small numbers, which an entropy
coder shortens again. NumPy only.
"""

import functools

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError

Counts = npt.NDArray[np.int64]

MOST_DIGITS = 6  # bits of a count that are kept behind its highest one
STEEPEST = 7  # a step of k + 1 is taken to be slope / 8 as likely as one of k


def levels_of(counts: Counts, digits: int | Counts) -> Counts:
    """The nearest levels for counts.

    Levels number those integers, in ascending order, that have at most `digits + 1`
    bits before their trailing zeros.

    Args:
        counts: Integers from 0 to `2**32`.
        digits: Bits kept behind the highest one.

    Example:
        >>> levels_of(np.array([0, 1, 2, 3, 4, 6, 100]), 1)
        array([ 0,  1,  2,  3,  4,  5, 13])
    """
    shift = np.maximum(np.frexp(counts)[1].astype(np.int64) - (digits + 1), 0)
    rounded = (counts + (np.left_shift(1, shift) >> 1)) >> shift
    levels: Counts = (shift << digits) + rounded
    return levels


def counts_of(levels: Counts, digits: int | Counts) -> Counts:
    """The integers that levels stand for.

    Example:
        >>> counts_of(np.array([0, 1, 2, 3, 4, 5, 13]), 1)
        array([ 0,  1,  2,  3,  4,  6, 96])
    """
    shift = np.maximum((levels >> digits) - 1, 0)
    counts: Counts = (levels - (shift << digits)) << shift
    return counts


class Table:
    """Counts of neighbouring symbols, rounded so that they take few bits.

    Args:
        counts: How often each symbol occurs, at least two of them, up to `2**32`.

    Attributes:
        digits: Bits of a count that are kept behind its highest one, 0 to 6.
        slope: How fast large steps become rare, 1 to 7.
        bits: Ideal length of the symbols with the table.
    """

    def __init__(self, counts: Counts) -> None:
        digits = np.arange(MOST_DIGITS + 1)[:, None]
        levels = levels_of(counts, digits)
        weights = counts_of(levels, digits)
        share = np.where(counts > 0, weights / weights.sum(1, keepdims=True), 1)
        symbols = -(np.log2(share) @ counts)
        tables = np.stack(
            [
                _step_bits(one)[:, _steps(levels[one], one)].sum(1)
                for one in range(MOST_DIGITS + 1)
            ]
        )
        bits = symbols + tables.min(1)
        self.digits = int(bits.argmin())
        self.slope = int(tables[self.digits].argmin()) + 1
        self.bits = float(bits[self.digits])
        self._levels, self.weights = levels[self.digits], weights[self.digits]

    @property
    def steps(self) -> Counts:
        """From each level to the next, from 0 on; `longest_step` is added to each."""
        return _steps(self._levels, self.digits)


def weights_of_steps(steps: Counts, digits: int) -> Counts:
    """The rounded counts of a `Table`.

    Raises:
        CorruptFileError: If no table has these steps.
    """
    levels = np.cumsum(steps - longest_step(digits))
    if levels.min() < 0 or levels.max() > longest_step(digits) or not levels.any():
        raise CorruptFileError("a table of frequencies in it holds impossible counts")
    return counts_of(levels, digits)


def longest_step(digits: int) -> int:
    """The largest level there is, and so the largest step."""
    return 34 << digits


@functools.cache
def step_weights(digits: int, slope: int) -> Counts:
    """How likely each step is taken to be, from the longest down to the longest up.

    Raises:
        CorruptFileError: If digits or slope are out of range.
    """
    if not 0 <= digits <= MOST_DIGITS or not 1 <= slope <= STEEPEST:
        raise CorruptFileError("a table of frequencies in it has impossible settings")
    up = np.ones(longest_step(digits) + 1, np.int64)
    weight, step = 2**20, 0
    while weight > 1 and step < up.size:
        up[step] = weight
        weight, step = weight * slope // 8, step + 1
    return np.concatenate([up[:0:-1], up])


def _steps(levels: Counts, digits: int) -> Counts:
    steps = levels + longest_step(digits)
    steps[1:] -= levels[:-1]
    return steps


@functools.cache
def _step_bits(digits: int) -> npt.NDArray[np.float64]:
    """Bits of each step (columns) with each slope (rows)."""
    slopes = range(1, STEEPEST + 1)
    weights = np.stack([step_weights(digits, slope) for slope in slopes])
    bits: npt.NDArray[np.float64] = -np.log2(weights / weights.sum(1, keepdims=True))
    return bits
