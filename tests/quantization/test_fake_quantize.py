"""The layer that rounds activations: against NumPy, and its gradient."""

import keras
import numpy as np
import pytest
from keras import ops

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.quantization.arrays.affine import (
    affine_params,
    dequantize,
    quantize,
)
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize
from nncompress_lab.training.gradients import kernel_gradients

pytestmark = pytest.mark.contract
both_modes = pytest.mark.parametrize("symmetric", [True, False])


def values(count: int = 500) -> np.ndarray:
    return np.random.default_rng(0).normal(0.5, 1, (4, count)).astype(np.float32)


def static(x: np.ndarray, *, bits: int, symmetric: bool) -> FakeQuantize:
    layer = FakeQuantize(bits, symmetric=symmetric)
    layer.build((None, x.shape[-1]))
    params = affine_params(x, bits=bits, symmetric=symmetric)
    layer.scale.assign(params.scale.reshape(()))
    layer.zero_point.assign(params.zero_point.reshape(()))
    return layer


@both_modes
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_it_rounds_as_numpy_rounds(bits, symmetric):
    x = values()
    params = affine_params(x, bits=bits, symmetric=symmetric)
    layer = static(x, bits=bits, symmetric=symmetric)

    outside = np.concatenate([x, 3 * x])  # some of it is clipped
    codes = quantize(outside, params, bits=bits, symmetric=symmetric)

    np.testing.assert_array_equal(to_numpy(layer(outside)), dequantize(codes, params))


@both_modes
def test_a_dynamic_range_is_that_of_each_example(symmetric):
    x = values() * np.float32([[1], [10], [0.1], [0]])

    rounded = to_numpy(FakeQuantize(4, symmetric=symmetric, dynamic=True)(x))

    params = affine_params(x, bits=4, symmetric=symmetric, axis=1)
    codes = quantize(x, params, bits=4, symmetric=symmetric)
    # A compiled division may be a product with the reciprocal: the scale's last digit.
    np.testing.assert_allclose(rounded, dequantize(codes, params), rtol=1e-6)


@pytest.mark.parametrize("dynamic", [True, False])
def test_what_was_rounded_stays_as_it_is(dynamic):
    x = values()
    layer = static(x, bits=4, symmetric=False)
    layer.dynamic = dynamic
    once = to_numpy(layer(x))

    # The range of rounded numbers may end a rounding of float32 further in.
    np.testing.assert_allclose(to_numpy(layer(once)), once, rtol=1e-6)


def test_the_gradient_passes_inside_the_range_and_stops_outside():
    layer = FakeQuantize(4)
    layer.build((None, 1))
    layer.scale.assign(0.125)  # from 0 to 15/8
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((1,)), dense, layer])

    def distance(_model, labels, outputs):
        return keras.losses.mean_absolute_error(labels, outputs)

    def gradient(x: float) -> float:
        data = Data(np.float32([[x]]), np.float32([[0.0]]))
        (found,) = kernel_gradients(model, kernel_layers(model), data, loss=distance)
        return float(found["dense" if "dense" in found else dense.name][0][0, 0])

    # d|q(w x)| / dw = x inside the range, although q is flat there.
    assert [gradient(x) for x in (0.3, 1.7, 2.5)] == pytest.approx([0.3, 1.7, 0.0])


def test_it_returns_the_type_that_it_computes_in():
    layer = FakeQuantize(8, dynamic=True, dtype="mixed_float16")

    rounded = layer(ops.convert_to_tensor(values(), dtype="float16"))

    assert keras.backend.standardize_dtype(rounded.dtype) == "float16"


def test_its_configuration_comes_back():
    layer = FakeQuantize(4, symmetric=True, dynamic=True, name="rounding")

    again = FakeQuantize.from_config(layer.get_config())

    assert again.get_config() == layer.get_config()
