"""Large arrays are cut into blocks: nothing is lost, in bytes or in what comes back."""

import functools
import io
import tracemalloc

import numpy as np
import packed_arrays
import pytest
import reference_reader
from packed_arrays import codes, dead, pruned, weights

from nncompress_lab.packing import container, tensors
from nncompress_lab.packing.tensors import Layout

BLOCK = 2 * tensors.LEAST_BLOCK
IN_BLOCKS = {
    "rows": packed_arrays.ordinary(pruned(weights(240, 300), 0.9).astype("f2")),
    "long rows": packed_arrays.ordinary(dead(codes(9, 8000, bits=8))),
    "packed": packed_arrays.packed(codes(9, 8000, bits=3), 3),
    "all equal": packed_arrays.ordinary(np.ones(3 * BLOCK + 5, np.int64)),
}


def in_blocks(array: np.ndarray, dtype: str, layout: Layout) -> bytes:
    file = io.BytesIO()
    tensors.write(file, array, dtype, layout, block=BLOCK)
    return file.getvalue()


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_blocks_come_back_by_the_library_and_by_the_document(name):
    array, dtype, layout = IN_BLOCKS[name]

    coded = in_blocks(array, dtype, layout)

    assert coded[1] == tensors.BLOCKS
    assert tensors.decode(coded, dtype, array.shape).tobytes() == array.tobytes()
    by_document = reference_reader.Tensor(coded).read(dtype, array.size)
    assert by_document == array.tobytes()


@pytest.mark.parametrize("name", ["rows", "packed"])
def test_blocks_take_hardly_more_than_the_whole(name):
    array, dtype, layout = IN_BLOCKS[name]

    whole = len(tensors.encode(array, dtype, layout))

    assert len(in_blocks(array, dtype, layout)) <= 1.01 * whole + 100


def test_only_what_is_large_is_cut_into_blocks():
    zeros = np.zeros(tensors.BLOCK + 1, np.int8)

    coded = [tensors.encode(one, "int8", Layout(1)) for one in (zeros[1:], zeros)]

    assert [one[1] == tensors.BLOCKS for one in coded] == [False, True]
    np.testing.assert_array_equal(tensors.decode(coded[1], "int8", zeros.shape), zeros)


def test_writing_and_reading_blocks_takes_little_beside_the_array(monkeypatch):
    small = functools.partial(tensors.write, block=BLOCK)
    monkeypatch.setattr(tensors, "write", small)
    array = np.random.default_rng(0).standard_normal((2048, 1024), "f4")  # 8 MiB
    one = container.Tensor("kernel", "float32", array, tensors.layout_of(array.shape))
    file = io.BytesIO(bytes(array.nbytes))  # its own memory is there before
    tracemalloc.start()
    try:
        container.write(file, {}, [one])
        _, to_write = tracemalloc.get_traced_memory()
        size = file.tell()
        file.seek(0)
        tracemalloc.reset_peak()
        [(_, restored)] = container.Reader(file, size).tensors()
        _, to_read = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    np.testing.assert_array_equal(restored, array)
    assert to_write < 2**22
    assert to_read < array.nbytes + 2**22
