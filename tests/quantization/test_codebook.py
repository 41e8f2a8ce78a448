"""Optimal one-dimensional k-means against the theory and an exhaustive search."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nncompress_lab.quantization.arrays import codebook
from nncompress_lab.quantization.arrays.codebook import learn_codebook, nearest_codes

RNG = np.random.default_rng(0)


def heavy_tailed(count, seed=0):
    """Like trained weights: many near zero, few far away."""
    rng = np.random.default_rng(seed)
    return (0.02 * rng.standard_t(5, size=count)).astype(np.float32)


def error_of(weights, book):
    return float(((book.decode().astype(np.float64) - weights) ** 2).sum())


def least_error(weights, size):
    """The smallest error of any partition into intervals, by trying all cuts."""
    ordered = np.sort(weights.astype(np.float64))
    count = ordered.size
    sums = np.append(0, np.cumsum(ordered))
    squares = np.append(0, np.cumsum(ordered**2))
    best = np.full(count + 1, np.inf)
    best[0] = 0
    for _ in range(size):
        longer = best.copy()
        for end in range(1, count + 1):
            begin = np.arange(end)
            spread = (squares[end] - squares[:end]) - (sums[end] - sums[:end]) ** 2 / (
                end - begin
            )
            longer[end] = min(longer[end], (best[:end] + spread).min())
        best = longer
    return float(best[count])


@given(
    values=st.lists(
        st.floats(-100, 100).map(lambda value: round(value, 3)),
        min_size=1,
        max_size=30,
    ),
    size=st.integers(1, 8),
)
@settings(deadline=None)
def test_no_table_of_that_size_has_a_smaller_error(values, size):
    weights = np.array(values)

    book = learn_codebook(weights, size=size, keep_zeros=False)

    # float32 table entries round each weight by up to 100 * 2**-24, squared and summed.
    assert error_of(weights, book) <= least_error(weights, size) * (1 + 1e-6) + 1e-8


@pytest.mark.parametrize("size", [2, 16, 64])
def test_with_many_values_the_error_is_within_a_thousandth_of_the_optimum(
    monkeypatch, size
):
    weights = heavy_tailed(3000)
    exact = least_error(weights, size)
    monkeypatch.setattr(codebook, "EXACT_POINTS", 512)
    monkeypatch.setattr(codebook, "_SMOOTHING", 17)

    book = learn_codebook(weights, size=size)

    assert error_of(weights, book) <= 1.001 * exact


@pytest.mark.parametrize("size", [4, 16, 256])
def test_counted_in_bins_it_is_as_good_as_the_exact_one(monkeypatch, size):
    weights = heavy_tailed(60_000)
    exact = learn_codebook(weights, size=size)
    monkeypatch.setattr(codebook, "_CHUNK", 1 << 14)
    many = np.tile(weights, 2)  # more than there are bins

    binned = learn_codebook(many, size=size)

    assert error_of(many, binned) <= 1.001 * 2 * error_of(weights, exact)


def test_a_large_array_is_coded_better_than_by_equal_steps():
    weights = heavy_tailed(200_000)
    even = np.linspace(weights.min(), weights.max(), 16).astype(np.float32)
    uniform = even[nearest_codes(weights, even)]

    book = learn_codebook(weights, size=16)

    assert error_of(weights, book) < 0.5 * float(((uniform - weights) ** 2).sum())


def test_as_many_values_as_there_are_distinct_weights_lose_nothing():
    weights = RNG.choice(np.array([-1.5, 0.25, 3.0], dtype=np.float32), size=(5, 4, 3))

    book = learn_codebook(weights, size=3)

    assert np.array_equal(book.decode(), weights)
    assert book.codes.shape == weights.shape
    assert book.codes.dtype == np.uint8


def test_fewer_distinct_weights_make_a_shorter_table():
    book = learn_codebook(np.full((2, 2), 7.0), size=16)

    assert book.table.tolist() == [7.0]
    assert not book.codes.any()


def test_more_values_never_make_it_worse():
    weights = heavy_tailed(5000)
    errors = [error_of(weights, learn_codebook(weights, size=n)) for n in (1, 2, 4, 8)]

    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(weights.size * weights.var(), rel=1e-4)


@pytest.mark.parametrize("size", [2, 4, 256])
def test_zeros_stay_zero(size):
    weights = heavy_tailed(4000).reshape(40, 100)
    weights[np.abs(weights) < 0.03] = 0

    decoded = learn_codebook(weights, size=size).decode()

    assert not decoded[weights == 0].any()


def test_only_zeros_are_a_table_of_zero():
    assert learn_codebook(np.zeros((3, 3)), size=1).table.tolist() == [0.0]


def test_the_weights_are_not_changed():
    weights = heavy_tailed(100)
    before = weights.copy()

    learn_codebook(weights, size=4)

    assert np.array_equal(weights, before)


def test_the_same_weights_give_the_same_table():
    weights = heavy_tailed(70_000)
    one, other = (learn_codebook(weights, size=16) for _ in range(2))

    assert np.array_equal(one.table, other.table)
    assert np.array_equal(one.codes, other.codes)


def test_a_shift_shifts_the_table():
    weights = heavy_tailed(1000).astype(np.float64)
    table = learn_codebook(weights, size=8).table
    shifted = learn_codebook(weights + 1000, size=8).table

    np.testing.assert_allclose(shifted, table + 1000, atol=1e-4)  # float32 near 1000


@pytest.mark.parametrize("size", [0, -1, 257])
def test_a_size_out_of_range_is_refused(size):
    with pytest.raises(ValueError, match="1 to 256"):
        learn_codebook(np.ones(3), size=size)


@pytest.mark.parametrize("weights", [[np.nan, 1.0], [np.inf, 1.0], []])
def test_weights_that_are_no_numbers_are_refused(weights):
    with pytest.raises(ValueError, match="must be finite"):
        learn_codebook(np.array(weights), size=2)


def test_one_value_for_zero_and_others_is_refused():
    with pytest.raises(ValueError, match="at least 2 values"):
        learn_codebook(np.array([0.0, 1.0]), size=1)


def test_of_two_equally_near_values_the_larger_is_taken():
    assert nearest_codes(np.array([0.5]), np.array([0, 1], np.float32)).tolist() == [1]
