"""Arrays come back bit for bit, and take about as many bytes as their entropy."""

import io
import tracemalloc

import numpy as np
import packed_arrays
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from packed_arrays import codes, dead, pruned, weights

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import symbols, tensors, zstd
from nncompress_lab.packing.cursor import Cursor
from nncompress_lab.packing.frequencies import counts_of, levels_of
from nncompress_lab.packing.tensors import Layout, layout_of
from nncompress_lab.quantization.arrays.bitpacking import pack_bits

SMALL = packed_arrays.small_arrays()
LARGE = packed_arrays.large_arrays()


def size_of(array: np.ndarray) -> int:
    return len(tensors.encode(array, array.dtype.name, layout_of(array.shape)))


def entropy(values: np.ndarray) -> float:
    """Bytes of the zeroth-order entropy: of positions plus values, which is the same."""
    _, counts = np.unique(values, return_counts=True)
    return float(counts @ np.log2(values.size / counts)) / 8


def assert_restored(array: np.ndarray, dtype: str, layout: Layout) -> None:
    coded = tensors.encode(array, dtype, layout)
    decoded = tensors.decode(coded, dtype, array.shape)
    assert decoded.dtype == array.dtype
    assert decoded.shape == array.shape
    assert decoded.tobytes() == array.tobytes()  # NaN and -0.0 too


@pytest.mark.parametrize("name", SMALL)
def test_small_arrays_come_back_bit_for_bit(name):
    assert_restored(*SMALL[name])


@pytest.mark.parametrize("name", LARGE)
def test_large_arrays_come_back_bit_for_bit(name):
    assert_restored(*LARGE[name])


ANY_ARRAY = st.sampled_from(
    ["float16", "float32", "float64", "int8", "uint8", "int32", "uint64", "bool"]
).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_side=9))
)


@given(ANY_ARRAY, st.integers(0, 20), st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_any_array_comes_back_whatever_the_layout_says(array, columns, bits):
    assert_restored(array, array.dtype.name, Layout(columns, bits))


@given(st.binary(min_size=1, max_size=400), st.integers(1, 7))
@settings(max_examples=100, deadline=None)
def test_any_bytes_come_back_as_packed_integers(content, bits):
    array = np.frombuffer(content[: len(content) // bits * bits], np.uint8)
    assert_restored(array, "uint8", Layout(5, bits))


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_codes_take_at_most_one_percent_more_than_their_entropy(bits, sparsity):
    array = pruned(codes(400, 250, bits=bits), sparsity)

    assert size_of(array) <= 1.01 * entropy(array)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
def test_packed_codes_are_seen_as_codes(bits):
    array = pruned(codes(400, 250, bits=bits), 0.6)
    packed = pack_bits(array, bits=bits)

    size = len(tensors.encode(packed, "uint8", Layout(250, bits)))

    assert size <= 1.01 * entropy(array)


def test_large_codes_take_at_most_one_percent_more_though_they_are_read_fast():
    array, *_ = LARGE["large int8"]

    assert size_of(array) <= 1.01 * entropy(array)


@pytest.mark.parametrize("array", [weights(400, 250), codes(400, 250, bits=8)])
def test_dead_rows_and_columns_cost_less_than_the_entropy(array):
    array = dead(array)
    positions = entropy(array != 0)
    alive = array[array != 0]

    assert size_of(array) <= 0.5 * positions + size_of(alive)


def test_a_repeated_pattern_costs_less_than_the_entropy():
    array = np.tile(pruned(codes(1, 250, bits=4), 0.9), (200, 1))

    assert size_of(array) <= 0.05 * entropy(array)


def test_a_pattern_that_comes_again_from_column_to_column_costs_less():
    pattern = pruned(np.ones(400, np.uint8), 0.9)
    starts = (packed_arrays.chance(250, 7) * 400).astype(int)
    array = np.stack([np.roll(pattern, start) for start in starts], axis=1)

    assert size_of(array) <= 0.5 * entropy(array)


def test_weights_of_half_precision_take_no_more_than_half_of_their_bytes():
    array = weights(400, 250).astype(np.float16).astype(np.float32)

    # Sign and ten bits of fraction are chance; the exponent has an entropy of its own.
    exponents = entropy(array.view(np.uint32) >> np.uint32(23) & np.uint32(255))
    assert size_of(array) <= 1.01 * (exponents + array.size * 11 / 8)


def test_few_values_are_stored_once_and_pointed_at():
    values = weights(16)
    array = values[codes(400, 250, bits=4)]

    assert size_of(array) <= 1.01 * entropy(array) + values.nbytes


def test_what_is_all_the_same_takes_some_bytes():
    assert size_of(np.full((1000, 1000), np.float32(0.1))) < 30


def test_chance_takes_no_more_than_its_bytes_and_a_few():
    array = (packed_arrays.chance(50_000, 9) * 2**53).astype(np.uint64)

    assert size_of(array) <= array.nbytes + 20


@given(st.integers(0, 2**32), st.integers(0, 6))
def test_a_level_is_off_by_less_than_its_digits_allow(count, digits):
    level = levels_of(np.array([count]), digits)

    restored = int(counts_of(level, digits)[0])

    assert abs(restored - count) * 2 ** (digits + 1) <= count


@pytest.mark.parametrize("digits", range(7))
def test_levels_number_what_they_stand_for_in_order(digits):
    levels = np.arange(34 << digits)

    counts = counts_of(levels, digits)

    assert (np.diff(counts) > 0).all()
    np.testing.assert_array_equal(levels_of(counts, digits), levels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends too early"),
        (b"\x00\x07", "kind that does not exist"),
        (b"\x03\x00", "packed integers, which do not fit"),
        (b"\x00\x00\x4f" + bytes(9), "kind of stream"),
        (b"\x00\x00\x08" + bytes(8) + b"\x00", "belong to nothing"),
        (b"\x00\x00\x00\xff\x01", "too large"),
        (b"\x00\x00\x00\x00\x01\x00\x00", "impossible settings"),
        (b"\x00\x00\x00\x00\x01\x08\x01\x00\x00\x00\x00", "ends in a zero"),
        (b"\x00\x01\x00", "no columns"),
        (b"\x00\x01\x09", "at most 8"),
        (b"\x00\x01\x01\x00\x00\x09", "more positions than places"),
        (b"\x00\x01\x01\x00\x07", "positions of a kind"),
        (b"\x00\x01\x01\x00\x02\x0c", "contexts of a kind"),
        (b"\x00\x02\xff\xff\x03", "at most 256"),
        (b"\x00\x03\x00", "blocks of 0 items"),
        (b"\x00\x03\x88\x7f", "blocks of 16264 items"),
        (b"\x00\x03\x81\x80\x02", "blocks of 32769 items"),
        (b"\x00\x03\x88\x80\x80\x10", "blocks of 33554440 items"),
        (b"\x00\x03\x80\x80\x02\x03", "kind that does not exist"),
        (b"\x00\x00" + b"\xff" * 20, "kind of stream"),
    ],
)
def test_content_that_no_writer_writes_is_refused(content, message):
    with pytest.raises(CorruptFileError, match=message):
        tensors.decode(content, "int8", (8,))


def test_positions_of_too_many_items_are_refused():
    with pytest.raises(CorruptFileError, match="at most 33554432"):
        tensors.decode(b"\x00\x01\x01", "int8", (2**25 + 1,))


def test_a_symbol_that_is_left_over_is_noticed():
    array = codes(500, bits=3)
    coded = tensors.encode(array, "uint8", Layout(1))
    stack = 6  # behind bits, kind, coder, first, span and settings
    assert coded[2] == 0
    assert coded[stack] < 127
    one_word_more = bytes([coded[stack] + 1]) + b"word" + coded[stack + 1 :]

    with pytest.raises(CorruptFileError, match="left over"):
        tensors.decode(coded[:stack] + one_word_more, "uint8", (500,))


def test_a_symbol_of_too_many_bits_is_refused():
    frame = zstd.compress(bytes([3, 16, 1, 0]), level=1)
    coded = bytes([symbols.ZSTD * 16 + 4, len(frame)]) + frame + bytes(4)

    with pytest.raises(CorruptFileError, match="symbol that is too large"):
        symbols.decode(Cursor(coded), 4)


def test_integers_of_more_than_their_bits_are_refused():
    coded = bytearray(tensors.encode(np.full(8, 255, np.uint8), "uint8", Layout(1)))
    coded[0] = 4

    with pytest.raises(CorruptFileError, match="more than 4 bits"):
        tensors.decode(bytes(coded), "uint8", (8,))


def test_a_truth_value_of_two_is_refused():
    coded = tensors.encode(np.full(8, 2, np.uint8), "uint8", Layout(1))

    with pytest.raises(CorruptFileError, match="truth value"):
        tensors.decode(coded, "bool", (8,))


def test_symbols_are_read_from_where_they_begin_to_where_they_end():
    first, second = codes(500, bits=4), codes(700, bits=6, seed=8)
    cursor = Cursor(symbols.encode(first) + symbols.encode(second))

    np.testing.assert_array_equal(symbols.decode(cursor, 500), first)
    np.testing.assert_array_equal(symbols.decode(cursor, 700), second)
    assert cursor.left == 0


def test_writing_floats_takes_less_memory_than_they_do(tmp_path):
    array = np.random.default_rng(0).standard_normal((1024, 2048), "f4")  # 8 MiB
    tracemalloc.start()
    try:
        with (tmp_path / "coded").open("wb") as file:
            tensors.write(file, array, "float32", layout_of(array.shape))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # And some megabytes, of pieces that are counted and coded at a time.
    assert peak <= array.nbytes + 2**22
    assert (tmp_path / "coded").stat().st_size < array.nbytes


def test_writing_behind_something_leaves_it():
    array = pruned(codes(60, 50, bits=4), 0.9)
    file = io.BytesIO(b"before")
    file.seek(0, io.SEEK_END)

    tensors.write(file, array, "uint8", layout_of(array.shape))

    assert file.getvalue() == b"before" + tensors.encode(
        array, "uint8", layout_of(array.shape)
    )
