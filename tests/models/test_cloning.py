"""Layers that others wrote: what their configurations lack, and what is said of it."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

import nncompress_lab as ncl

X = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
STEPS = np.random.default_rng(1).normal(size=(5, 4, 8)).astype("float32")
KERNEL = np.random.default_rng(2).normal(size=(8, 16)).astype("float32")


def with_dense(**settings):
    mine = layers.Dense(16, name="mine", **settings)
    return keras.Sequential([keras.Input((8,)), mine, layers.Dense(3)])


def with_layer(layer, shape=(8,)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Dense(3)(layer(inputs)))


def assert_copied(model, x=X):
    copy = ncl.copy_model(model)
    np.testing.assert_array_equal(copy(x), model(x))
    assert [one.name for one in copy.layers] == [one.name for one in model.layers]


def relu(inputs):
    """Called like a function of Keras, and another."""
    return 3 * ops.relu(inputs)


class Doubled:
    def __call__(self, inputs):
        return 2 * inputs


class Table(keras.initializers.Initializer):
    def __init__(self, values):
        self.values = values

    def __call__(self, shape, dtype=None):
        return ops.convert_to_tensor(self.values, dtype)


class Penalty(keras.regularizers.Regularizer):
    def __call__(self, weights):
        return ops.sum(weights)


class WithoutKeywords(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units, self.dense = units, layers.Dense(units)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        return self.dense(inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class Forgetful(layers.Layer):
    """Its configuration leaves out an argument that has a default."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return super().get_config()


class Talkative(Forgetful):
    """Its configuration holds what nobody takes."""

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "square": self.factor**2}


class Refusing(Forgetful):
    def get_config(self):
        raise AttributeError("no such attribute: dtype")


class Silent(Forgetful):
    def get_config(self):
        return None


class OfArrays(layers.Layer):
    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.values = values

    def call(self, inputs):
        return inputs * self.values


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": relu},
        {"activation": lambda x: ops.leaky_relu(x, 0.3)},
        {"activation": functools.partial(ops.leaky_relu, negative_slope=0.3)},
        {"activation": Doubled()},
        {"kernel_regularizer": lambda weights: ops.sum(ops.abs(weights))},
        {"kernel_regularizer": Penalty()},
        {"kernel_constraint": relu},
    ],
    ids=["function", "lambda", "partial", "object", "loss", "penalty", "constraint"],
)
def test_functions_that_keras_cannot_find_are_the_same_in_a_copy(settings):
    assert_copied(with_dense(**settings))


def test_a_function_inside_a_wrapped_layer_is_not_mistaken_for_one_of_keras():
    shared = layers.TimeDistributed(layers.Dense(3, activation=relu))
    cells = [layers.LSTMCell(3, activation=relu), layers.GRUCell(2)]

    assert_copied(with_layer(shared, (4, 8)), STEPS)
    assert_copied(with_layer(layers.RNN(cells), (4, 8)), STEPS)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Lambda(lambda x: 2 * x),
        layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 3.0}),
        layers.Lambda(relu, output_shape=(8,)),
    ],
)
def test_a_lambda_layer_computes_the_same_in_a_copy(layer):
    assert_copied(with_layer(layer))


def test_a_layer_that_takes_no_keywords_is_copied_with_its_name_and_frozen():
    layer = WithoutKeywords(4)
    model = with_layer(layer)
    layer.trainable = False

    assert_copied(model)
    assert not ncl.copy_model(model).layers[1].trainable_variables
    assert_copied(with_layer(layers.TimeDistributed(WithoutKeywords(4)), (4, 8)), STEPS)


@pytest.mark.parametrize("kind", [Forgetful, Talkative])
def test_a_configuration_may_hold_less_or_more_than_the_arguments(kind):
    assert_copied(with_layer(kind(4.0)))


@pytest.mark.parametrize(
    "layer",
    [Refusing(name="mine"), Silent(name="mine"), OfArrays(X[0], name="mine")],
)
def test_a_layer_that_cannot_be_made_again_is_named_in_a_sentence(layer):
    with pytest.raises(
        ncl.UnsupportedModelError, match=r"'mine'.*get_config"
    ) as caught:
        ncl.copy_model(with_layer(layer))

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "initializer",
    [
        keras.initializers.Constant(KERNEL),
        keras.initializers.Constant(KERNEL.tolist()),
        Table(KERNEL),
        lambda shape, dtype=None: ops.convert_to_tensor(KERNEL, dtype),
    ],
    ids=["array", "list", "class", "function"],
)
def test_an_initializer_that_holds_an_array_stays_behind(initializer):
    model = with_dense(kernel_initializer=initializer)
    steps = [
        ncl.LowRank(rank=2),
        ncl.Factorization("dense", rank=2),
        ncl.ChannelPruning(sparsity=0.5),
        ncl.UniformQuantization(),
    ]

    assert_copied(model)
    for step in steps:
        assert len(str(step(model).get_config())) < 6000


def test_a_frozen_layer_inside_a_layer_stays_frozen():
    layer = WithoutKeywords(4)
    model = with_layer(layer)
    layer.dense.trainable = False

    copy = ncl.copy_model(model)

    assert len(copy.trainable_variables) == len(model.trainable_variables) == 2


def test_what_layers_know_beside_their_variables_is_copied():
    words, bins = layers.StringLookup(), layers.Discretization(num_bins=3)
    words.adapt(np.array(["a", "b", "c"]))
    bins.adapt(np.array([[1.0], [2.0], [3.0], [9.0]]))
    weighted = layers.TextVectorization(output_mode="tf_idf")
    weighted.adapt(np.array(["a b", "b c", "b"]))
    for layer, given in [(words, [["a", "c"]]), (weighted, [["b c"]]), (bins, [[2.5]])]:
        kind = "float32" if layer is bins else "string"
        inputs = keras.Input((len(given[0]),), dtype=kind)
        model, x = keras.Model(inputs, layer(inputs)), ops.convert_to_tensor(given)
        np.testing.assert_array_equal(ncl.copy_model(model)(x), model(x))


def test_what_a_layer_of_ones_own_saves_is_copied():
    class Remembering(Forgetful):
        def save_own_variables(self, store):
            store["factor"] = np.array(self.factor)

        def load_own_variables(self, store):
            self.factor = float(store["factor"])

    layer = Remembering()
    model = with_layer(layer)
    layer.factor = 5.0

    assert ncl.copy_model(model).layers[1].factor == 5.0


def test_a_model_that_was_built_by_a_batch_takes_any_number_of_examples():
    model = keras.Sequential([layers.Dense(4), layers.Dense(3)])
    model(X)

    assert ncl.copy_model(model).input_shape == (None, 8)


def test_a_functional_model_with_a_call_of_its_own_is_refused():
    class Scaled(keras.Model):
        def call(self, inputs, training=None):
            return 10 * super().call(inputs, training=training)

    inputs = keras.Input((8,))
    model = Scaled(inputs, layers.Dense(3)(inputs), name="scaled")
    outer = keras.Sequential([keras.Input((8,)), model])

    for one in (model, outer):
        with pytest.raises(ncl.UnsupportedModelError, match=r"'scaled'.*call\(\)"):
            ncl.UniformQuantization(bits=4)(one)
