"""Which range of values the integers are to cover; what lies outside is clipped.

A smaller range has finer steps and cuts off more. The three ways to choose it: the whole
range, a percentile of the values, and the range with the least squared error. NumPy only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import check_choice
from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    affine_params,
    finite_weights,
    integer_range,
    params_of_range,
)
from nncompress_lab.quantization.arrays.histogram import CHUNK, Histogram

Floats = npt.NDArray[Any]
ClippingMethod = Literal["absmax", "percentile", "mse"]
Range = tuple[Floats, Floats]


@dataclass(frozen=True)
class Clipping:
    """How the range of the integers is chosen.

    Args:
        method: `"absmax"` covers every value and clips none. `"percentile"` covers that
            part of the values. `"mse"` has the least squared error.
        percentile: Above 0, at most 100; only with `"percentile"`. Symmetric ranges take
            it of the magnitudes, affine ones cut as much off at both ends.

    Raises:
        ValueError: If the method is unknown, or the percentile is out of range or does
            not fit the method.
    """

    method: ClippingMethod = "absmax"
    percentile: float | None = None

    def __post_init__(self) -> None:
        check_choice("clipping", self.method, ClippingMethod)
        if (self.method == "percentile") != (self.percentile is not None):
            raise ValueError(
                "`percentile` belongs to clipping='percentile', which needs it. Received: "
                f"clipping={self.method!r}, percentile={self.percentile!r}."
            )
        if self.percentile is not None:
            check_percentile(self.percentile)


ABSMAX: Final = Clipping()


def check_percentile(percentile: object) -> None:
    """Raise a `ValueError` unless `percentile` is above 0 and at most 100."""
    if not isinstance(percentile, int | float | np.number) or not 0 < percentile <= 100:
        raise ValueError(
            "`percentile` is the part of the values that the range covers, above 0 and "
            f"at most 100. Received: percentile={percentile!r}. 99.9 is usual."
        )


def clipped_params(
    weights: Floats,
    clipping: Clipping = ABSMAX,
    *,
    bits: int,
    symmetric: bool = True,
    axis: int | tuple[int, ...] | None = None,
) -> AffineParams:
    """Scale and zero point for a range that need not cover every weight.

    With `"absmax"` this is `affine_params`. The range with the least squared error is
    searched for among fractions of that: a grid, then a finer one around its best, and
    for affine ranges each end by itself. Where more than 65,536 weights share a scale,
    the error is read from a histogram, in time that does not depend on their number.

    Where a percentile would make the range empty, as in a kernel of mostly zeros, all
    weights are covered. A weight of 0 is exactly representable, always.

    Args:
        weights: Array of any shape. It is not changed.
        clipping: How to choose the range.
        bits: Width of the integers, 2 to 8.
        symmetric: Whether the zero point is fixed at 0.
        axis: The axes that share one scale; None shares it over the whole array.

    Returns:
        Scale and zero point, of the shape of `weights` with length 1 along `axis`.

    Raises:
        ValueError: As `affine_params`.

    Example:
        >>> weights = np.append(np.linspace(-1, 1, 1000), 9.0)
        >>> absmax = affine_params(weights, bits=4)
        >>> best = clipped_params(weights, Clipping("mse"), bits=4)
        >>> round(float(absmax.scale[0]), 2), round(float(best.scale[0]), 2)
        (1.29, 0.45)

    References:
        Banner, Nahshan, Soudry, "Post training 4-bit quantization of convolutional
        networks for rapid-deployment", NeurIPS 2019, section 3 (why clipping pays).
        https://arxiv.org/abs/1810.05723
    """
    if clipping.method == "absmax":
        return affine_params(weights, bits=bits, symmetric=symmetric, axis=axis)
    matrix, shape = _ranges_as_rows(finite_weights(weights), axis)
    if clipping.percentile is not None:
        found = _percentiles(matrix, clipping.percentile, symmetric=symmetric)
    elif matrix.shape[1] > CHUNK:
        histograms = [Histogram() for _ in matrix]
        for histogram, row in zip(histograms, matrix, strict=True):
            histogram.add(row)
        each = [
            least_error_range(one, bits=bits, symmetric=symmetric) for one in histograms
        ]
        found = np.array([low for low, _ in each]), np.array([high for _, high in each])
    else:
        found = _least_errors(matrix, bits=bits, symmetric=symmetric)
    params = params_of_range(*found, bits=bits, symmetric=symmetric)
    return AffineParams(params.scale.reshape(shape), params.zero_point.reshape(shape))


def least_error_range(
    histogram: Histogram, *, bits: int, symmetric: bool
) -> tuple[float, float]:
    """The ends of the range whose integers have the least squared error.

    Args:
        histogram: Of the values that will be rounded.
        bits: Width of the integers, 2 to 8.
        symmetric: Whether the range mirrors around 0.

    Returns:
        The lower end, at most 0, and the upper end, at least 0.
    """
    qmin, qmax = integer_range(bits=bits, symmetric=symmetric)

    def errors(params: AffineParams) -> Floats:
        scale, zero_point = params.scale[:, 0], params.zero_point[:, 0]
        return histogram.squared_errors(scale, zero_point, qmin=qmin, qmax=qmax)[
            :, None
        ]

    search = _Search(errors, bits=bits, symmetric=symmetric)
    low, high = search(
        np.array([histogram.lowest]), np.array([histogram.highest]), coarse=200, fine=41
    )
    return float(low[0]), float(high[0])


def percentile_range(
    histogram: Histogram, percentile: float, *, symmetric: bool
) -> tuple[float, float]:
    """The ends of the range that covers a part of the values.

    Args:
        histogram: Of the values that will be rounded.
        percentile: Above 0, at most 100.
        symmetric: Whether the range mirrors around 0.

    Returns:
        The lower end, at most 0, and the upper end, at least 0.
    """
    if symmetric:
        largest = histogram.folded().quantile(percentile / 100)
        return -largest, largest
    low, high = (
        histogram.quantile(one / 100) for one in (100 - percentile, percentile)
    )
    return min(low, 0.0), max(high, 0.0)


def _least_errors(matrix: Floats, *, bits: int, symmetric: bool) -> Range:
    """The best range of each row, from its values themselves."""
    qmin, qmax = integer_range(bits=bits, symmetric=symmetric)
    at_once = max(1, CHUNK // matrix.shape[1])
    found = []
    for start in range(0, len(matrix), at_once):
        block = matrix[start : start + at_once]

        def errors(params: AffineParams, block: Floats = block) -> Floats:
            return np.stack(
                [
                    _squared_errors(block, scale, shift, qmin=qmin, qmax=qmax)
                    for scale, shift in zip(*params, strict=True)
                ]
            )

        search = _Search(errors, bits=bits, symmetric=symmetric)
        ends = block.min(axis=1), block.max(axis=1)
        found.append(search(*ends, coarse=40, fine=9))
    lows, highs = zip(*found, strict=True)
    return np.concatenate(lows), np.concatenate(highs)


def _squared_errors(
    rows: Floats, scale: Floats, zero_point: Floats, *, qmin: int, qmax: int
) -> Floats:
    """The squared error of rounding each row with its own scale."""
    exact = rows / scale[:, None]
    error = np.rint(exact)
    shift = zero_point.astype(np.float32)[:, None]
    np.clip(error, qmin - shift, qmax - shift, out=error)
    error -= exact
    squares: Floats = scale.astype(np.float64) ** 2 * np.einsum(
        "rn,rn->r", error, error
    )
    return squares


@dataclass(frozen=True, eq=False)
class _Search:
    """Looks for the best ends of many ranges at once, among fractions of the whole."""

    errors: Callable[[AffineParams], Floats]
    bits: int
    symmetric: bool

    def __call__(
        self, lowest: Floats, highest: Floats, *, coarse: int, fine: int
    ) -> Range:
        whole = np.minimum(lowest, 0), np.maximum(highest, 0)
        grid = np.arange(1, coarse + 1)[:, None] / coarse
        part, _ = self._best(whole, grid, grid)
        nearby = np.linspace(-1, 1, fine)[:, None]
        grid = np.clip(part + nearby / coarse, 0.5 / coarse, 1)
        low, high = self._best(whole, grid, grid)
        for reach in () if self.symmetric else (0.3, 0.1, 0.03):
            factors = 1 + reach * nearby
            low, high = self._best(whole, np.minimum(low * factors, 1), high)
            low, high = self._best(whole, low, np.minimum(high * factors, 1))
        return whole[0] * low, whole[1] * high

    def _best(self, whole: Range, low: Floats, high: Floats) -> Range:
        """The best of some pairs of fractions, for each range."""
        params = params_of_range(
            whole[0] * low, whole[1] * high, bits=self.bits, symmetric=self.symmetric
        )
        errors = self.errors(params)
        best = errors.argmin(axis=0)[None]
        low, high = (np.broadcast_to(one, errors.shape) for one in (low, high))
        return (
            np.take_along_axis(low, best, axis=0)[0],
            np.take_along_axis(high, best, axis=0)[0],
        )


def _percentiles(matrix: Floats, percentile: float, *, symmetric: bool) -> Range:
    """The range of each row that covers a part of its values."""
    if symmetric:
        magnitudes = np.abs(matrix)
        high = np.percentile(magnitudes, percentile, axis=1)
        low = -np.where(high > 0, high, magnitudes.max(axis=1))
        return low, -low
    low, high = np.percentile(matrix, [100 - percentile, percentile], axis=1)
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    empty = low == high
    return (
        np.where(empty, matrix.min(axis=1), low),
        np.where(empty, matrix.max(axis=1), high),
    )


def _ranges_as_rows(
    weights: Floats, axis: int | tuple[int, ...] | None
) -> tuple[Floats, tuple[int, ...]]:
    """The weights that share a scale as rows, and the shape of the scales."""
    every = tuple(range(weights.ndim))
    shared = every if axis is None else np.atleast_1d(axis) % max(weights.ndim, 1)
    kept = tuple(one for one in every if one not in shared)
    shape = tuple(size if one in kept else 1 for one, size in enumerate(weights.shape))
    ordered = weights.transpose(*kept, *(one for one in every if one in shared))
    return ordered.reshape(int(np.prod(shape)), -1), shape
