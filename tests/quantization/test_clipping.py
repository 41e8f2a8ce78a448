"""The choice of the range: against a search by hand, and against the definitions."""

import numpy as np
import pytest

from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    affine_params,
    dequantize,
    quantize,
)
from nncompress_lab.quantization.arrays.clipping import (
    ABSMAX,
    Clipping,
    clipped_params,
    least_error_range,
    percentile_range,
)
from nncompress_lab.quantization.arrays.histogram import BINS, Histogram

MSE = Clipping("mse")
both_modes = pytest.mark.parametrize("symmetric", [True, False])


def heavy_tailed(shape, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, shape).astype(np.float32)


def squared_error(weights, params, *, bits, symmetric=True, axis=None) -> np.ndarray:
    codes = quantize(weights, params, bits=bits, symmetric=symmetric)
    error = dequantize(codes, params).astype(np.float64) - weights
    return np.square(error).sum(axis=axis)


def decibel(weights, params, *, bits) -> float:
    error = squared_error(weights, params, bits=bits)
    return float(10 * np.log10(np.square(weights, dtype=np.float64).sum() / error))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_histogram_finds_what_a_search_over_all_weights_finds(bits):
    weights = heavy_tailed(200_000)
    largest = np.abs(weights).max() / (2 ** (bits - 1) - 1)
    naive = max(
        decibel(
            weights,
            AffineParams(np.float32([largest * i / 100]), np.uint8([0])),
            bits=bits,
        )
        for i in range(1, 101)
    )

    found = clipped_params(weights, MSE, bits=bits)

    # 0.02 dB is half a per cent of the error; between its grid points the naive search
    # leaves more.
    assert decibel(weights, found, bits=bits) >= naive - 0.02


@both_modes
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
def test_the_least_error_is_no_more_than_that_of_the_whole_range(symmetric, axis):
    weights = heavy_tailed((40, 30, 20))
    form = {"bits": 4, "symmetric": symmetric, "axis": axis}

    found, whole = clipped_params(weights, MSE, **form), affine_params(weights, **form)

    assert found.scale.shape == whole.scale.shape
    least = squared_error(weights, found, **form)
    before = squared_error(weights, whole, **form)
    assert (least <= before * (1 + 1e-6)).all()  # sums in float32 and in float64
    assert least.sum() < 0.95 * before.sum()


@both_modes
def test_values_and_histogram_agree(symmetric):
    weights = heavy_tailed(60_000)
    histogram = Histogram()
    histogram.add(weights)

    low, high = least_error_range(histogram, bits=4, symmetric=symmetric)
    by_values = clipped_params(weights, MSE, bits=4, symmetric=symmetric)

    by_histogram = affine_params(np.float32([low, high]), bits=4, symmetric=symmetric)
    errors = [
        squared_error(weights, one, bits=4, symmetric=symmetric)
        for one in (by_histogram, by_values)
    ]
    # The two grids differ in their steps; the error is flat around its minimum.
    np.testing.assert_allclose(errors[0], errors[1], rtol=0.01)


@both_modes
@pytest.mark.parametrize("clipping", [ABSMAX, MSE, Clipping("percentile", 60.0)])
def test_zeros_stay_zero_and_a_kernel_of_zeros_has_scale_one(clipping, symmetric):
    weights = heavy_tailed((50, 4))
    weights[::2] = 0
    weights[:, 3] = 0

    params = clipped_params(weights, clipping, bits=4, symmetric=symmetric, axis=0)
    codes = quantize(weights, params, bits=4, symmetric=symmetric)

    assert (dequantize(codes, params)[weights == 0] == 0).all()
    assert params.scale[0, 3] == 1


@both_modes
def test_a_percentile_is_that_of_numpy(symmetric):
    weights = heavy_tailed((1000, 3))

    params = clipped_params(
        weights, Clipping("percentile", 90), bits=8, symmetric=symmetric, axis=0
    )

    if symmetric:
        expected = np.percentile(np.abs(weights), 90, axis=0) / 127
    else:
        expected = np.subtract(*np.percentile(weights, [90, 10], axis=0)) / 255
    # float32 holds 2**-24 of a number; the quotient rounds a few times.
    np.testing.assert_allclose(params.scale[0], expected, rtol=1e-6)


@both_modes
def test_a_percentile_that_would_leave_nothing_covers_everything(symmetric):
    weights = np.zeros((100, 1), np.float32)
    weights[:5] = 1

    params = clipped_params(
        weights, Clipping("percentile", 50), bits=8, symmetric=symmetric, axis=0
    )

    whole = affine_params(weights, bits=8, symmetric=symmetric, axis=0)
    np.testing.assert_array_equal(params.scale, whole.scale)


def test_a_growing_histogram_ends_as_if_it_had_seen_all_at_once():
    values = np.clip(heavy_tailed(10_000), -8, 8)  # 2**5 times what comes first
    gradually, at_once = Histogram(), Histogram()
    gradually.add(np.zeros(7))
    gradually.add(np.array([-0.25, 0.125]))
    gradually.add(values)
    at_once.add(values)
    at_once.add(np.array([0.0] * 7 + [-0.25, 0.125]))

    np.testing.assert_array_equal(gradually.counts, at_once.counts)
    assert gradually.limit == at_once.limit == 8


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.999, 1.0])
def test_a_quantile_is_a_bin_away_at_most(fraction):
    values = heavy_tailed(10_000)
    histogram = Histogram()
    histogram.add(values)

    expected = np.quantile(values, fraction, method="inverted_cdf")

    width = 2 * histogram.limit / BINS
    assert abs(histogram.quantile(fraction) - expected) <= width


def test_the_range_of_values_that_are_never_negative_begins_at_zero():
    histogram = Histogram()
    histogram.add(np.abs(heavy_tailed(1000)))

    assert percentile_range(histogram, 99, symmetric=False)[0] == 0
    assert least_error_range(histogram, bits=8, symmetric=False)[0] == 0


def test_a_histogram_of_nothing_but_zeros_has_an_empty_range():
    histogram = Histogram()
    histogram.add(np.zeros(10))

    assert least_error_range(histogram, bits=8, symmetric=True) == (0, 0)
    assert percentile_range(histogram, 99.0, symmetric=True) == (0, 0)


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="must be finite"):
        clipped_params(np.array([np.inf]), MSE, bits=8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "minmax"}, "clipping='minmax'"),
        ({"method": "percentile"}, "percentile=None"),
        ({"method": "mse", "percentile": 99.0}, "percentile=99.0"),
        ({"method": "percentile", "percentile": 0}, "percentile=0"),
        ({"method": "percentile", "percentile": 100.1}, r"percentile=100\.1"),
        ({"method": "percentile", "percentile": "99"}, "percentile='99'"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Clipping(**settings)
