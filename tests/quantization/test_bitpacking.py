"""Packed integers: every width comes back, in exactly the bytes it needs."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras import ops

from nncompress_lab.quantization.arrays.bitpacking import (
    pack_bits,
    packed_size,
    unpack_bits,
)

small_profile = settings(max_examples=50, deadline=None)
ALL_BITS = range(1, 9)
SIZES = (0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65)


def random_values(count: int, *, bits: int) -> np.ndarray:
    generator = np.random.default_rng(count)
    return generator.integers(0, 2**bits, count, dtype=np.uint8)


@st.composite
def values_of_some_width(draw) -> tuple[np.ndarray, int]:
    bits = draw(st.integers(1, 8))
    values = draw(st.lists(st.integers(0, 2**bits - 1), max_size=40))
    return np.array(values, np.uint8), bits


@small_profile
@given(values_of_some_width())
def test_unpacking_gives_back_what_was_packed(values_and_bits):
    values, bits = values_and_bits

    unpacked = unpack_bits(pack_bits(values, bits=bits), bits=bits, count=values.size)

    np.testing.assert_array_equal(unpacked, values)


@pytest.mark.parametrize("bits", ALL_BITS)
@pytest.mark.parametrize("count", SIZES)
def test_sizes_around_multiples_of_eight_come_back(bits, count):
    values = random_values(count, bits=bits)

    unpacked = unpack_bits(pack_bits(values, bits=bits), bits=bits, count=count)

    np.testing.assert_array_equal(unpacked, values)


@pytest.mark.parametrize("bits", ALL_BITS)
def test_the_largest_value_comes_back_from_every_position(bits):
    values = np.full(8, 2**bits - 1, np.uint8)

    unpacked = unpack_bits(pack_bits(values, bits=bits), bits=bits, count=8)

    np.testing.assert_array_equal(unpacked, values)


@pytest.mark.parametrize("bits", ALL_BITS)
@pytest.mark.parametrize("count", SIZES)
def test_packed_size_is_the_number_of_bytes_of_whole_blocks(bits, count):
    packed = pack_bits(random_values(count, bits=bits), bits=bits)

    assert packed.nbytes == packed_size(count, bits=bits)


@pytest.mark.parametrize("bits", ALL_BITS)
def test_a_multiple_of_eight_values_wastes_no_bit(bits):
    assert packed_size(64, bits=bits) * 8 == 64 * bits


def test_a_started_block_takes_its_full_bytes():
    assert [packed_size(count, bits=3) for count in (0, 1, 8, 9)] == [0, 3, 3, 6]


def test_three_bit_values_lie_lowest_bit_first_across_bytes():
    values = np.array([0b101, 0b011, 0b110, 0, 0, 0, 0, 0b111], np.uint8)

    packed = pack_bits(values, bits=3)

    # From bit 0 on: 101, 011, the low two bits 10 of 110 | its high bit 1, zeros |
    # zeros and, in the three highest bits, 111.
    np.testing.assert_array_equal(packed, [0b10_011_101, 0b0000000_1, 0b111_00000])


def test_eight_bit_values_are_their_own_bytes():
    values = np.arange(248, 256).astype(np.uint8)

    np.testing.assert_array_equal(pack_bits(values, bits=8), values)


def test_unused_bits_are_zero():
    packed = pack_bits(np.array([1], np.uint8), bits=1)

    np.testing.assert_array_equal(packed, [1])


def test_values_of_any_shape_are_read_in_c_order():
    values = np.array([[1, 2], [3, 0]], np.uint8)

    packed = pack_bits(np.asfortranarray(values), bits=2)

    np.testing.assert_array_equal(packed, pack_bits(values.reshape(-1), bits=2))


def test_packing_does_not_change_its_input():
    values = np.array([3, 1, 2], np.uint8)

    pack_bits(values, bits=2)

    np.testing.assert_array_equal(values, [3, 1, 2])


@pytest.mark.parametrize("bits", range(1, 8))
def test_a_value_that_needs_one_bit_more_is_refused(bits):
    values = np.array([0, 2**bits], np.uint8)

    with pytest.raises(ValueError, match=f"largest value of {2**bits}"):
        pack_bits(values, bits=bits)


@pytest.mark.parametrize("bits", [-1, 0, 9])
def test_a_width_that_does_not_fit_a_byte_is_refused(bits):
    with pytest.raises(ValueError, match=f"bits={bits}"):
        pack_bits(np.zeros(8, np.uint8), bits=bits)


@pytest.mark.parametrize("bits", ALL_BITS)
def test_keras_unpacks_the_same_integers_as_numpy(bits):
    packed = pack_bits(random_values(21, bits=bits), bits=bits)

    by_keras = unpack_bits(ops.convert_to_tensor(packed), bits=bits, count=21, xp=ops)

    by_numpy = unpack_bits(packed, bits=bits, count=21)
    np.testing.assert_array_equal(ops.convert_to_numpy(by_keras), by_numpy)


def test_unpacked_integers_are_int32():
    assert unpack_bits(np.zeros(3, np.uint8), bits=3, count=8).dtype == np.int32
