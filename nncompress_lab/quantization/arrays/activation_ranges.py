"""Observers: they are shown activations batch by batch and name a range. NumPy only.

None of them keeps the activations. What they find always holds 0, which padding puts
between the activations and which must be exact.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import check_choice
from nncompress_lab.quantization.arrays.clipping import (
    check_percentile,
    least_error_range,
    percentile_range,
)
from nncompress_lab.quantization.arrays.histogram import Histogram

Floats = npt.NDArray[Any]
Calibration = Literal["min_max", "moving_average", "percentile", "mse", "dynamic"]


class Observer(Protocol):
    """Is shown activations and names the range that their integers are to cover."""

    def add(self, values: Floats) -> None:
        """Look at the activations of one batch, of any shape."""

    def range(self) -> tuple[float, float]:
        """The lower end, at most 0, and the upper end, at least 0."""


@dataclass
class MinMaxObserver:
    """Covers every activation.

    Example:
        >>> observer = MinMaxObserver()
        >>> observer.add(np.array([0.5, 2.0]))
        >>> observer.add(np.array([1.0, 3.0]))
        >>> observer.range()
        (0.0, 3.0)
    """

    lowest: float = 0.0
    highest: float = 0.0

    def add(self, values: Floats) -> None:
        """Look at the activations of one batch, of any shape."""
        self.lowest = min(self.lowest, float(values.min()))
        self.highest = max(self.highest, float(values.max()))

    def range(self) -> tuple[float, float]:
        """The lower end, at most 0, and the upper end, at least 0."""
        return self.lowest, self.highest


@dataclass
class MovingAverageObserver:
    """Averages the ranges of the batches; what came last counts most.

    The average begins at 0 and is divided by the weight that the batches have in it, so
    that few batches count alike and the first does not decide.

    Args:
        momentum: Weight of the past beside a new batch, in [0, 1).

    Example:
        >>> observer = MovingAverageObserver(momentum=0.5)
        >>> observer.add(np.array([-3.0, 1.0]))
        >>> observer.add(np.array([0.0, 1.0]))
        >>> observer.range()
        (-1.0, 1.0)
    """

    momentum: float
    total: Floats = field(default_factory=lambda: np.zeros(2))
    weight: float = 0.0

    def add(self, values: Floats) -> None:
        """Look at the activations of one batch, of any shape."""
        ends = np.array([min(values.min(), 0.0), max(values.max(), 0.0)], np.float64)
        self.total = self.momentum * self.total + (1 - self.momentum) * ends
        self.weight = self.momentum * self.weight + (1 - self.momentum)

    def range(self) -> tuple[float, float]:
        """The lower end, at most 0, and the upper end, at least 0."""
        low, high = self.total / (self.weight or 1.0)
        return float(low), float(high)


@dataclass
class HistogramObserver:
    """Covers what a rule finds in a histogram of the activations.

    Args:
        find: Such as `percentile_range` or `least_error_range` with their numbers.
    """

    find: Callable[[Histogram], tuple[float, float]]
    histogram: Histogram = field(default_factory=Histogram)

    def add(self, values: Floats) -> None:
        """Look at the activations of one batch, of any shape."""
        self.histogram.add(values)

    def range(self) -> tuple[float, float]:
        """The lower end, at most 0, and the upper end, at least 0."""
        return self.find(self.histogram)


@dataclass(frozen=True)
class RangeChoice:
    """How the ranges of activations are chosen, with all its numbers checked.

    Args:
        calibration: Name of the way; `"dynamic"` observes nothing.
        percentile: For `"percentile"`: above 0, at most 100.
        momentum: For `"moving_average"`: in [0, 1).

    Raises:
        ValueError: If the name is unknown or a number is out of range.
    """

    calibration: Calibration
    percentile: float
    momentum: float

    def __post_init__(self) -> None:
        check_choice("calibration", self.calibration, Calibration)
        check_percentile(self.percentile)
        if not 0 <= self.momentum < 1:
            raise ValueError(
                "`momentum` is the weight of the past beside a new batch, at least 0 and "
                f"below 1. Received: momentum={self.momentum!r}."
            )

    def observer(self, *, bits: int, symmetric: bool) -> Observer:
        """A new observer of this kind."""
        if self.calibration == "moving_average":
            return MovingAverageObserver(self.momentum)
        if self.calibration == "percentile":
            return HistogramObserver(
                partial(
                    percentile_range, percentile=self.percentile, symmetric=symmetric
                )
            )
        if self.calibration == "mse":
            return HistogramObserver(
                partial(least_error_range, bits=bits, symmetric=symmetric)
            )
        return MinMaxObserver()
