"""Folding leaves outputs as they are, for every layer with a kernel, or says why not."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl

IMAGE, ROW = (8, 8, 4), (8, 4)


def normalized(layer, shape, **settings) -> keras.Model:
    """A model of one layer and a normalization that does something."""
    image = keras.Input(shape)
    norm = layers.BatchNormalization(name="norm", **settings)
    model = keras.Model(image, norm(layer(image)))
    return tiny_models.randomize_statistics(model)


def outputs(model: keras.Model) -> np.ndarray:
    random = np.random.default_rng(0)
    x = random.normal(size=(3, *model.input_shape[1:])).astype(np.float32)
    return keras.ops.convert_to_numpy(model(x, training=False))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.SeparableConv2D(6, 3, use_bias=False), IMAGE),
        (layers.SeparableConv1D(6, 3, depth_multiplier=2), ROW),
        (layers.Conv2DTranspose(6, 3, strides=2), IMAGE),
        (layers.Conv1DTranspose(6, 3, use_bias=False), ROW),
        (layers.Conv2D(8, 3, groups=2), IMAGE),
        (layers.EinsumDense("abc,cd->abd", output_shape=(None, 5)), ROW),
        (layers.EinsumDense("...c,cd->...d", output_shape=5, bias_axes="d"), ROW),
        (
            layers.EinsumDense("abc,chd->abhd", output_shape=(None, 2, 5)),
            ROW,
        ),
        (
            layers.EinsumDense(
                "abc,chd->abhd", output_shape=(None, 2, 5), bias_axes="hd"
            ),
            ROW,
        ),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_outputs_stay_and_the_normalization_goes(layer, shape):
    model = normalized(layer, shape)

    folded = ncl.FoldBatchNorm()(model)

    assert not any(isinstance(one, layers.BatchNormalization) for one in folded.layers)
    assert ncl.FoldBatchNorm().explain(model) == {"norm": None}
    # The same products in another order of float32 roundings
    np.testing.assert_allclose(outputs(folded), outputs(model), rtol=2e-4, atol=1e-4)


def on(layer, **settings):
    return lambda: normalized(layer, settings.pop("shape", IMAGE), **settings)


def shared() -> keras.Model:
    image, norm = keras.Input(ROW), layers.BatchNormalization(name="norm")
    dense = layers.Dense(4)
    return keras.Model(image, norm(dense(norm(dense(image)))))


def used_twice() -> keras.Model:
    image = keras.Input(ROW)
    x = layers.Dense(4, name="dense")(image)
    return keras.Model(image, [layers.BatchNormalization(name="norm")(x), x])


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (on(layers.ReLU(name="relu")), "relu (ReLU) comes before it"),
        (on(layers.Conv2D(4, 3, activation="relu", name="conv")), "conv has its act"),
        (on(layers.Conv2D(4, 3), axis=1), "does not normalize the last axis"),
        (shared, "used more than once"),
        (used_twice, "dense comes before it, which something else uses"),
        (
            on(layers.EinsumDense("abc,cd->adb", (5, 8), name="swap"), shape=ROW),
            "swap has no weights for each",
        ),
    ],
)
def test_what_stays_has_a_reason_and_the_report_tells_it(build, reason):
    model = build()

    assert reason in str(ncl.FoldBatchNorm().explain(model)["norm"])
    result = ncl.compress(
        model, ncl.FoldBatchNorm(), context=ncl.Context(progress=False)
    )
    assert reason in "".join(result.remarks)
    for one, other in zip(result.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
