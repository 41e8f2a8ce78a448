"""At full rank two layers compute what one did, for every layer that can be factored."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

from nncompress_lab.lowrank.arrays.svd import Factors
from nncompress_lab.lowrank.factoring import factor_layers, second_moments, spectrum_of
from nncompress_lab.lowrank.two_layers import MatrixLayer, no_matrix
from nncompress_lab.models.kernels import Skip, kernel_layers

# Two float32 products in place of one, behind each other through a whole model.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}

channels_first = pytest.mark.skipif(
    keras.backend.backend() == "tensorflow",
    reason="TensorFlow's CPU has no convolutions with channels first",
)


def matrix_layers(model):
    return [
        MatrixLayer.of(one)
        for one in kernel_layers(model)
        if no_matrix(one.layer) is None
    ]


def at_full_rank(model, moments=None):
    return factor_layers(
        model,
        [
            (one, spectrum_of(one, moments or {}).factors(one.full_rank))
            for one in matrix_layers(model)
        ],
    )


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def model_of(layer, shape, dtype="float32"):
    """A model of one layer whose bias is not zero."""
    entry = keras.Input(shape, dtype=dtype)
    return tiny_models.randomize_statistics(keras.Model(entry, layer(entry)))


@pytest.mark.parametrize("aware", [False, True], ids=["weights", "outputs"])
@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_full_rank_reproduces_every_model(build, aware):
    model = tiny_models.built(build)
    images = tiny_models.images()
    moments = second_moments(model, matrix_layers(model), images) if aware else {}

    result = at_full_rank(model, moments)

    np.testing.assert_allclose(outputs(result, images), outputs(model, images), **CLOSE)


def test_the_tiny_models_hold_every_layer_that_can_be_factored():
    kept = [
        type(one.layer).__name__
        for build in tiny_models.BUILDERS
        for one in kernel_layers(at_full_rank(tiny_models.built(build)))
        if not one.layer.name.endswith(("_left", "_right"))
    ]

    assert set(kept) == {
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "SeparableConv1D",
        "SeparableConv2D",
        "Conv2D",  # in groups
    }


@pytest.mark.contract
@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(5, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(5, (3, 2), dilation_rate=2, use_bias=False),
        layers.Conv2D(6, 1, strides=2),
        layers.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=1),
        pytest.param(
            layers.Conv2D(5, 3, data_format="channels_first", name="channels_first"),
            marks=channels_first,
        ),
        layers.Dense(7, activation="tanh"),
        layers.EinsumDense("...a,ab->...b", (5,), bias_axes="b", activation="relu"),
        layers.EinsumDense("abcd,cdef->abef", (9, 2, 3), bias_axes="ef"),
        layers.EinsumDense("abcd,bde->aec", (5, 8), bias_axes="e"),
        layers.EinsumDense("ab...,bc->ac...", (5,)),
    ],
    ids=lambda one: f"{one.name}",
)
def test_full_rank_reproduces_a_layer(layer):
    model = model_of(layer, (9, 8, 4))
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 4)).astype(np.float32)

    result = at_full_rank(model)

    assert len(result.layers) == 3
    np.testing.assert_allclose(outputs(result, x), outputs(model, x), **CLOSE)


def test_a_causal_convolution_stays_causal():
    model = model_of(layers.Conv1D(4, 3, padding="causal", dilation_rate=2), (10, 3))
    x = np.random.default_rng(0).normal(size=(2, 10, 3)).astype(np.float32)

    np.testing.assert_allclose(
        outputs(at_full_rank(model), x), outputs(model, x), **CLOSE
    )


def test_an_embedding_still_masks_zeros():
    embedding = layers.Embedding(12, 5, mask_zero=True, name="words")
    entry = keras.Input((6,), dtype="int32")
    mean = layers.GlobalAveragePooling1D()(embedding(entry))
    model = keras.Model(entry, mean)
    x = np.array([[3, 1, 0, 0, 0, 0], [5, 6, 7, 8, 0, 0]], np.int32)

    result = at_full_rank(model)

    np.testing.assert_allclose(outputs(result, x), outputs(model, x), **CLOSE)


def test_the_left_layer_is_thin_and_the_right_one_has_the_bias_and_the_activation():
    dense = layers.Dense(
        6,
        activation="relu",
        kernel_constraint="non_neg",
        bias_regularizer="l2",
        activity_regularizer="l1",
        name="fc",
    )
    model = model_of(dense, (5,))
    (one,) = matrix_layers(model)

    result = factor_layers(model, [(one, Factors(np.ones((5, 2)), np.ones((2, 6))))])

    _, left, right = result.layers
    assert (left.name, right.name) == ("fc_left", "fc_right")
    assert (left.units, left.use_bias, left.activation.__name__) == (2, False, "linear")
    assert (right.units, right.activation.__name__) == (6, "relu")
    assert left.kernel_constraint is None
    assert right.kernel_constraint is None
    assert left.activity_regularizer is None
    assert right.activity_regularizer is not None
    assert right.bias_regularizer is not None
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(right.bias), keras.ops.convert_to_numpy(dense.bias)
    )


def test_a_frozen_layer_stays_frozen():
    model = model_of(layers.Dense(6, trainable=False), (5,))

    result = at_full_rank(model)

    assert not result.trainable_variables


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (layers.DepthwiseConv2D(3), (8, 8, 4), Skip.NOT_SUPPORTED),
        (layers.Conv2D(4, 3, groups=2), (8, 8, 4), Skip.GROUPED),
        (layers.EinsumDense("abc,bcd->abd", (8, 5)), (8, 4), Skip.GROUPED),
    ],
    ids=["depthwise", "groups", "an axis in input, kernel and output"],
)
def test_what_is_no_single_matrix_is_named(layer, shape, reason):
    model_of(layer, shape)

    assert no_matrix(layer) is reason
