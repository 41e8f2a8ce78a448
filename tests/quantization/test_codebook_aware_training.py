"""Codebook-aware training: gradients, which value a weight is rounded to, settings."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops
from rounded_models import rounded_by, trained_once

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.quantization.arrays.bitpacking import unpack_bits
from nncompress_lab.quantization.arrays.codebook import nearest_codes
from nncompress_lab.quantization.layers.rounded import ROUNDED


def dense_with_table(kernel: np.ndarray, table: list[float], bits: int):
    dense = ROUNDED[keras.layers.Dense](
        kernel.shape[1],
        use_bias=False,
        rounding={"bits": bits, "kind": "codebook"},
    )
    dense.build((None, kernel.shape[0]))
    dense.kernel_floats.assign(kernel)
    dense.kernel_table.assign(np.array([table]))
    return dense


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_each_weight_is_rounded_to_the_nearest_value(bits):
    """Whatever the order that the values have got into."""
    generator = np.random.default_rng(bits)
    kernel = generator.normal(size=(40, 25)).astype(np.float32)
    table = generator.normal(size=2**bits).astype(np.float32)

    dense = dense_with_table(kernel, table, bits)

    nearest = np.abs(kernel[..., None] - table).argmin(axis=-1)
    np.testing.assert_array_equal(ops.convert_to_numpy(dense.kernel), table[nearest])
    stored = dense.arrays_to_store("kernel")
    codes = unpack_bits(stored["q"], bits=bits, count=kernel.size).reshape(kernel.shape)
    np.testing.assert_array_equal(stored["table"], [np.sort(table)])
    np.testing.assert_array_equal(codes, nearest_codes(kernel, np.sort(table)))


def test_a_value_has_the_sum_of_the_gradients_of_its_weights():
    kernel = np.array([[0.2, -0.9], [0.1, 2.0], [-1.2, 0.0]], np.float32)
    table = [1.5, 0.0, 4.0, -1.0]  # the third stands for no weight
    dense = dense_with_table(kernel, table, bits=2)
    x = np.array([[1.0, 2.0, -1.5]], np.float32)

    by_kernel, by_table = trained_once(dense, x, rate=1e-3)

    gradient = np.repeat(x.T, 2, axis=1)
    codes = np.array([[1, 3], [1, 0], [3, 1]])
    sums = [gradient[codes == code].sum() for code in range(4)]
    # The step of 1e-3 is read off float32 numbers around 1.
    np.testing.assert_allclose(by_table[0], sums, atol=1e-3)
    np.testing.assert_allclose(by_kernel, gradient, atol=1e-3)


def test_weights_go_over_to_other_values():
    """The labels ask for the second output, and the first one has the large value."""
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(4, use_bias=False, name="logits")]
    )
    model.get_layer("logits").kernel.assign([[0.5, -0.5, -0.6, -0.4]])
    data = ncl.Data(np.ones((16, 1), np.float32), np.full(16, 1))
    given = ncl.Context(train=data, validation=data, progress=False)
    settings = {"epochs": 20, "learning_rate": 0.3, "optimizer": "sgd", "patience": 20}

    result = ncl.CodebookAwareTraining(bits=1, **settings)(model, given)

    assert codes_of(ncl.CodebookQuantization(bits=1)(model)) == [1, 0, 0, 0]
    assert codes_of(result) == [0, 1, 0, 0]


def codes_of(model):
    packed = model.get_layer("logits").stored_kernel("kernel")["q"]
    return unpack_bits(ops.convert_to_numpy(packed), bits=1, count=4).tolist()


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_it_starts_with_the_best_table(granularity):
    step = ncl.CodebookAwareTraining(bits=2, granularity=granularity)
    model = tiny_models.residual()

    start = rounded_by(step, model)

    best = ncl.CodebookQuantization(bits=2, granularity=granularity)(model)
    for one, other in zip(kernel_layers(start), kernel_layers(best), strict=True):
        np.testing.assert_array_equal(one.arrays()[0], other.arrays()[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 0}, "whole number from 1 to 8"),
        ({"granularity": "per_row"}, "`granularity` must be one of"),
        ({"group_size": 8}, "belongs to granularity"),
        ({"epochs": 0}, "`epochs` must be a whole number"),
        ({"teacher": "me"}, "`teacher` must be None or one of"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ncl.CodebookAwareTraining(**settings)
