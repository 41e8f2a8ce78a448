"""A histogram that grows with what it is shown and keeps no values. NumPy only.

It answers two questions about any number of values: where a quantile lies, and how large
the error would be if they were rounded to evenly spaced levels. The second takes time in
the number of levels, not of values, because the moments of the bins are summed up once.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

BINS = 2**14
CHUNK = 2**16  # so that the intermediate arrays stay in the cache


class Histogram:
    """Counts in even bins from `-limit` to `limit`; the limit doubles when it must.

    Two neighbouring bins then become one, exactly. A value counts as the middle of its
    bin.

    Example:
        >>> histogram = Histogram()
        >>> histogram.add(np.array([-1.0, 0.0, 0.5, 2.0]))
        >>> histogram.lowest, histogram.highest, histogram.limit
        (-1.0, 2.0, 2.0)
    """

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.limit = 0.0
        self.lowest = 0.0
        self.highest = 0.0

    def add(self, values: Floats) -> None:
        """Count values of any shape; they must be finite."""
        flat = np.asarray(values, np.float32).reshape(-1)
        if not flat.size:
            return
        lowest, highest = float(flat.min()), float(flat.max())
        self.lowest, self.highest = (
            min(self.lowest, lowest),
            max(self.highest, highest),
        )
        self._grow(max(-lowest, highest))
        if self.limit < np.finfo(np.float32).tiny:
            self.counts[BINS // 2] += flat.size
            return
        per_unit = np.float32(BINS / 2 / self.limit)
        for start in range(0, flat.size, CHUNK):
            position = flat[start : start + CHUNK] * per_unit
            position += BINS // 2
            found = np.bincount(position.astype(np.intp), minlength=BINS + 1)
            found[BINS - 1] += found[BINS]  # a value at the limit itself
            self.counts += found[:BINS]

    def quantile(self, fraction: float) -> float:
        """The value below which this fraction of all values lies.

        Args:
            fraction: 0 to 1.

        Returns:
            The quantile, within a bin's width and between the smallest and the largest
            of the values and 0.
        """
        below = np.cumsum(self.counts)
        place = int(np.searchsorted(below, fraction * below[-1]))
        edge = self.centres[min(place, BINS - 1)]
        if fraction in {0, 1}:
            edge = self.highest if fraction else self.lowest
        return float(np.clip(edge, self.lowest, self.highest))

    def folded(self) -> "Histogram":
        """The histogram of the magnitudes."""
        folded = Histogram()
        half = BINS // 2
        folded.counts[half:] = self.counts[half:] + self.counts[:half][::-1]
        folded.limit = self.limit
        folded.highest = max(-self.lowest, self.highest)
        return folded

    @property
    def centres(self) -> npt.NDArray[np.float64]:
        """The middle of each bin."""
        numbers = np.arange(BINS, dtype=np.float64)
        return (numbers + 0.5) * self._width - self.limit

    def squared_errors(
        self, scale: Floats, zero_point: Floats, *, qmin: int, qmax: int
    ) -> npt.NDArray[np.float64]:
        """The sum of the squared errors of rounding all values, for many scales at once.

        Args:
            scale: Positive, shape `(n,)`.
            zero_point: Shape `(n,)`.
            qmin: The smallest integer.
            qmax: The largest integer.

        Returns:
            Shape `(n,)`.
        """
        moments = self._moments()
        scale = np.asarray(scale, np.float64)[:, None]
        levels = scale * (np.arange(qmin, qmax + 1) - np.float64(zero_point[:, None]))
        borders = levels[:, :-1] + scale / 2
        ends = np.full((len(scale), levels.shape[1] + 1), BINS)
        ends[:, 0] = 0
        ends[:, 1:-1] = np.clip(
            np.ceil((borders + self.limit) / self._width - 0.5), 0, BINS
        )
        count, total, squares = np.diff(moments[:, ends], axis=2)
        errors: npt.NDArray[np.float64] = np.sum(
            squares - 2 * levels * total + levels**2 * count, axis=1
        )
        return errors

    @property
    def _width(self) -> float:
        return 2 * self.limit / BINS or 1.0

    def _moments(self) -> npt.NDArray[np.float64]:
        """Counts, sums and sums of squares of all values below each bin."""
        centres = self.centres
        of_bins = self.counts * centres ** np.arange(3)[:, None]
        return np.pad(np.cumsum(of_bins, axis=1), [(0, 0), (1, 0)])

    def _grow(self, largest: float) -> None:
        if self.limit == 0:
            self.limit = largest
            # What has been counted so far were zeros, whose bin does not move.
        while self.limit < largest:
            half = BINS // 2
            pairs = self.counts.reshape(half, 2).sum(axis=1)
            self.counts = np.zeros(BINS, np.int64)
            self.counts[half // 2 : half // 2 + half] = pairs
            self.limit *= 2
