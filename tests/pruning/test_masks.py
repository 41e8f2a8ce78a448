"""Masks from magnitudes: exact counts, a fixed order of ties, refusals."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from nncompress_lab.pruning.arrays import ranking as cut
from nncompress_lab.pruning.arrays.masks import (
    global_magnitude_cut,
    global_magnitude_masks,
    magnitude_mask,
    masks_by_score,
    sparsity_of,
    threshold_mask,
)

small_profile = settings(max_examples=50, deadline=None)
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)
sparsities = st.floats(0, 1, exclude_max=True)
# Five magnitudes in up to 216 entries: nearly every array is full of ties.
tied_arrays = hnp.arrays(
    np.float32, shapes, elements=st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -2.0, 3.0])
)
finite_arrays = hnp.arrays(
    np.float32, shapes, elements=st.floats(-(2.0**100), 2.0**100, width=32)
)


def reference_masks(arrays: list[np.ndarray], sparsity: float) -> list[np.ndarray]:
    """The definition, written with a stable sort of all magnitudes."""
    magnitudes = np.concatenate([np.abs(array).ravel() for array in arrays])
    kept = np.ones(magnitudes.size, bool)
    kept[np.argsort(magnitudes, kind="stable")[: round(sparsity * kept.size)]] = False
    ends = np.cumsum([array.size for array in arrays])
    return [
        part.reshape(array.shape)
        for part, array in zip(np.split(kept, ends[:-1]), arrays, strict=True)
    ]


@small_profile
@given(finite_arrays, sparsities)
def test_exactly_the_rounded_number_of_weights_is_dropped(weights, sparsity):
    mask = magnitude_mask(weights, sparsity=sparsity)

    assert mask.size - np.count_nonzero(mask) == round(sparsity * weights.size)


@small_profile
@given(finite_arrays, sparsities)
def test_no_kept_weight_is_smaller_than_a_dropped_one(weights, sparsity):
    mask = magnitude_mask(weights, sparsity=sparsity)

    smallest_kept = np.abs(weights[mask]).min(initial=np.inf)
    largest_dropped = np.abs(weights[~mask]).max(initial=0)
    assert smallest_kept >= largest_dropped


@small_profile
@given(finite_arrays, sparsities)
def test_the_mask_is_boolean_and_has_the_shape_of_the_weights(weights, sparsity):
    mask = magnitude_mask(weights, sparsity=sparsity)

    assert (mask.dtype, mask.shape) == (np.bool_, weights.shape)


@small_profile
@given(finite_arrays, sparsities, sparsities)
def test_more_sparsity_never_brings_a_weight_back(weights, one, other):
    low, high = sorted((one, other))

    at_low = magnitude_mask(weights, sparsity=low)
    at_high = magnitude_mask(weights, sparsity=high)

    assert not (at_high & ~at_low).any()


@small_profile
@given(finite_arrays, sparsities, st.integers(-20, 20))
def test_scaling_all_weights_by_a_power_of_two_changes_no_mask(
    weights, sparsity, power
):
    # Below 2**-40 a scaled weight could lose bits as a subnormal and tie with another.
    weights = np.where(np.abs(weights) < 2.0**-40, 0, weights).astype(np.float32)

    scaled = magnitude_mask(weights * np.float32(2.0**power), sparsity=sparsity)

    np.testing.assert_array_equal(scaled, magnitude_mask(weights, sparsity=sparsity))


@small_profile
@given(st.lists(tied_arrays, min_size=1, max_size=4), sparsities)
def test_masks_of_arrays_full_of_ties_equal_a_stable_sort(arrays, sparsity):
    masks = global_magnitude_masks(arrays, sparsity=sparsity)

    for mask, expected in zip(masks, reference_masks(arrays, sparsity), strict=True):
        np.testing.assert_array_equal(mask, expected)


@small_profile
@given(st.lists(finite_arrays, min_size=1, max_size=4), sparsities)
def test_the_global_count_is_exact_over_all_arrays_together(arrays, sparsity):
    masks = global_magnitude_masks(arrays, sparsity=sparsity)

    total = sum(array.size for array in arrays)
    kept = sum(int(np.count_nonzero(mask)) for mask in masks)
    assert total - kept == round(sparsity * total)


def test_ties_are_dropped_in_c_order():
    weights = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]])

    mask = magnitude_mask(weights, sparsity=0.5)

    np.testing.assert_array_equal(mask, [[False, False, False], [True, True, True]])


def test_ties_are_dropped_in_c_order_of_an_array_in_fortran_order():
    weights = np.asfortranarray(np.ones((2, 3)))

    mask = magnitude_mask(weights, sparsity=0.5)

    np.testing.assert_array_equal(mask, [[False, False, False], [True, True, True]])


def test_ties_across_arrays_are_dropped_from_the_earlier_array_first():
    arrays = [np.array([2.0, 1.0]), np.array([[1.0], [1.0]])]

    masks = global_magnitude_masks(arrays, sparsity=0.5)

    np.testing.assert_array_equal(masks[0], [True, False])
    np.testing.assert_array_equal(masks[1], [[False], [True]])


def test_an_array_of_small_weights_may_lose_all_of_them_globally():
    arrays = [np.full(4, 0.01), np.full(4, 1.0)]

    masks = global_magnitude_masks(arrays, sparsity=0.5)

    assert [mask.sum() for mask in masks] == [0, 4]


def test_half_a_weight_rounds_to_the_even_count():
    weights = np.arange(1.0, 6.0)  # 0.5 * 5 = 2.5, and Python rounds that to 2

    assert magnitude_mask(weights, sparsity=0.5).sum() == 3


def test_sparsity_zero_keeps_even_the_zeros():
    assert magnitude_mask(np.zeros((2, 2)), sparsity=0.0).all()


def test_a_sparsity_that_rounds_to_everything_drops_everything():
    assert not magnitude_mask(np.arange(10.0), sparsity=0.99).any()


def test_an_array_without_entries_has_an_empty_mask():
    assert magnitude_mask(np.zeros((0, 3)), sparsity=0.5).shape == (0, 3)


def test_no_arrays_give_no_masks():
    assert global_magnitude_masks([], sparsity=0.5) == []


def test_masking_does_not_change_its_input():
    weights = np.array([3.0, -1.0, 2.0, -0.5], np.float32)
    before = weights.copy()

    magnitude_mask(weights, sparsity=0.5)
    threshold_mask(weights, threshold=1.0)

    np.testing.assert_array_equal(weights, before)


def test_a_read_only_array_can_be_ranked():
    weights = np.array([3.0, 1.0])
    weights.flags.writeable = False

    np.testing.assert_array_equal(magnitude_mask(weights, sparsity=0.5), [True, False])


def test_float16_magnitudes_are_ranked():
    weights = np.array([-65504.0, 6e-8, 1.0, -0.5], np.float16)

    mask = magnitude_mask(weights, sparsity=0.5)

    np.testing.assert_array_equal(mask, [True, False, True, False])


def test_float64_magnitudes_that_float32_cannot_tell_apart_are_ranked():
    weights = np.array([1.0 + 1e-12, 1.0])

    mask = magnitude_mask(weights, sparsity=0.5)

    np.testing.assert_array_equal(mask, [True, False])


def test_float64_magnitudes_beyond_float32_are_ranked():
    weights = np.array([1e300, -1e301])

    mask = magnitude_mask(weights, sparsity=0.5)

    np.testing.assert_array_equal(mask, [False, True])


def test_the_most_negative_integer_has_the_largest_magnitude():
    weights = np.array([127, -128, 0], np.int8)  # np.abs of int8 -128 would be -128

    mask = magnitude_mask(weights, sparsity=2 / 3)

    np.testing.assert_array_equal(mask, [False, True, False])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_magnitude_mask_counts_the_weights_that_are_not_finite(bad):
    weights = np.array([[1.0, bad, 2.0], [bad, 3.0, 4.0]], np.float32)

    with pytest.raises(ValueError, match=r"2 of 6 entries .*shape \(2, 3\)"):
        magnitude_mask(weights, sparsity=0.5)


def test_global_masks_count_the_bad_weights_of_the_array_that_holds_them():
    arrays = [np.ones(5), np.array([1.0, np.nan])]

    with pytest.raises(ValueError, match="1 of 2 entries"):
        global_magnitude_masks(arrays, sparsity=0.5)


def test_threshold_mask_counts_the_weights_that_are_not_finite():
    with pytest.raises(ValueError, match="1 of 2 entries"):
        threshold_mask(np.array([1.0, np.inf]), threshold=0.5)


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 1.5, 80, np.nan, np.inf])
def test_a_sparsity_out_of_range_is_refused(sparsity):
    with pytest.raises(ValueError, match=rf"\[0, 1\).*sparsity={sparsity!r}"):
        magnitude_mask(np.ones(4), sparsity=sparsity)


def test_a_sparsity_out_of_range_is_refused_without_arrays_too():
    with pytest.raises(ValueError, match="sparsity=2"):
        global_magnitude_masks([], sparsity=2)


@pytest.mark.parametrize("threshold", [-1e-9, np.nan, np.inf])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(ValueError, match=f"threshold={threshold!r}"):
        threshold_mask(np.ones(4), threshold=threshold)


@small_profile
@given(finite_arrays, st.floats(0, 2.0**100, width=32))
def test_threshold_mask_keeps_exactly_the_weights_that_reach_it(weights, threshold):
    mask = threshold_mask(weights, threshold=threshold)

    np.testing.assert_array_equal(mask, np.abs(weights) >= threshold)


def test_a_weight_equal_to_the_threshold_stays():
    weights = np.array([-0.5, 0.5, np.nextafter(0.5, 0)])

    mask = threshold_mask(weights, threshold=0.5)

    np.testing.assert_array_equal(mask, [True, True, False])


def test_threshold_zero_keeps_even_the_zeros():
    assert threshold_mask(np.array([0.0, -0.0, 1.0]), threshold=0.0).all()


def test_a_threshold_beyond_float32_drops_every_float32_weight():
    weights = np.array([1.0, np.finfo(np.float32).max], np.float32)

    assert not threshold_mask(weights, threshold=1e300).any()


@pytest.mark.parametrize("zeros", range(11))
def test_sparsity_of_is_the_number_of_zeros_by_the_number_of_entries(zeros):
    weights = np.ones(10)
    weights[:zeros] = 0

    assert sparsity_of(weights) == zeros / 10


def test_negative_zero_counts_as_zero():
    assert sparsity_of(np.array([-0.0, 1.0])) == 0.5


def test_the_smallest_subnormal_does_not_count_as_zero():
    assert sparsity_of(np.array([5e-324, 0.0])) == 0.5


def test_an_array_without_entries_has_sparsity_zero():
    assert sparsity_of(np.zeros((0, 4))) == 0.0


@pytest.fixture
def sampled(monkeypatch):
    """The way of large arrays, for small ones: pieces of 16, a sample of 32."""
    monkeypatch.setattr(cut, "CHUNK", 16)
    monkeypatch.setattr(cut, "SAMPLE", 32)
    monkeypatch.setattr(cut, "SMALL", 32)


long_shapes = hnp.array_shapes(min_dims=1, max_dims=2, min_side=10, max_side=40)
long_arrays = st.one_of(
    hnp.arrays(np.float32, long_shapes, elements=st.floats(-4, 4, width=16)),
    hnp.arrays(
        np.float32, long_shapes, elements=st.sampled_from([0.0, -0.0, 1.0, -2.0])
    ),
)
keep_fixture = settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck)
)


@keep_fixture
@given(st.lists(long_arrays, min_size=1, max_size=4), sparsities)
def test_masks_of_long_arrays_equal_a_stable_sort(sampled, arrays, sparsity):
    masks = global_magnitude_masks(arrays, sparsity=sparsity)

    for mask, expected in zip(masks, reference_masks(arrays, sparsity), strict=True):
        np.testing.assert_array_equal(mask, expected)


@keep_fixture
@given(
    st.lists(long_arrays, min_size=1, max_size=4),
    sparsities,
    st.sampled_from([0.0, 0.25, 0.5, 2.0, 100.0]),
)
def test_a_misleading_sample_costs_time_and_no_exactness(
    sampled, arrays, sparsity, factor
):
    honest = cut.Ranking._sample

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut.Ranking, "_sample", lambda self: honest(self) * factor)
        masks = global_magnitude_masks(arrays, sparsity=sparsity)

    for mask, expected in zip(masks, reference_masks(arrays, sparsity), strict=True):
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("place", [0, 17, 99])
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_bad_weights_of_a_long_array_are_found_wherever_they_are(
    sampled, place, sparsity
):
    weights = np.ones(100, np.float32)
    weights[place] = np.nan

    with pytest.raises(ValueError, match="1 of 100 entries"):
        magnitude_mask(weights, sparsity=sparsity)


def test_a_million_weights_of_real_size_are_counted_exactly():
    arrays = [
        np.random.default_rng(seed).normal(size=(3, 3, 256, 512)).astype(np.float32)
        for seed in range(3)
    ]

    masks = global_magnitude_masks(arrays, sparsity=0.9)

    total = sum(array.size for array in arrays)
    assert total > cut.SMALL
    assert total - sum(int(mask.sum()) for mask in masks) == round(0.9 * total)
    kept = min(np.abs(a[m]).min() for a, m in zip(arrays, masks, strict=True))
    dropped = max(np.abs(a[~m]).max() for a, m in zip(arrays, masks, strict=True))
    assert kept >= dropped


@small_profile
@given(st.lists(finite_arrays, min_size=1, max_size=4), sparsities)
def test_scores_are_ranked_with_their_signs(arrays, sparsity):
    masks = masks_by_score(arrays, sparsity=sparsity)

    everything = np.concatenate([array.ravel() for array in arrays])
    dropped = np.argsort(everything, kind="stable")[: round(sparsity * everything.size)]
    expected = np.ones(everything.size, bool)
    expected[dropped] = False
    np.testing.assert_array_equal(np.concatenate([m.ravel() for m in masks]), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_counted(bad):
    with pytest.raises(ValueError, match=r"Scores must be finite.*1 of 3 entries"):
        masks_by_score([np.array([1.0, bad, 2.0])], sparsity=0.5)


@small_profile
@given(st.lists(tied_arrays, min_size=1, max_size=3), sparsities)
def test_what_falls_away_is_set_to_zero_as_the_masks_say(arrays, sparsity):
    masks = global_magnitude_masks(arrays, sparsity=sparsity)
    cut = global_magnitude_cut(arrays, sparsity=sparsity)

    for array, mask in zip(arrays, masks, strict=True):
        zeroed = array.copy()
        cut.zero(zeroed)
        np.testing.assert_array_equal(zeroed, np.where(mask, array, 0))
        assert not np.signbit(zeroed[~mask]).any()  # whose bit a coder would keep


def test_setting_to_zero_takes_no_mask_of_the_array():
    array = np.random.default_rng(0).standard_normal(2**21).astype("f4")
    cut = global_magnitude_cut([array], sparsity=0.9)
    tracemalloc.start()
    try:
        cut.zero(array)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < array.size // 4  # a mask would take a byte for each
