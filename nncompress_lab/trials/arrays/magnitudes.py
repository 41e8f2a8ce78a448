"""Weights in the order of their magnitudes: between thresholds and counts. NumPy only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.pruning.arrays.masks import Weights, check_threshold

SHOWN = 0.999  # fraction of the weights that the range of a histogram covers
MOST_BINS = 60


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many weights lie in each interval.

    Args:
        edges: Ends of the intervals, ascending and symmetric about 0, shape `(bins + 1,)`.
        counts: Weights in each interval, shape `(bins,)`.
        outside: Weights beyond the first or the last edge.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    outside: int


class Magnitudes:
    """The magnitudes of some kernels together, sorted once.

    Sorting takes `O(n log n)`; after that a threshold and the number of weights below
    it are each found from the other in `O(log n)`.

    Args:
        arrays: Kernels of any shapes with finite weights. They are not changed.

    Raises:
        ValueError: If there are no weights, or one is not finite.

    Example:
        >>> magnitudes = Magnitudes([np.array([0.1, -3.0]), np.array([[0.5, 2.0]])])
        >>> magnitudes.threshold_at(2), magnitudes.count_below(2.0)
        (2.0, 2)
    """

    def __init__(self, arrays: Sequence[Weights]) -> None:
        flat = [np.asarray(array, np.float64).reshape(-1) for array in arrays]
        self._weights = np.concatenate([np.empty(0), *flat])
        if not self._weights.size or not np.isfinite(self._weights).all():
            raise ValueError(
                "Only finite weights can be ranked, and at least one. Received: "
                f"{self._weights.size} weights, "
                f"{np.count_nonzero(~np.isfinite(self._weights))} of them NaN or "
                "infinite. Train the model again, or find the layer that diverged."
            )
        self._magnitudes = np.sort(np.abs(self._weights))

    @property
    def size(self) -> int:
        """How many weights there are."""
        return self._weights.size

    @property
    def zeros(self) -> int:
        """How many weights are zero already."""
        return self.count_up_to(0.0)

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return float(self._magnitudes[-1])

    def count_below(self, threshold: float) -> int:
        """How many magnitudes are smaller than a threshold.

        Raises:
            ValueError: If `threshold` is negative or not finite.
        """
        check_threshold(threshold)
        return int(np.searchsorted(self._magnitudes, threshold, side="left"))

    def count_up_to(self, threshold: float) -> int:
        """How many magnitudes are smaller than a threshold or equal to it.

        Raises:
            ValueError: If `threshold` is negative or not finite.
        """
        check_threshold(threshold)
        return int(np.searchsorted(self._magnitudes, threshold, side="right"))

    def threshold_at(self, count: int) -> float:
        """The smallest magnitude that stays when the `count` smallest are dropped.

        Args:
            count: From 0 to `size`.

        Returns:
            A magnitude. All smaller ones are dropped, and of those equal to it as many
            as it takes. It is 0.0 if none is dropped, and just above the largest if all
            are.
        """
        if count == self.size:
            return math.nextafter(self.largest, math.inf)
        return float(self._magnitudes[count]) if count else 0.0

    def fraction_of(self, count: int) -> float:
        """The shortest decimal fraction of `size` that rounds to `count` weights.

        Example:
            >>> Magnitudes([np.arange(3.0)]).fraction_of(2)
            0.7
        """
        fraction = count / self.size
        shorter = (round(fraction, digits) for digits in range(17))
        return next(
            (one for one in shorter if one < 1 and round(one * self.size) == count),
            fraction,
        )

    def histogram(self) -> Histogram:
        """Count the weights by value, over a range that covers 99.9 % of them.

        Returns:
            The counts in as many intervals as the root of `size`, at most 60, with an
            edge at 0; weights in the long tails are counted as `outside`.
        """
        place = math.ceil(SHOWN * self.size) - 1
        reach = float(self._magnitudes[place]) or self.largest or 1.0
        half = min(math.ceil(math.sqrt(self.size) / 2), MOST_BINS // 2)
        edges: npt.NDArray[Any] = np.linspace(-reach, reach, 2 * half + 1)
        counts, _ = np.histogram(self._weights, edges)
        return Histogram(edges, counts, self.size - int(counts.sum()))
