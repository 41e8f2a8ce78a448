"""Probabilities are told from logits whatever follows the softmax."""

from functools import partial

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


def own_softmax(logits):
    powers = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)


def softmax(logits):
    """Of the name that Keras's has, at another temperature."""
    return ops.softmax(logits / 2)


@keras.saving.register_keras_serializable("test_output_scale")
class OwnSoftmax(layers.Layer):
    def call(self, inputs):
        return own_softmax(inputs)


OWN = {
    "function": lambda dense, one: _dense(dense, own_softmax)(one),
    "lambda": lambda dense, one: _dense(dense, lambda x: softmax(2 * x))(one),
    "partial": lambda dense, one: _dense(dense, partial(ops.softmax, axis=1))(one),
    "of Keras's name": lambda dense, one: _dense(dense, softmax)(one),
    "Activation": lambda dense, one: layers.Activation(own_softmax)(dense(one)),
    "Lambda": lambda dense, one: layers.Lambda(own_softmax)(dense(one)),
    "layer": lambda dense, one: OwnSoftmax()(dense(one)),
    "operations": lambda dense, one: own_softmax(dense(one)),
    "mean of positions": lambda dense, one: layers.GlobalAveragePooling1D()(
        layers.RepeatVector(3)(ops.softmax(dense(one)))
    ),
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN)
def test_outputs_tell_their_scale_where_the_graph_does_not(make):
    entry = keras.Input((8,))
    dense = layers.Dense(5, kernel_initializer="orthogonal")
    model = keras.Model(entry, make(dense, entry))

    probabilities = keras.ops.convert_to_numpy(model(INPUTS))
    found = ops.convert_to_numpy(ops.softmax(teacher_logits(model, INPUTS)))

    assert output_scale(model) == "softmax"
    np.testing.assert_allclose(found, probabilities, atol=1e-5)


def test_what_overflows_at_the_ends_is_known_by_the_rest():
    entry = keras.Input((8,))
    plain = layers.Dense(
        5,
        activation=lambda x: ops.exp(x) / ops.sum(ops.exp(x), -1, keepdims=True),
        kernel_initializer=keras.initializers.RandomNormal(stddev=3.0, seed=0),
        dtype="float16",
    )

    assert output_scale(keras.Model(entry, plain(entry))) == "softmax"


NO_PROBABILITIES = {
    "rectified": ops.relu,
    "of unit length": lambda one: layers.UnitNormalization()(ops.relu(one)),
    "bounded": layers.Dense(5, activation=ops.tanh),
    "logarithms": lambda one: ops.log(own_softmax(one)),
    "normalized": layers.LayerNormalization(),
}


@pytest.mark.parametrize("last", NO_PROBABILITIES.values(), ids=NO_PROBABILITIES)
def test_what_is_not_always_a_probability_is_a_logit(last):
    entry = keras.Input((8,))

    model = keras.Model(entry, last(layers.Dense(5)(entry)))

    assert output_scale(model) == "logits"


def test_a_sigmoid_of_ones_own_is_a_sigmoid():
    entry = keras.Input((8,))
    dense = layers.Dense(1, activation=lambda x: 1 / (1 + ops.exp(-x)))

    assert output_scale(keras.Model(entry, dense(entry))) == "sigmoid"


@pytest.mark.parametrize("mix", [layers.Maximum(), ops.minimum, layers.Multiply()])
def test_a_choice_among_probabilities_is_on_their_scale(mix):
    entry = keras.Input((8,))
    heads = [layers.Dense(5, activation="softmax")(entry) for _ in range(2)]
    model = keras.Model(entry, mix(*heads) if mix is ops.minimum else mix(heads))

    assert output_scale(model) == "softmax"
