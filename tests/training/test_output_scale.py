"""Probabilities are told from logits whatever follows the softmax."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from nncompress_lab.training.output_scale import output_scale
from nncompress_lab.training.teacher_outputs import teacher_logits

INPUTS = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")


def nested(tensor):
    entry = keras.Input((5,))
    return keras.Model(entry, layers.Reshape((5,))(layers.Identity()(entry)))(tensor)


AFTER = {
    "reshape": layers.Reshape((5,)),
    "identity": layers.Identity(),
    "dropout": layers.Dropout(0.5),
    "noise": layers.GaussianNoise(0.1),
    "two permutations": lambda one: ops.transpose(layers.Permute((1,))(one), (0, 1)),
    "ops.stop_gradient": ops.stop_gradient,
    "linear in another dtype": layers.Activation("linear", dtype="float32"),
    "ops.reshape": lambda one: ops.reshape(one, (-1, 5)),
    "ops.cast": lambda one: ops.cast(one, "float32"),
    "a nested model": nested,
}
SOFTMAX = {
    "activation": lambda dense, one: _dense(dense, "softmax")(one),
    "layer": lambda dense, one: layers.Softmax()(dense(one)),
    "activation layer": lambda dense, one: layers.Activation("softmax")(dense(one)),
    "operation": lambda dense, one: ops.softmax(dense(one)),
}


def _dense(dense, activation):
    dense.activation = keras.activations.get(activation)
    return dense


def classifier(softmax, after):
    """A model of probabilities, and its logits."""
    entry = keras.Input((8,))
    dense = layers.Dense(
        5, kernel_initializer=keras.initializers.RandomNormal(stddev=3.0, seed=0)
    )
    dense.build((None, 8))
    logits = INPUTS @ np.asarray(dense.kernel)
    return keras.Model(entry, after(softmax(dense, entry))), logits


@pytest.mark.parametrize("softmax", SOFTMAX.values(), ids=SOFTMAX)
@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
def test_logits_are_found_behind_whatever_passes_probabilities_on(softmax, after):
    model, expected = classifier(softmax, after)

    found = teacher_logits(model, INPUTS)

    assert output_scale(model) == "softmax"
    centred = [one - one.mean(axis=1, keepdims=True) for one in (found, expected)]
    np.testing.assert_allclose(*centred, atol=1e-3)  # logarithms of float32 sums


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
def test_sigmoids_are_no_classes_that_exclude_each_other(after):
    entry = keras.Input((8,))
    model = keras.Model(entry, after(layers.Dense(5, activation="sigmoid")(entry)))

    assert output_scale(model) == "sigmoid"
    with pytest.raises(ValueError, match="behind a sigmoid"):
        teacher_logits(model, INPUTS)


def test_logarithms_of_probabilities_are_logits():
    entry = keras.Input((8,))
    model = keras.Model(entry, layers.Dense(5, activation="log_softmax")(entry))

    assert output_scale(model) == "logits"


MIXES = {
    "average": layers.Average(),
    "concatenation": layers.Concatenate(),
    "ops.concatenate": lambda ones: ops.concatenate(ones, -1),
    "average of an average": lambda ones: layers.Average()(
        [layers.Average()(ones), layers.Identity()(ones[0])]
    ),
}


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
@pytest.mark.parametrize("scale", ["softmax", "sigmoid", "linear"])
def test_mixed_probabilities_are_probabilities(mix, scale):
    entry = keras.Input((8,))
    heads = [layers.Dense(5, activation=scale)(entry) for _ in range(2)]

    found = output_scale(keras.Model(entry, mix(heads)))

    assert found == ("logits" if scale == "linear" else scale)


def test_the_logits_of_an_average_are_those_of_the_mean_probabilities():
    entry = keras.Input((8,))
    heads = [layers.Dense(5, activation="softmax")(entry) for _ in range(2)]
    model = keras.Model(entry, layers.Average()(heads))

    found = teacher_logits(model, INPUTS)

    expected = keras.ops.convert_to_numpy(model(INPUTS))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ops.softmax(found)), expected, atol=1e-5
    )


def test_probabilities_mixed_with_something_else_are_none():
    entry = keras.Input((8,))
    heads = [layers.Dense(5, activation=one)(entry) for one in ("softmax", None)]

    assert output_scale(keras.Model(entry, layers.Average()(heads))) == "logits"
