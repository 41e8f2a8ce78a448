"""A file that is not what it says is refused, by name and before it takes memory."""

import io
import tracemalloc

import numpy as np
import pytest
from packed_arrays import codes, dead, ordinary, pruned, weights
from packed_files import HEAD, file_that_says

from nncompress_lab.errors import CorruptFileError, ModelFileError
from nncompress_lab.packing import (
    container,
    entropy,
    forms,
    positions,
    symbols,
    tensors,
)
from nncompress_lab.packing.container import Reader, Tensor
from nncompress_lab.packing.cursor import number
from nncompress_lab.packing.frequencies import levels_of

MEBIBYTE = 2**20


def file_of(*names: str) -> bytes:
    array, dtype, layout = ordinary(codes(30, 20, bits=4))
    file = io.BytesIO()
    container.write(file, {}, [Tensor(name, dtype, array, layout) for name in names])
    return file.getvalue()


def index_of(*tensors: list[object]) -> dict[str, object]:
    return {"about": {}, "tensors": list(map(list, zip(*tensors, strict=True)))}


def read(content: bytes, max_bytes: int | None = None) -> dict[str, np.ndarray]:
    reader = Reader(io.BytesIO(content), len(content), max_bytes)
    return {section.name: array for section, array in reader.tensors()}


def test_tensors_come_back_in_their_order():
    restored = read(file_of("second", "first"))

    assert list(restored) == ["second", "first"]
    np.testing.assert_array_equal(restored["first"], codes(30, 20, bits=4))


@pytest.mark.parametrize("left", [0, 7, 8, 21, HEAD, 60])
def test_a_file_that_ends_before_its_tensors_is_refused(left):
    with pytest.raises(CorruptFileError, match="index is damaged"):
        read(file_of("kernel")[:left])


def test_a_file_that_ends_too_early_is_refused_before_a_tensor_is_read():
    with pytest.raises(CorruptFileError, match=r"need \d+ bytes and the file has \d+"):
        read(file_of("kernel", "bias")[:-1])


def test_a_file_that_goes_on_behind_its_end_is_refused():
    with pytest.raises(CorruptFileError, match=r"need \d+ bytes and the file has \d+"):
        read(file_of("kernel") + b"\0")


def test_the_damaged_tensor_is_named():
    content = bytearray(file_of("first", "second"))
    content[-1] ^= 1

    with pytest.raises(
        CorruptFileError,
        match=r"tensor 'first' or one of the 1 after it is damaged.*checksum",
    ):
        read(bytes(content))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (-1, "'fourth'"),
        (-9999, "'third'"),
        (HEAD + 150, "'first' or one of the 1 after it"),
    ],
)
def test_a_large_tensor_shares_its_checksum_with_small_ones_before_it(place, name):
    large = np.random.default_rng(0).integers(0, 2**62, container.GROUP // 6)
    parts = {"first": large[:9], "second": large, "third": large, "fourth": large[:9]}
    file, layout = io.BytesIO(), tensors.Layout(1)
    container.write(
        file, {}, [Tensor(name, "int64", one, layout) for name, one in parts.items()]
    )
    content = bytearray(file.getvalue())
    content[place] ^= 1

    with pytest.raises(CorruptFileError, match=f"tensor {name} is damaged.*checksum"):
        read(bytes(content))


@pytest.mark.parametrize("place", range(8, HEAD + 30))
def test_every_bit_of_header_and_index_is_covered_by_the_checksum(place):
    for bit in range(8):
        content = bytearray(file_of("kernel"))
        content[place] ^= 1 << bit

        with pytest.raises(CorruptFileError, match="index is damaged"):
            read(bytes(content))


def test_another_kind_of_file_is_refused():
    with pytest.raises(CorruptFileError, match="does not begin as packed files do"):
        read(b"PK\3\4" + bytes(100))


def test_a_newer_version_is_told_from_damage():
    with pytest.raises(
        ModelFileError, match=r"version 4.*reads 3.*Install a newer"
    ) as e:
        read(file_that_says(index_of(), version=4))

    assert not isinstance(e.value, CorruptFileError)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * 2**25, "which no model needs"),
        ([], "describes nothing"),
        ({"tensors": []}, "describes nothing"),
        ({"about": {}}, "lists no tensors"),
        ({"about": {}, "tensors": ["kernel"]}, "not described"),
        ({"about": {}, "tensors": [["kernel"], 1]}, "same of each tensor"),
        ({"about": {}, "tensors": [["kernel"], []]}, "same of each tensor"),
        (index_of(["kernel", "float8", [3], 5]), "not described"),
        (index_of(["kernel", "int8", [3], "5"]), "not described"),
        (index_of(["kernel", "int8", [3.0], 5]), "not described"),
        (index_of(["kernel", "int8", [True], 5]), "not described"),
        (index_of(["kernel", "int8", [-3], 5]), "not described"),
        (index_of(["kernel", "int8", [3], -5]), "not described"),
        (index_of(["kernel", "int8", [2**20, 2**20], 5]), "not described"),
        (index_of(["kernel", "int8", [1] * 33, 5]), "not described"),
        (index_of(["a", "int8", [0], 0], ["a", "int8", [0], 0]), "the same name"),
    ],
)
def test_an_index_that_no_writer_writes_is_refused(index, message):
    with pytest.raises(CorruptFileError, match=message):
        read(file_that_says(index))


@pytest.mark.parametrize(
    "content",
    [
        file_that_says(index_of(), unpacked=MEBIBYTE * 63),
        file_that_says(index_of(), unpacked=2**32 - 1),
        file_that_says(index_of(["k", "float64", [2**32], 10]), contents=bytes(14)),
        file_that_says(
            index_of(*([f"k{i}", "float64", [2**23], 10] for i in range(2))),
            contents=bytes(28),
        ),
        file_that_says(index_of(["k", "int8", [3], 2**40]), contents=bytes(14)),
    ],
)
def test_a_file_that_asks_for_memory_gets_none(content):
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MEBIBYTE


def test_more_than_is_allowed_is_refused_and_can_be_allowed():
    content = file_of("kernel")  # 600 bytes

    with pytest.raises(
        CorruptFileError, match=r"600 bytes and 599 are allowed.*max_byt"
    ):
        read(content, max_bytes=599)
    assert read(content, max_bytes=600)["kernel"].nbytes == 600


SOME = 6 * MEBIBYTE  # what is looked at at a time, whatever the size


def read_and_weighed(coded: bytes, dtype: str, shape: tuple[int, ...]) -> tuple:
    """The array, and the most bytes that its reading took."""
    tracemalloc.start()
    try:
        decoded = tensors.decode(coded, dtype, shape)
        return decoded, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MEGA = {
    "gaps by rows": np.tile(pruned(codes(1, 2048, bits=4), 0.9), (256, 1)),
    "gaps by columns": np.tile(pruned(codes(256, 1, bits=4), 0.9), (1, 2048)),
    "contexts": dead(weights(256, 2048)),
    "one context": pruned(codes(256, 2048, bits=8), 0.9).astype(np.int8),
    "palette": weights(9)[codes(256, 2048, bits=3) % 9],
    "planes": weights(256, 2048),
}


BITS = {
    "constant": np.ones(2**24, np.uint8),
    "contexts": np.tile(weights(1, 1024) > 0.05, (2**11, 1)),
    "gaps": np.tile(np.arange(1024) % 8 == 7, (2**11, 1)),
}


@pytest.mark.parametrize("name", BITS)
def test_reading_packed_bits_takes_no_more_memory_than_the_document_says(name):
    array = symbols.pack(BITS[name].reshape(-1).astype(np.uint8), 1)
    coded = tensors.encode(array, "uint8", tensors.Layout(columns=1024, bits=1))
    decoded, peak = read_and_weighed(coded, "uint8", array.shape)

    np.testing.assert_array_equal(decoded, array)
    assert peak <= 2 * array.nbytes + SOME + 4 * 8 * array.size * (name != "constant")


@pytest.mark.parametrize("rows", [1, 2])
def test_a_file_made_to_take_memory_gets_34_times_its_bits_as_the_document_says(rows):
    taken = np.tile(np.array([0, 1], np.uint8), 2**21)
    taken[-1] = 0
    columns = taken.size - (rows - 1)  # of two classes, which say all
    ones = np.ones(2**21 - 1, np.uint8)
    pushed = entropy.Pushed()
    pushed.push(ones, np.array([1, 2**21]))
    content = [
        bytes([1, forms.SPARSE]) + number(columns) + bytes([0]),
        bytes([positions.IN_CONTEXT, 1]) + symbols.encode(taken[:columns]),
        symbols.encode(levels_of(np.array([0, 2**21]), 3).astype(np.uint8)),
        pushed.written() + symbols.encode(ones),
    ]
    decoded, peak = read_and_weighed(b"".join(content), "uint8", (taken.size // 8,))

    np.testing.assert_array_equal(symbols.unpack(decoded, 1, taken.size), taken)
    assert 32 * decoded.nbytes < peak <= 34 * decoded.nbytes


@pytest.mark.parametrize("name", MEGA)
def test_reading_takes_no_more_memory_than_the_document_says(name):
    array, dtype, layout = ordinary(MEGA[name])
    coded = tensors.encode(array, dtype, layout)
    decoded, peak = read_and_weighed(coded, dtype, array.shape)

    np.testing.assert_array_equal(decoded, array)
    assert peak <= 2 * array.nbytes + 4 * array.size + SOME
