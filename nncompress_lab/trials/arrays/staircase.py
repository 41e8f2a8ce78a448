"""Weights and the levels that they are rounded to, as a picture shows them. NumPy only."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.trials.arrays.magnitudes import Histogram

Floats = npt.NDArray[Any]
BINS = 60
MARGIN = 0.04  # of the range, left and right of the outermost weight


@dataclass(frozen=True, eq=False)
class Staircase:
    """Weights that are rounded to the nearest of some levels.

    Args:
        histogram: Of the weights, from below the smallest to above the largest.
        levels: Ascending, at least one.
        clipped: How many weights lie beyond the outer levels by more than half a step.
    """

    histogram: Histogram
    levels: npt.NDArray[np.float64]
    clipped: int

    @classmethod
    def of(cls, weights: Floats, levels: Floats) -> "Staircase":
        """The picture of some weights.

        Args:
            weights: Finite, of any shape.
            levels: What they are rounded to, ascending, at least one.
        """
        flat = weights.reshape(-1)
        return cls.of_counts(flat, np.ones(flat.size, np.int64), levels)

    @classmethod
    def of_counts(cls, values: Floats, counts: Floats, levels: Floats) -> "Staircase":
        """The picture of numbers that each come several times, or never.

        Args:
            values: Finite, shape `(n,)`.
            counts: How often each comes, of the same shape, and at least one of them.
            levels: What they are rounded to, ascending, at least one.
        """
        present = counts > 0
        values, counts = values[present].astype(np.float64), counts[present]
        steps = levels.astype(np.float64)
        low, high = min(values.min(), 0.0), max(values.max(), 0.0)
        margin = MARGIN * (high - low) or 1.0
        edges = np.linspace(low - margin, high + margin, BINS + 1)
        bars, _ = np.histogram(values, edges, weights=counts)
        lowest, highest = within(steps)
        clipped = counts[(values < lowest) | (values > highest)].sum()
        return cls(Histogram(edges, bars, 0), steps, int(clipped))

    @property
    def borders(self) -> npt.NDArray[np.float64]:
        """Where the rounded value changes: halfway between neighbouring levels."""
        return (self.levels[1:] + self.levels[:-1]) / 2

    def treads(self) -> Iterator[tuple[float, float, float]]:
        """From where to where weights are rounded to a level, and which."""
        edges = self.histogram.edges
        inner = np.clip(self.borders, edges[0], edges[-1])
        ends = [float(edges[0]), *map(float, inner), float(edges[-1])]
        for (start, end), level in zip(pairwise(ends), self.levels, strict=True):
            if end > start:
                yield start, end, float(level)


def within(levels: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Between what numbers no weight is clipped: half a step beyond the outer levels."""
    if levels.size < 2:
        return float(levels[0]), float(levels[-1])
    room = 1 + 1e-6  # for the rounding of floats
    low = levels[0] - room * (levels[1] - levels[0]) / 2
    high = levels[-1] + room * (levels[-1] - levels[-2]) / 2
    return float(low), float(high)
