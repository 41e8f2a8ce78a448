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
        cut = self.cut(drop=drop)
        return [cut.mask(array) for array in self.arrays]

    def cut(self, *, drop: int) -> "Cut":
        """Where the `drop` smallest entries end; arguments and errors as of `masks`."""
        return Cut(*self._cut(drop), self.by_magnitude, self.dtype)

    def below(self, threshold: float) -> "Cut":
        """Where the entries that are smaller than `threshold` end.

        Args:
            threshold: In the unit of the entries.

        Raises:
            ValueError: If an entry is not finite.
        """
        for array in self.arrays:
            for _, values in self._chunks(array):
                self._check_finite(values, array)
        largest = np.nextafter(np.float64(threshold), -np.inf)
        return Cut(largest, 0, 0, self.by_magnitude, self.dtype)

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
        return _chunks(array, self.by_magnitude, self.dtype)

    def _values(self, piece: Array) -> Array:
        return _values(piece, self.by_magnitude, self.dtype)

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


@dataclass
class Cut:
    """Which entries of a ranking fall away, to be told its arrays one by one, in order.

    Args:
        threshold: The largest entry that falls away.
        tied: How many entries equal it, in the arrays that are to come.
        dropped: How many of these fall away.
        by_magnitude: As of the ranking.
        dtype: As of the ranking.
    """

    threshold: Any
    tied: int
    dropped: int
    by_magnitude: bool
    dtype: np.dtype[Any]

    def mask(self, array: Array) -> Mask:
        """Mark the entries of the next array that stay."""
        kept = np.empty(array.size, dtype=np.bool_)
        for start, piece in self._pieces(array):
            kept[start : start + piece.size] = piece
        return kept.reshape(array.shape)

    def zero(self, array: Array) -> None:
        """Set the entries of the next array that fall away to zero, without a mask of it.

        Args:
            array: A copy of the one that was ranked, in C order.
        """
        flat = array.reshape(-1)
        for start, piece in self._pieces(array):
            # Not a product: it would leave -0.0, whose sign bit no coder gets rid of.
            np.putmask(flat[start : start + piece.size], ~piece, 0)

    def _pieces(self, array: Array) -> Iterator[tuple[int, Mask]]:
        for start, values in _chunks(array, self.by_magnitude, self.dtype):
            kept = values > self.threshold
            if self.dropped < self.tied:  # the last ones of the equal entries stay
                ties = np.flatnonzero(values == self.threshold)
                kept[ties[self.dropped :]] = True
                self.tied -= ties.size
                self.dropped -= min(self.dropped, ties.size)
            yield start, kept


def _chunks(
    array: Array, by_magnitude: bool, dtype: np.dtype[Any]
) -> Iterator[tuple[int, Array]]:
    """What is ranked of an array, in C order; each piece is overwritten by the next."""
    flat = array.reshape(-1)
    buffer = np.empty(min(CHUNK, flat.size), dtype=dtype)
    for start in range(0, flat.size, CHUNK):
        piece = flat[start : start + CHUNK]
        yield start, _values(piece, by_magnitude, dtype, out=buffer[: piece.size])


def _values(
    piece: Array, by_magnitude: bool, dtype: np.dtype[Any], out: Array | None = None
) -> Array:
    """The entries or, as floats, their absolute values."""
    function = np.abs if by_magnitude else np.positive
    values: Array = function(piece, out=out, dtype=dtype, casting="unsafe")
    return values
