"""Where to cut a ranking so that an exact number of entries falls away. NumPy only.

The entries stay where they are: they are looked at in pieces that fit the processor's
cache, first to find the threshold and once more to make the masks. A random sample tells
nearly where the threshold is, so that the first look has to keep only the few entries
around it. On 25 million weights that is 5 to 10 times faster than a quantile and needs no
second array of that size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

CHUNK = 1 << 16  # 256 kB of float32: in a core's second cache
SAMPLE = 1 << 17
SMALL = 1_500_000  # entries up to which one partition of all of them is faster
SIGMAS = 4.0  # how sure the sample's bracket is: it fails once in about 16000 times


@dataclass(frozen=True)
class Ranking:
    """The entries of several arrays in one order: by value, then by place.

    Args:
        arrays: Of any shapes and real types. They are not changed.
        by_magnitude: Whether to rank absolute values rather than values.
        what: What the entries are called in an error.
    """

    arrays: Sequence[Array]
    by_magnitude: bool = False
    what: str = "Scores"

    @property
    def size(self) -> int:
        """Entries of all arrays together."""
        return sum(array.size for array in self.arrays)

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the entries are compared in: float64 if one array is, else float32."""
        exact = any(array.dtype == np.float64 for array in self.arrays)
        return np.dtype(np.float64 if exact else np.float32)

    def masks(self, *, drop: int) -> list[Mask]:
        """Mark all but the `drop` smallest entries.

        Of equal entries the earlier array's go first, in C order.

        Args:
            drop: How many entries to leave unmarked, 0 to `size`.

        Returns:
            One boolean array for each array, of its shape: True where kept.

        Raises:
            ValueError: If an entry is not finite.
        """
        threshold, tied, dropped = self._cut(drop)
        masks = []
        for array in self.arrays:
            kept = np.empty(array.size, dtype=np.bool_)
            for start, values in self._chunks(array):
                part = kept[start : start + values.size]
                np.greater(values, threshold, out=part)
                if dropped < tied:  # the last ones of the entries that are equal stay
                    ties = np.flatnonzero(values == threshold)
                    part[ties[dropped:]] = True
                    tied -= ties.size
                    dropped -= min(dropped, ties.size)
            masks.append(kept.reshape(array.shape))
        return masks

    def reaching(self, threshold: float) -> list[Mask]:
        """Mark the entries that are at least `threshold`.

        Args:
            threshold: In the unit of the entries.

        Returns:
            One boolean array for each array, of its shape.

        Raises:
            ValueError: If an entry is not finite.
        """
        masks = []
        for array in self.arrays:
            kept = np.empty(array.size, dtype=np.bool_)
            for start, values in self._chunks(array):
                self._check_finite(values, array)
                part = kept[start : start + values.size]
                np.greater_equal(values, np.float64(threshold), out=part)
            masks.append(kept.reshape(array.shape))
        return masks

    def _cut(self, drop: int) -> tuple[Any, int, int]:
        """The largest entry to drop, how many equal it, and how many of these to drop."""
        low, high = self._bracket(drop)
        below, middle = self._between(low, high)
        if drop == 0:
            return low, 0, 0
        if below >= drop:  # `low` itself, if it is that frequent: zeros, for example
            smaller = self._count_below(low)
            if smaller < drop:
                return low, below - smaller, drop - smaller
        rank = drop - 1 - below
        if not 0 <= rank < middle.size:  # the sample was misleading
            below, middle = self._between(-np.inf, np.inf)
            rank = drop - 1
        middle.partition(rank)
        threshold = middle[rank]
        smaller = below + int(np.count_nonzero(middle[:rank] < threshold))
        return threshold, int(np.count_nonzero(middle == threshold)), drop - smaller

    def _bracket(self, drop: int) -> tuple[Any, Any]:
        """Two values between which the threshold almost surely is."""
        if self.size <= SMALL or drop == 0:
            return -np.inf, np.inf
        sample = self._sample()
        fraction = drop / self.size
        error = SIGMAS * np.sqrt(fraction * (1 - fraction) / SAMPLE) + 2 / SAMPLE
        low = int((fraction - error) * SAMPLE)
        high = int((fraction + error) * SAMPLE) + 1
        sample.partition([max(low, 0), min(high, SAMPLE - 1)])
        return (
            sample[low] if low > 0 else -np.inf,
            sample[high] if high < SAMPLE else np.inf,
        )

    def _sample(self) -> Array:
        """One random entry from each of `SAMPLE` stretches of equal length."""
        edges = np.arange(SAMPLE) * self.size // SAMPLE
        offsets = np.random.default_rng(0).integers(0, self.size // SAMPLE, SAMPLE)
        places = edges + offsets
        ends = np.cumsum([array.size for array in self.arrays])
        split = np.split(places, np.searchsorted(places, ends[:-1]))
        starts = ends - [array.size for array in self.arrays]
        return np.concatenate(
            [
                self._values(array.reshape(-1)[chosen - start])
                for array, chosen, start in zip(self.arrays, split, starts, strict=True)
            ]
        )

    def _between(self, low: Any, high: Any) -> tuple[int, Array]:
        """How many entries are at most `low`, and those above it up to `high`."""
        below, middle = 0, [np.empty(0, self.dtype)]
        outside = np.empty(CHUNK, dtype=np.bool_)
        inside = np.empty(CHUNK, dtype=np.bool_)
        for array in self.arrays:
            for _, values in self._chunks(array):
                self._check_finite(values, array)
                out, kept = outside[: values.size], inside[: values.size]
                np.less_equal(values, low, out=out)
                np.less_equal(values, high, out=kept)
                below += int(np.count_nonzero(out))
                middle.append(values[np.not_equal(kept, out, out=kept)])
        return below, np.concatenate(middle)

    def _count_below(self, value: Any) -> int:
        return sum(
            int(np.count_nonzero(values < value))
            for array in self.arrays
            for _, values in self._chunks(array)
        )

    def _chunks(self, array: Array) -> Iterator[tuple[int, Array]]:
        """Pieces of an array in C order; each is overwritten by the next one."""
        flat = array.reshape(-1)
        buffer = np.empty(min(CHUNK, flat.size), dtype=self.dtype)
        for start in range(0, flat.size, CHUNK):
            piece = flat[start : start + CHUNK]
            yield start, self._values(piece, out=buffer[: piece.size])

    def _values(self, piece: Array, out: Array | None = None) -> Array:
        """What is ranked: the entries or, as floats, their absolute values."""
        function = np.abs if self.by_magnitude else np.positive
        values: Array = function(piece, out=out, dtype=self.dtype, casting="unsafe")
        return values

    def _check_finite(self, values: Array, array: Array) -> None:
        # The extremes of a piece that is in the cache: NaN spreads to both of them.
        lowest = 0.0 if self.by_magnitude else values.min()
        if np.isfinite(values.max()) and np.isfinite(lowest):
            return
        bad = array.size - int(np.count_nonzero(np.isfinite(array)))
        raise ValueError(
            f"{self.what} must be finite to be ranked. Received: {bad} of {array.size} "
            f"entries of an array of shape {array.shape} are NaN or infinite. Train "
            "the model again, or find the layer that diverged."
        )
