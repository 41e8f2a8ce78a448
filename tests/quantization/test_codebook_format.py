"""Codes and tables of a kernel: what is stored, and that it stands for the weights."""

import keras
import numpy as np
import pytest

from nncompress_lab.quantization.arrays.codebook import learn_codebook
from nncompress_lab.quantization.arrays.codebook_format import CodebookFormat, format_of
from nncompress_lab.quantization.arrays.integer_format import KernelFormat

FORMATS = (
    CodebookFormat(1),
    CodebookFormat(3, "per_channel"),
    CodebookFormat(4, "per_group", 5),
    CodebookFormat(8),
)


def kernel(shape=(3, 3, 4, 6)) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def coded(format_, weights, axes=(3,)):
    view = format_.view(weights.shape, axes)
    size = 2**format_.bits
    return view, view.encode(
        weights, lambda part: learn_codebook(part, size=size).table
    )


@pytest.mark.parametrize("format_", FORMATS)
def test_each_weight_is_the_nearest_value_of_its_table(format_):
    weights = kernel()
    view, stored = coded(format_, weights)

    decoded = view.decode(stored)

    tables = stored["table"].reshape(*view.parts, -1)
    grouped = view.grouped(view.matrix(weights))
    near = np.abs(grouped[..., None] - tables[:, None, :]).min(axis=-1)
    error = np.abs(decoded - weights)
    np.testing.assert_array_equal(view.matrix(error), near.reshape(-1, 6)[: view.rows])


@pytest.mark.parametrize("format_", FORMATS)
def test_it_decodes_to_the_same_in_numpy_and_in_keras(format_):
    view, stored = coded(format_, kernel())
    tensors = {name: keras.ops.convert_to_tensor(one) for name, one in stored.items()}

    by_keras = keras.ops.convert_to_numpy(view.decode(tensors, xp=keras.ops))

    np.testing.assert_array_equal(by_keras, view.decode(stored))


@pytest.mark.parametrize("format_", FORMATS)
def test_stored_tells_shapes_types_and_bytes(format_):
    view, stored = coded(format_, kernel())

    assert {name: (one.shape, str(one.dtype)) for name, one in stored.items()} == (
        view.stored
    )
    assert sum(one.nbytes for one in stored.values()) == view.stored_bytes


def test_a_kernel_of_as_many_values_as_the_table_is_stored_exactly():
    weights = np.random.default_rng(1).integers(-3, 4, (7, 5)).astype(np.float32)

    view, stored = coded(CodebookFormat(3), weights, axes=(1,))

    np.testing.assert_array_equal(view.decode(stored), weights)


def test_what_fills_up_the_last_group_shapes_no_table():
    weights = np.full((3, 1), 5.0, np.float32)

    view, stored = coded(CodebookFormat(1, "per_group", 2), weights, axes=(1,))

    np.testing.assert_array_equal(view.decode(stored), weights)
    assert 0.0 not in stored["table"]


def test_the_kind_tells_the_formats_apart():
    assert format_of({"bits": 4}) == KernelFormat(4)
    assert format_of({"bits": 4, "kind": "codebook"}) == CodebookFormat(4)


@pytest.mark.parametrize("bits", [0, 9, 1.5, None])
def test_widths_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match="whole number from 1 to 8"):
        CodebookFormat(bits)


def test_a_group_size_without_groups_is_refused():
    with pytest.raises(ValueError, match="belongs to granularity='per_group'"):
        CodebookFormat(4, "per_tensor", 8)
