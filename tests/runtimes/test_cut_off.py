"""ReLU6 and zeros around an image do not keep a convolution out of the integers."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers
from onnx_files import assert_equal_but_for_steps, operators, randomized, rewritten

import nncompress_lab as ncl
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime

AROUND = ((0, 1), (2, 1))


def integers(*, symmetric: bool = False) -> ncl.Pass:
    rounding = ncl.ActivationQuantization(symmetric=symmetric)
    return ncl.pipeline(ncl.UniformQuantization(bits=8), rounding)


@pytest.fixture(scope="module")
def mobile() -> keras.Model:
    """Three convolutions with ReLU6 as MobileNets have it, a layer and an argument."""
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3)(image)
    x = layers.ReLU(6.0)(x)
    x = layers.ZeroPadding2D(AROUND)(x)
    x = layers.DepthwiseConv2D(3, strides=2, activation="relu6")(x)
    x = layers.Conv2D(8, 1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return randomized(keras.Model(image, layers.Dense(4)(x)))


def large(model: keras.Model, x: np.ndarray) -> keras.Model:
    """With a first kernel so large that ReLU6 cuts something off."""
    first = keras.models.clone_model(model)
    first.set_weights(model.get_weights())
    first.layers[1].kernel.assign(20 * first.layers[1].kernel)
    cut = keras.Model(first.inputs, first.layers[2].output).predict_on_batch(x)
    assert cut.max() == 6
    return first


def test_they_are_computed_in_integers(mobile, tmp_path):
    model = integers()(mobile, tiny_models.context())

    ran = rewritten(to_onnx(model), tmp_path / "rewritten.onnx")

    # The last one's output is averaged before it is rounded.
    assert ran.count("QLinearConv") == 2
    assert not {"Clip", "Pad"} & set(ran)


@pytest.mark.parametrize("symmetric", [False, True])
def test_what_they_compute_is_what_keras_rounds(mobile, symmetric):
    context = tiny_models.context()
    x = context.calibration.x
    model = integers(symmetric=symmetric)(large(mobile, x), context)

    outputs = OnnxRuntime(to_onnx(model)).predict(x)

    assert_equal_but_for_steps(outputs, model.predict_on_batch(x))


def test_a_range_with_room_below_zero_does_not_cut_off_what_relu6_does(mobile):
    symmetric = integers(symmetric=True)(mobile, tiny_models.context())

    assert "Clip" in operators(to_onnx(symmetric))


def test_zeros_that_something_else_reads_stay_in_the_file():
    image = keras.Input((8, 8, 3))
    x = layers.ZeroPadding2D(AROUND)(image)
    sums = layers.Add()([layers.Conv2D(3, 3, padding="same")(x), x])
    model = randomized(keras.Model(image, sums))
    batch = tiny_models.context().calibration.x

    content = to_onnx(model)

    assert operators(content).count("Pad") == 1
    expected = model.predict_on_batch(batch)
    np.testing.assert_allclose(OnnxRuntime(content).predict(batch), expected, atol=1e-5)


def test_rounded_zeros_around_an_image_can_be_pooled(tmp_path):
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu")(image)
    x = layers.ZeroPadding2D(AROUND)(x)
    x = layers.Conv2D(4, 3, padding="same")(x)
    model = integers()(randomized(keras.Model(image, x)), tiny_models.context())
    batch = tiny_models.context().calibration.x

    outputs = OnnxRuntime(to_onnx(model)).predict(batch)

    assert_equal_but_for_steps(outputs, model.predict_on_batch(batch))
