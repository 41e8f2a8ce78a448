"""A penalty on gammas makes them small, and leaves nothing behind."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl

SETTINGS = {"epochs": 2, "batch_size": 8, "learning_rate": 0.1}


def gammas(model: keras.Model) -> np.ndarray:
    found = [
        keras.ops.convert_to_numpy(layer.gamma)
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
    ]
    return np.concatenate(found)


@pytest.mark.parametrize("teacher", [None, "original"])
def test_the_penalty_pulls_gammas_to_zero(context, teacher):
    model = tiny_models.residual()

    def trained(step: ncl.Pass) -> float:
        return float(np.abs(gammas(ncl.pipeline(step)(model, context))).sum())

    plain = trained(ncl.SparseGammas(strength=1e-12, teacher=teacher, **SETTINGS))
    sparse = trained(ncl.SparseGammas(strength=10.0, teacher=teacher, **SETTINGS))

    assert sparse < 0.8 * plain


def test_the_last_epoch_comes_back_though_the_first_was_better(context):
    model = tiny_models.residual()

    result = ncl.SparseGammas(strength=10.0, **SETTINGS)(model, context)

    assert (gammas(result) != gammas(model)).all()


def test_the_result_has_no_penalty_and_the_model_keeps_its_own(context):
    image = keras.Input(tiny_models.images().shape[1:])
    norm = layers.BatchNormalization(gamma_regularizer="l2")
    x = layers.GlobalAveragePooling2D()(norm(image))
    logits = layers.Dense(tiny_models.CLASSES)(x)
    model = keras.Model(image, logits)

    result = ncl.SparseGammas(**SETTINGS)(model, context)

    assert len(result.losses) == len(model.losses) == 1
    assert float(model.losses[0]) == pytest.approx(0.01 * image.shape[-1])


def test_a_normalization_without_gamma_is_left_alone(context):
    image = keras.Input(tiny_models.images().shape[1:])
    x = layers.BatchNormalization(scale=False)(image)
    logits = layers.Dense(tiny_models.CLASSES)(layers.GlobalAveragePooling2D()(x))

    result = ncl.SparseGammas(**SETTINGS)(keras.Model(image, logits), context)

    assert result.layers[1].gamma is None


@pytest.mark.parametrize("strength", [0.0, -1.0, float("inf")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match="above 0"):
        ncl.SparseGammas(strength=strength)
