"""Re-estimated statistics are those of what each normalization sees in use."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.training.reestimate_batch_norm import normalizations


def data_of(*shape: int) -> ncl.Data:
    x = np.random.default_rng(0).normal(2.0, 3.0, size=shape).astype(np.float32)
    return ncl.Data(x, np.zeros(len(x), np.int32))


def reestimated(model: keras.Model, data: ncl.Data, **settings) -> keras.Model:
    step = ncl.ReestimateBatchNorm(**settings)
    return step(tiny_models.randomize_statistics(model), ncl.Context(calibration=data))


def inputs_of(model: keras.Model, layer: keras.layers.Layer, x: np.ndarray):
    return to_numpy(keras.Model(model.input, layer.input)(x, training=False))


@pytest.mark.parametrize(
    "build", [tiny_models.residual, tiny_models.depthwise, tiny_models.shared]
)
def test_each_normalization_has_the_statistics_of_what_it_sees(build):
    x = tiny_models.images()
    model = build()
    result = reestimated(model, ncl.Data(x, np.zeros(len(x), np.int32)))

    found = [
        one for one in result.layers if "normalization" in type(one).__name__.lower()
    ]
    for layer in found:
        seen = inputs_of(result, layer, x)
        axes = tuple(range(seen.ndim - 1))
        # float32 sums over the batch in another order
        np.testing.assert_allclose(layer.moving_mean, seen.mean(axes), atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, seen.var(axes), rtol=1e-4)
    assert len(found) == len(normalizations(model))


def test_it_makes_up_for_a_layer_that_was_scaled():
    data = data_of(64, 8)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(4, name="dense"), layers.BatchNormalization()]
    )
    before = ncl.ReestimateBatchNorm()(model, ncl.Context(calibration=data))
    scaled = ncl.copy_model(before)
    scaled.layers[0].set_weights([7 * w for w in scaled.layers[0].get_weights()])

    after = ncl.ReestimateBatchNorm()(scaled, ncl.Context(calibration=data))

    # epsilon weighs less beside larger variances
    np.testing.assert_allclose(after(data.x), before(data.x), atol=1e-3)


def test_a_shared_normalization_gets_the_statistics_of_all_its_calls():
    norm = layers.BatchNormalization()
    image = keras.Input((3,))
    model = keras.Model(image, [norm(image), norm(image * 2.0 + 10.0)])
    data = data_of(50, 3)

    result = reestimated(model, data)

    both = np.concatenate([data.x, data.x * 2 + 10]).astype(np.float64)
    (_, layer), *_ = normalizations(result)
    np.testing.assert_allclose(layer.moving_mean, both.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, both.var(0), rtol=1e-5)


def test_parts_of_unequal_size_give_the_same_for_the_first_normalization():
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization()])
    data = data_of(50, 3)

    parts, whole = reestimated(model, data, batch_size=16), reestimated(model, data)

    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_first_examples_are_used():
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization()])
    data = data_of(50, 3)

    result = reestimated(model, data, examples=10)

    np.testing.assert_allclose(
        result.layers[0].moving_mean, data.x[:10].mean(0), rtol=1e-5
    )


def changed(edit, shape=(6,), *, before=(), **settings):
    """A normalization of 5 examples, edited, measured, and the inputs it was given."""
    data = data_of(5, *shape)
    norm = layers.BatchNormalization(**settings)
    model = keras.Sequential([keras.Input(shape), *before, norm])
    edit(norm)
    result = ncl.ReestimateBatchNorm()(model, ncl.Context(calibration=data))
    return result.layers[-1], data.x


def test_a_frozen_normalization_is_measured_and_stays_frozen():
    layer, x = changed(lambda norm: setattr(norm, "trainable", False))

    np.testing.assert_allclose(layer.moving_mean, x.mean(0), rtol=1e-5)
    assert not layer.trainable


def test_statistics_that_were_no_numbers_are_replaced():
    layer, x = changed(lambda norm: norm.moving_mean.assign(np.full(6, np.nan)))

    np.testing.assert_allclose(layer.moving_mean, x.mean(0), rtol=1e-5)


def test_channels_may_come_first():
    layer, x = changed(lambda norm: None, (2, 4, 4), axis=1)

    np.testing.assert_allclose(layer.moving_mean, x.mean((0, 2, 3)), rtol=1e-4)


def test_masked_places_do_not_count():
    data = data_of(5, 4, 3)
    data.x[:, 2:] = 0.0
    model = keras.Sequential(
        [keras.Input((4, 3)), layers.Masking(0.0), layers.BatchNormalization()]
    )

    result = reestimated(model, data)

    seen = data.x[:, :2].reshape(-1, 3)
    np.testing.assert_allclose(result.layers[-1].moving_mean, seen.mean(0), rtol=1e-5)


def test_dropout_stays_out_and_gradients_do_not_matter():
    layer, x = changed(lambda norm: None, before=(layers.Dropout(0.9),))

    np.testing.assert_allclose(layer.moving_mean, x.mean(0), rtol=1e-5)


def test_a_model_without_normalizations_is_copied():
    model = tiny_models.sequential()

    result = reestimated(
        model, ncl.Data(tiny_models.images(), np.zeros(len(tiny_models.images())))
    )

    for one, other in zip(result.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("settings", [{"examples": 0}, {"batch_size": 0}])
def test_numbers_below_one_are_refused(settings):
    with pytest.raises(ValueError, match="at least 1"):
        ncl.ReestimateBatchNorm(**settings)
