"""Fixed tables: powers of two and quantiles of a Gaussian."""

import ml_dtypes
import numpy as np
import pytest

from nncompress_lab.quantization.arrays.fixed_tables import (
    FixedTable,
    normal_float_table,
    power_of_two_table,
)

TABLES = (power_of_two_table, normal_float_table)

# QLoRA, appendix E; the paper's own arithmetic is rounded in the seventh digit.
NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634),
    *(0.33791524171829224, 0.44070982933044434, 0.5626170039176941),
    *(0.7229568362236023, 1.0),
)


def test_normal_float_of_4_bits_is_the_published_nf4():
    np.testing.assert_allclose(
        normal_float_table(np.array([1.0]), bits=4), NF4, atol=2e-6
    )


@pytest.mark.parametrize("bits", range(2, 9))
def test_normal_float_has_equally_likely_values(bits):
    table = normal_float_table(np.array([3.0, -2.0]), bits=bits)

    assert table.size == 2**bits
    assert table[-1] == 3.0
    assert (table > 0).sum() == 2 ** (bits - 1)
    assert (np.diff(table) > 0).all()


@pytest.mark.parametrize("bits", range(2, 8))
@pytest.mark.parametrize("largest", [0.013, 0.7, 1.0, 1.4, 300.0])
def test_powers_of_two_round_the_largest_weight_to_the_nearer_power(bits, largest):
    table = power_of_two_table(np.array([largest, -largest / 3]), bits=bits)

    magnitudes = table[table > 0]
    assert table.size == 2**bits - 1
    assert (np.log2(magnitudes) == np.round(np.log2(magnitudes))).all()
    np.testing.assert_array_equal(table, -table[::-1])
    # The next power above would be further away.
    top = table[-1]
    assert abs(largest - top) <= abs(largest - 2 * top) * (1 + 1e-6)


def test_powers_that_float32_cannot_hold_are_left_out():
    table = power_of_two_table(np.array([1e-20]), bits=8)

    assert table.size < 255
    assert table[table > 0].min() == np.finfo(np.float32).tiny


@pytest.mark.parametrize("make", TABLES)
def test_every_table_has_an_exact_zero_and_ascends(make):
    table = make(np.random.default_rng(0).normal(size=50), bits=3)

    assert (table == 0).sum() == 1
    assert (np.diff(table) > 0).all()
    assert table.dtype == np.float32


@pytest.mark.parametrize("make", TABLES)
def test_weights_that_are_all_zero_need_one_value(make):
    np.testing.assert_array_equal(make(np.zeros(5), bits=4), [0.0])


@pytest.mark.parametrize("make", TABLES)
@pytest.mark.parametrize("bits", [1, 9, 2.5, None])
def test_widths_out_of_range_are_refused(make, bits):
    with pytest.raises(ValueError, match="2 to 8 bits"):
        make(np.ones(3), bits=bits)


@pytest.mark.parametrize("make", TABLES)
def test_weights_that_are_not_finite_are_refused(make):
    with pytest.raises(ValueError, match="must be finite"):
        make(np.array([1.0, np.nan]), bits=4)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("fp4", ml_dtypes.float4_e2m1fn),
        ("fp8_e4m3", ml_dtypes.float8_e4m3fn),
        ("fp8_e5m2", ml_dtypes.float8_e5m2),
    ],
)
def test_short_floats_are_all_the_finite_numbers_of_their_format(name, dtype):
    bits = 4 if name == "fp4" else 8
    every = np.arange(2**bits, dtype=np.uint8).view(dtype).astype(np.float32)

    for one in (name, f"mx{name}"):
        table = FixedTable.of(one, bits).values
        np.testing.assert_array_equal(table, np.unique(every[np.isfinite(every)] + 0))


@pytest.mark.parametrize(
    ("name", "largest", "exponent"),
    [
        ("mxfp4", 6.0, 0),
        ("mxfp4", 6.99, 0),  # 6 is nearer than 8
        ("mxfp4", 7.01, 1),
        ("mxfp8_e4m3", 448.0, 0),
        ("mxfp8_e4m3", 449.0, 1),
        ("power_of_two", 1.49, 0),
        ("power_of_two", 1.51, 1),
        ("mxfp4", 0.0, -2),
        ("mxfp4", 1e-45, -126),
    ],
)
def test_the_scale_of_a_block_is_the_power_of_two_that_holds_its_largest(
    name, largest, exponent
):
    table = FixedTable.of(name, 8 if "8" in name else 4)

    assert table.exponent(np.array([largest])) == exponent


@pytest.mark.parametrize(
    ("name", "bits"), [("fp4", 8), ("fp8_e4m3", 4), ("mxfp8_e5m2", 7), ("mxfp4", None)]
)
def test_a_code_of_a_short_float_has_the_bits_of_its_format(name, bits):
    with pytest.raises(ValueError, match=f"table='{name}' has [48] bits"):
        FixedTable.of(name, bits)
