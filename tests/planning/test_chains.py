"""Chains of linear layers are one kernel, wherever that is true and known."""

import keras
import numpy as np
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import weighted_layers
from nncompress_lab.planning.arrays.composed import (
    LinearStep,
    composed,
    gathered_groups,
    spread_groups,
)
from nncompress_lab.planning.chains import assign_values, values_for, values_of

CONVOLUTION = {"filters": 6, "kernel_size": 3, "activation": "relu", "name": "one"}
CASES = {
    "cp": (
        layers.Conv2D(**CONVOLUTION, padding="same"),
        ncl.Factorization("cp", rank=2),
    ),
    "tucker2, strides": (
        layers.Conv2D(**CONVOLUTION, strides=2, padding="same"),
        ncl.Factorization("tucker2", rank=2),
    ),
    "spatial, dilated": (
        layers.Conv2D(**CONVOLUTION, dilation_rate=2),
        ncl.Factorization("spatial", rank=1),
    ),
    "separable": (layers.Conv2D(**CONVOLUTION), ncl.Factorization("separable", rank=1)),
    "groups": (
        layers.Conv2D(**CONVOLUTION, groups=2),
        ncl.Factorization("channel_svd", rank=1),
    ),
    "low rank": (layers.Conv2D(**CONVOLUTION), ncl.LowRank(rank=2)),
    "both": (
        layers.Conv2D(**CONVOLUTION),
        ncl.pipeline(ncl.LowRank(rank=2), ncl.UniformQuantization(bits=4)),
    ),
    "dense": (layers.Dense(6, activation="tanh", name="one"), ncl.LowRank(rank=2)),
    "einsum": (
        layers.EinsumDense("bhwc,cde->bhwde", (7, 7, 2, 5), bias_axes="e", name="one"),
        ncl.LowRank(rank=1),
    ),
}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", CASES)
def test_a_layer_with_the_values_of_a_chain_computes_what_the_chain_does(name):
    given, option = CASES[name]
    layer = type(given).from_config(
        given.get_config()
    )  # the ids of tests share `given`
    entry = keras.Input((7, 7, 4))
    model = keras.Model(entry, layer(entry))
    layer.set_weights(
        [np.random.default_rng(0).normal(size=w.shape) for w in layer.weights]
    )
    x = np.random.default_rng(1).normal(size=(2, 7, 7, 4)).astype("float32")

    result = option(model)
    parts = [one for _, one in weighted_layers(result)]
    assert len(parts) > 1
    assign_values(layer, values_for(layer, parts))

    # A product in float32 is rounded before it is multiplied, or after.
    np.testing.assert_allclose(model(x), result(x), rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_what_is_not_linear_or_not_known_has_no_values():
    def built(layer, shape=(None, 4)):
        layer.build(shape)
        return layer

    dense = built(layers.Dense(4))
    bent = built(layers.Dense(4, activation="relu", use_bias=False))
    shifted, straight = built(layers.Dense(4)), built(layers.Dense(4, use_bias=False))

    assert values_for(dense, [bent, shifted]) is None
    assert values_for(dense, [shifted, shifted]) is None  # a bias in between
    assert values_for(dense, [straight, straight]) is None  # and none behind
    assert values_for(dense, [straight, shifted]) is not None
    assert values_for(dense, [built(layers.Dense(4, activation="relu"))]) is None
    images = (None, 7, 7, 4)
    wide = built(layers.Conv2D(4, 3, use_bias=False), images)
    assert values_for(built(layers.Conv2D(4, 5), images), [wide, wide]) is None


def test_an_equal_layer_has_its_own_values():
    one, other = layers.Dense(2, name="a"), layers.Dense(2, name="a")
    one.build((None, 3))
    other.build((None, 3))

    found = values_for(one, [other])

    for left, right in zip(found, values_of(other), strict=True):
        assert np.array_equal(left, right)


def test_steps_that_mix_neighbours_twice_are_not_composed():
    wide = LinearStep(np.ones((3, 1, 2, 2)))
    strided = LinearStep(np.ones((1, 1, 2, 2)), strides=(2, 1))

    assert composed([wide, wide]) is None
    assert composed([strided, wide]) is None
    assert composed([wide, strided]).strides == (2, 1)


def test_groups_come_back():
    kernel = np.random.default_rng(0).normal(size=(3, 2, 2, 6))

    spread = spread_groups(kernel, 3)

    assert spread.shape == (3, 2, 6, 6)
    assert np.count_nonzero(spread) == kernel.size
    assert np.array_equal(gathered_groups(spread, 3), kernel)
