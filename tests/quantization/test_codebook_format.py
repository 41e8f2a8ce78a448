"""Codes and tables of a kernel: what is stored, and that it stands for the weights."""

import keras
import numpy as np
import pytest

from nncompress_lab.quantization.arrays.codebook import learn_codebook
from nncompress_lab.quantization.arrays.codebook_format import CodebookFormat, format_of
from nncompress_lab.quantization.arrays.fixed_tables import FixedTable
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


SCALED = (
    ("normal_float", CodebookFormat(4, "per_group", 5, scales="float")),
    ("fp8_e4m3", CodebookFormat(8, "per_channel", scales="float")),
    ("mxfp4", CodebookFormat(4, "per_group", 32, scales="power_of_two")),
    ("power_of_two", CodebookFormat(3, "per_channel", scales="power_of_two")),
)
scaled = pytest.mark.parametrize(("name", "format_"), SCALED, ids=str)


def scaled_codes(name, format_, weights):
    view = format_.view(weights.shape, (3,))
    return view, view.encode_scaled(weights, FixedTable.of(name, format_.bits))


@scaled
def test_each_weight_is_the_nearest_value_times_the_scale_of_its_part(name, format_):
    weights = kernel()
    weights[..., 0] = 0.0
    view, stored = scaled_codes(name, format_, weights)

    decoded = view.decode(stored)

    values = stored["table"][0] * view.scale(stored)[..., None]
    grouped = view.grouped(view.matrix(weights))
    near = np.abs(grouped[..., None] - values).min(axis=-1)
    error = view.grouped(view.matrix(np.abs(decoded - weights)))
    # A weight is compared with values after it was divided by its scale.
    np.testing.assert_allclose(error, near, atol=1e-6)
    assert not decoded[..., 0].any()
    assert stored["table"].shape == (1, 2**format_.bits)


@scaled
def test_scaled_codes_decode_to_the_same_in_numpy_and_in_keras(name, format_):
    view, stored = scaled_codes(name, format_, kernel() * 1e-3)
    tensors = {part: keras.ops.convert_to_tensor(one) for part, one in stored.items()}

    by_keras = keras.ops.convert_to_numpy(view.decode(tensors, xp=keras.ops))

    np.testing.assert_array_equal(by_keras, view.decode(stored))
    assert {part: (one.shape, str(one.dtype)) for part, one in stored.items()} == (
        view.stored
    )


@pytest.mark.parametrize(
    ("format_", "bits"),
    [
        (CodebookFormat(4, "per_group", 64, scales="float"), 4.5),
        (CodebookFormat(4, "per_group", 32, scales="power_of_two"), 4.25),
    ],
)
def test_a_group_costs_one_scale(format_, bits):
    view = format_.view((1024, 256), (1,))

    one_table = 4 * 2**4
    assert 8 * (view.stored_bytes - one_table) == bits * 1024 * 256


def test_fields_without_scales_are_those_of_older_files():
    fields = {"bits": 3, "granularity": "per_channel", "group_size": None}

    assert format_of({**fields, "kind": "codebook"}) == CodebookFormat(3, "per_channel")


@pytest.mark.parametrize("format_", FORMATS[1:3])
def test_learning_all_tables_at_once_is_as_good_as_one_by_one(format_):
    weights = kernel((7, 9, 2, 6))  # whose last group of 5 is not full
    weights[np.random.default_rng(1).random(weights.shape) < 0.3] = 0
    view, one_by_one = coded(format_, weights)

    together = view.decode(view.encode_learned(weights))

    error = np.square(together - weights).sum()
    assert error <= np.square(view.decode(one_by_one) - weights).sum() * (1 + 1e-5)
    assert not together[weights == 0].any()


def test_scaled_weights_must_be_finite():
    with pytest.raises(ValueError, match="must be finite"):
        scaled_codes(*SCALED[0], np.full((3, 3, 4, 6), np.nan, np.float32))
