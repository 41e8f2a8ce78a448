"""Uniform quantization against its definition: `real = scale * (q - zero_point)`."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    affine_params,
    dequantize,
    integer_range,
    quantize,
    split_groups,
)

small_profile = settings(max_examples=50, deadline=None)
both_modes = pytest.mark.parametrize("symmetric", [True, False])
every_width = pytest.mark.parametrize("bits", range(2, 9))
all_bits = st.integers(2, 8)
modes = st.booleans()
FLOAT32 = np.finfo(np.float32)
# At most 1e6 apart in size from 1 and never so small that the scale is subnormal; the
# limits of float32 have tests of their own.
weights_arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
    elements=st.floats(-1e6, 1e6, width=32).map(lambda x: x if abs(x) > 1e-6 else 0.0),
)


def round_trip(
    weights: np.ndarray, *, bits: int, symmetric: bool, axis=None
) -> tuple[np.ndarray, AffineParams]:
    params = affine_params(weights, bits=bits, symmetric=symmetric, axis=axis)
    codes = quantize(weights, params, bits=bits, symmetric=symmetric)
    return dequantize(codes, params), params


def largest_error(params: AffineParams) -> np.ndarray:
    """Half a step, and what float32 adds to it.

    The quotient `weight / scale` is at most 255 and is rounded by half a unit in its
    last place, 2**-24 of it, which can push a weight over the middle between two
    integers: 255 * 2**-24 steps. Decoding and the scale itself round once more each, by
    the same amount: together below 1e-4 steps.
    """
    return params.scale.astype(np.float64) * (0.5 + 1e-4)


@small_profile
@given(weights_arrays, all_bits, modes)
def test_the_error_is_at_most_half_a_step(weights, bits, symmetric):
    decoded, params = round_trip(weights, bits=bits, symmetric=symmetric)

    error = np.abs(decoded.astype(np.float64) - weights)
    assert (error <= largest_error(params)).all()


@small_profile
@given(weights_arrays, all_bits, modes)
def test_a_weight_of_zero_stays_exactly_zero(weights, bits, symmetric):
    weights = np.append(weights.reshape(-1), np.float32(0))

    decoded, _ = round_trip(weights, bits=bits, symmetric=symmetric)

    assert (decoded[weights == 0] == 0).all()


@small_profile
@given(weights_arrays, all_bits, modes)
def test_the_integers_stay_inside_their_range(weights, bits, symmetric):
    params = affine_params(weights, bits=bits, symmetric=symmetric)
    codes = quantize(weights, params, bits=bits, symmetric=symmetric)

    qmin, qmax = integer_range(bits=bits, symmetric=symmetric)
    assert qmin <= codes.min() <= codes.max() <= qmax


@every_width
@both_modes
def test_no_more_than_two_to_the_bits_values_are_left(bits, symmetric):
    weights = np.random.default_rng(0).normal(size=5000).astype(np.float32)

    decoded, _ = round_trip(weights, bits=bits, symmetric=symmetric)

    # A symmetric range leaves out its lowest integer.
    assert len(np.unique(decoded)) <= 2**bits - symmetric


@every_width
def test_a_symmetric_range_mirrors_around_zero_and_has_one_value_less(bits):
    qmin, qmax = integer_range(bits=bits, symmetric=True)

    assert (qmin + qmax, qmax - qmin + 1) == (0, 2**bits - 1)


@every_width
def test_an_affine_range_starts_at_zero_and_uses_every_value(bits):
    assert integer_range(bits=bits, symmetric=False) == (0, 2**bits - 1)


@every_width
def test_the_largest_magnitude_becomes_the_largest_symmetric_integer(bits):
    weights = np.array([0.3, -1.7, 1.1], np.float32)
    params = affine_params(weights, bits=bits)

    codes = quantize(weights, params, bits=bits)

    assert codes[1] == -(2 ** (bits - 1) - 1)


@every_width
def test_negated_weights_have_negated_symmetric_integers(bits):
    weights = np.random.default_rng(1).normal(size=50).astype(np.float32)
    params = affine_params(weights, bits=bits)

    codes = quantize(weights, params, bits=bits)

    np.testing.assert_array_equal(quantize(-weights, params, bits=bits), -codes)


@every_width
@pytest.mark.parametrize("sign", [1, -1])
def test_the_affine_scale_of_weights_of_one_sign_reaches_from_zero(bits, sign):
    weights = sign * np.array([1.0, 2.0, 3.0], np.float32)

    scale, zero_point = affine_params(weights, bits=bits, symmetric=False)

    # The quotient rounds once: one unit in float32's last place.
    np.testing.assert_allclose(scale, [3 / (2**bits - 1)], rtol=FLOAT32.eps)
    assert zero_point == (0 if sign > 0 else 2**bits - 1)


def test_affine_integers_of_weights_of_one_sign_have_half_the_symmetric_error():
    weights = np.linspace(0, 1, 1001, dtype=np.float32)

    affine = affine_params(weights, bits=4, symmetric=False).scale
    symmetric = affine_params(weights, bits=4, symmetric=True).scale

    # 15 steps cover what 7 steps covered; each scale rounds once.
    np.testing.assert_allclose(affine * 15, symmetric * 7, rtol=4 * FLOAT32.eps)


def test_symmetric_integers_are_int8_and_affine_ones_uint8():
    weights = np.array([-1.0, 1.0])

    kinds = [
        quantize(weights, params, bits=8, symmetric=symmetric).dtype
        for symmetric in (True, False)
        for params in [affine_params(weights, bits=8, symmetric=symmetric)]
    ]

    assert kinds == [np.int8, np.uint8]


def test_the_zero_point_of_symmetric_parameters_is_zero():
    assert affine_params(np.array([-1.0, 9.0]), bits=8).zero_point == 0


def test_halves_are_rounded_to_the_even_integer():
    params = AffineParams(np.ones(1, np.float32), np.zeros(1, np.uint8))
    weights = np.array([0.5, 1.5, 2.5, -0.5, -1.5])

    codes = quantize(weights, params, bits=8)

    np.testing.assert_array_equal(codes, [0, 2, 2, 0, -2])


@both_modes
def test_values_beyond_the_range_are_set_to_its_ends(symmetric):
    params = AffineParams(np.ones(1, np.float32), np.zeros(1, np.uint8))

    codes = quantize(np.array([-1e9, 1e9]), params, bits=3, symmetric=symmetric)

    np.testing.assert_array_equal(codes, integer_range(bits=3, symmetric=symmetric))


def test_an_axis_that_shares_a_scale_has_length_one():
    params = affine_params(np.ones((2, 3, 4)), bits=8, axis=(0, 1))

    assert (params.scale.shape, params.zero_point.shape) == ((1, 1, 4), (1, 1, 4))


def test_without_an_axis_the_whole_array_shares_one_scale():
    params = affine_params(np.ones((2, 3)), bits=8)

    assert params.scale.shape == (1, 1)


@both_modes
def test_each_channel_has_the_scale_that_it_has_alone(symmetric):
    weights = np.random.default_rng(2).normal(size=(20, 3)) * [1e-3, 1.0, 1e3]

    together = affine_params(weights, bits=4, symmetric=symmetric, axis=0)

    for channel in range(3):
        alone = affine_params(weights[:, channel], bits=4, symmetric=symmetric)
        assert (together.scale[0, channel], together.zero_point[0, channel]) == alone


def test_a_scale_for_each_channel_keeps_a_small_channel_beside_a_large_one():
    weights = np.array([[1e-3, 1000.0], [5e-4, -500.0]], np.float32)

    decoded, params = round_trip(weights, bits=8, symmetric=True, axis=0)

    assert (np.abs(decoded - weights) <= largest_error(params)).all()


@both_modes
def test_all_zero_weights_have_scale_one(symmetric):
    params = affine_params(np.zeros(5), bits=8, symmetric=symmetric)

    assert params.scale == 1


@both_modes
def test_all_zero_weights_come_back_as_zeros(symmetric):
    decoded, _ = round_trip(np.zeros(5), bits=4, symmetric=symmetric)

    np.testing.assert_array_equal(decoded, np.zeros(5))


@both_modes
def test_only_the_channel_of_zeros_has_scale_one(symmetric):
    weights = np.array([[0.0, 2.0], [0.0, 1.0]])

    scale = affine_params(weights, bits=8, symmetric=symmetric, axis=0).scale

    np.testing.assert_array_equal(scale == 1, [[True, False]])


@both_modes
@every_width
@pytest.mark.parametrize("magnitude", [1e-45, 1e-42, 1e-39, 1.2e-38, 1e-36])
def test_weights_near_the_smallest_float_have_at_most_half_a_step_of_error(
    magnitude, bits, symmetric
):
    weights = np.array([-0.5, 0.25, 1.0], np.float32) * np.float32(magnitude)

    decoded, params = round_trip(weights, bits=bits, symmetric=symmetric)

    assert (np.abs(decoded - weights) <= largest_error(params)).all()


@both_modes
def test_weights_too_small_for_a_normal_scale_become_zero(symmetric):
    weights = np.array([-1e-42, 1e-42], np.float32)

    decoded, _ = round_trip(weights, bits=8, symmetric=symmetric)

    np.testing.assert_array_equal(decoded, [0, 0])


@both_modes
@every_width
def test_weights_near_the_largest_float_have_at_most_half_a_step_of_error(
    bits, symmetric
):
    weights = np.array([-1.0, 0.3, 1.0], np.float32) * np.float32(1e38)

    decoded, params = round_trip(weights, bits=bits, symmetric=symmetric)

    error = np.abs(decoded.astype(np.float64) - weights)
    assert (error <= largest_error(params)).all()


@both_modes
@every_width
@pytest.mark.parametrize("signs", [(1, -1), (1, 0)])
def test_half_the_largest_float_does_not_overflow_and_more_is_refused(
    signs, bits, symmetric
):
    weights = np.array(signs, np.float32) * (FLOAT32.max / 2)

    decoded, _ = round_trip(weights, bits=bits, symmetric=symmetric)

    assert np.isfinite(decoded).all()
    with pytest.raises(ValueError, match="half of the largest float32"):
        affine_params(weights * 1.01, bits=bits, symmetric=symmetric)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@both_modes
def test_other_float_types_have_the_parameters_of_float32(dtype, symmetric):
    weights = np.array([-1.5, 0.25, 3.0])  # exact in all three types

    params = affine_params(weights.astype(dtype), bits=8, symmetric=symmetric)

    assert params == affine_params(
        weights.astype(np.float32), bits=8, symmetric=symmetric
    )


@both_modes
def test_scales_are_float32_and_zero_points_uint8(symmetric):
    scale, zero_point = affine_params(
        np.array([-1.0, 2.0]), bits=8, symmetric=symmetric
    )

    assert (scale.dtype, zero_point.dtype) == (np.float32, np.uint8)


@both_modes
def test_quantizing_does_not_change_the_weights(symmetric):
    weights = np.array([-1.0, 0.3, 2.0], np.float32)
    before = weights.copy()

    round_trip(weights, bits=4, symmetric=symmetric)

    np.testing.assert_array_equal(weights, before)


@pytest.mark.parametrize("bits", [-1, 0, 1, 9, 4.0, "4", None, True])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match=f"from 2 to 8. Received: bits={bits!r}"):
        affine_params(np.ones(3), bits=bits)


def test_quantize_refuses_bits_out_of_range():
    params = affine_params(np.ones(3), bits=8)

    with pytest.raises(ValueError, match="bits=9"):
        quantize(np.ones(3), params, bits=9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_parameters_of_weights_that_are_not_finite_are_refused(bad):
    weights = np.array([[1.0, bad], [bad, bad]])

    with pytest.raises(ValueError, match=r"3 of 4 entries .*shape \(2, 2\)"):
        affine_params(weights, bits=8)


def test_quantize_refuses_weights_that_are_not_finite():
    params = affine_params(np.ones(2), bits=8)

    with pytest.raises(ValueError, match="1 of 2 entries"):
        quantize(np.array([1.0, np.nan]), params, bits=8)


def test_a_float64_weight_beyond_float32_is_refused():
    with pytest.raises(ValueError, match="1 of 2 entries"):
        affine_params(np.array([1.0, 1e300]), bits=8)


@small_profile
@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 40))
def test_split_groups_keeps_the_rows_in_order_and_adds_zeros(
    rows, channels, group_size
):
    matrix = np.arange(1.0, rows * channels + 1).reshape(rows, channels)

    groups = split_groups(matrix, group_size=group_size)

    flat = groups.reshape(-1, channels)
    np.testing.assert_array_equal(flat[:rows], matrix)
    np.testing.assert_array_equal(flat[rows:], 0)


@pytest.mark.parametrize(
    ("rows", "group_size", "groups"), [(6, 3, 2), (7, 3, 3), (2, 3, 1), (5, 1, 5)]
)
def test_split_groups_makes_as_many_groups_as_the_rows_need(rows, group_size, groups):
    parts = split_groups(np.ones((rows, 2)), group_size=group_size)

    assert parts.shape == (groups, group_size, 2)


def test_split_groups_keeps_the_type_of_the_matrix():
    assert split_groups(np.ones((3, 1), np.float16), group_size=2).dtype == np.float16


@pytest.mark.parametrize("group_size", [0, -1, 2.0, None])
def test_a_group_size_below_one_or_not_whole_is_refused(group_size):
    with pytest.raises(ValueError, match=f"group_size={group_size!r}"):
        split_groups(np.ones((4, 1)), group_size=group_size)


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint8])
@pytest.mark.parametrize("bits", range(2, 9))
def test_numpy_integers_are_numbers_of_bits(kind, bits):
    for symmetric in (True, False):
        ends = integer_range(bits=kind(bits), symmetric=symmetric)
        assert ends == integer_range(bits=bits, symmetric=symmetric)


def test_rounding_takes_hardly_more_memory_than_the_integers():
    weights = np.random.default_rng(0).standard_normal((1, 2048, 1024), "f4")  # 8 MiB
    params = affine_params(weights, bits=8, axis=1)

    tracemalloc.start()
    try:
        codes = quantize(weights, params, bits=8)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak <= codes.nbytes + 2**22  # pieces of a quarter of a million weights
