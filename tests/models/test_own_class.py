"""Models of a user's class: copied as such, or refused with what is missing."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import nncompress_lab as ncl
from nncompress_lab.models.inputs import input_names, output_names
from nncompress_lab.models.interface import interface

X = np.random.default_rng(0).normal(size=(2, 6)).astype("float32")


class Classifier(keras.Model):
    """Says nothing of its arguments, which all have defaults."""

    def __init__(self, units=5, activation="relu"):
        super().__init__()
        self.hidden = layers.Dense(units, activation=activation)
        self.logits = layers.Dense(3)

    def call(self, inputs):
        return self.logits(self.hidden(inputs))


class Told(Classifier):
    def __init__(self, units=5, activation="relu"):
        super().__init__(units, activation)
        self.units, self.activation = units, activation

    def get_config(self):
        return {"units": self.units, "activation": self.activation}


class Blocks(keras.Model):
    """A list of layers, a weight of its own, a draw, and a frozen layer."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.blocks = [layers.Dense(6) for _ in range(3)]
        self.blocks[1].trainable = False
        self.scale = self.add_weight(shape=(6,), name="scale", initializer="uniform")
        self.dropout = layers.Dropout(0.5, seed=3)

    def call(self, inputs, training=False):
        for block in self.blocks:
            inputs = block(inputs)
        return self.dropout(inputs * self.scale, training=training)


class Tokens(keras.Model):
    """Inputs and outputs by names, of which one is looked up."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.embedding, self.gru = layers.Embedding(9, 4), layers.GRU(5)
        self.kind, self.size = layers.Dense(3), layers.Dense(1)

    def call(self, inputs):
        one_hot = ops.one_hot(inputs["group"], 2)
        x = ops.concatenate([self.gru(self.embedding(inputs["ids"])), one_hot], -1)
        return {"kind": self.kind(x), "size": self.size(x)}


class TwoArguments(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(6)

    def call(self, inputs, others):
        return self.hidden(inputs) + others


class WithACall(keras.Model):
    """A graph of layers, and something after it."""

    def __init__(self, **settings):
        image = keras.Input((6,))
        super().__init__(image, layers.Dense(4)(image), **settings)

    def call(self, inputs):
        return ops.tanh(super().call(inputs))


class Plain(keras.Model):
    """Trains in its own way, and is made of inputs and outputs."""

    def train_step(self, data):
        return {"own": 1.0}


IDS = {"ids": np.ones((2, 7), int), "group": np.ones(2, int)}


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (Classifier(), X),
        (Told(7, "gelu"), X),
        (Blocks(name="mine"), X),
        (Tokens(), IDS),
        (WithACall(), X),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_copy_is_of_the_class_and_computes_the_same(model, x):
    expected = keras.tree.flatten(model(x))

    copy = ncl.copy_model(model)

    assert type(copy) is type(model)
    assert copy.name == model.name
    for one, other in zip(keras.tree.flatten(copy(x)), expected, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))
    assert {id(one) for one in copy.variables}.isdisjoint(map(id, model.variables))
    assert [one.trainable for one in copy._flatten_layers()] == [
        one.trainable for one in model._flatten_layers()
    ]


def test_what_a_model_draws_is_drawn_by_its_copy_and_the_model_is_left_alone():
    model = Blocks()
    model(X)
    before = [ops.convert_to_numpy(one) for one in model.variables]

    copy = ncl.copy_model(model)

    for one, old in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), old)
    drawn = [ops.convert_to_numpy(one(X, training=True)) for one in (model, copy)]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize(
    ("model", "x", "said"),
    [
        (Classifier(7), (X,), "other shapes. Let its get_config return all arguments"),
        (Classifier(5, "gelu"), (X,), "computes something else. Let its get_config"),
        (TwoArguments(), (X, X), "take all inputs as one argument, or write its build"),
        (keras.Sequential([layers.Dense(2)]), (), "never built"),
    ],
    ids=["weights", "activation", "arguments", "unbuilt"],
)
def test_what_cannot_be_copied_is_refused_with_what_is_missing(model, x, said):
    if x:
        model(*x)

    with pytest.raises(ncl.UnsupportedModelError, match=said):
        ncl.MagnitudePruning(sparsity=0.5)(model)


def test_what_needs_the_graph_says_how_to_make_one():
    model = Classifier()
    model(X)

    with pytest.raises(ncl.UnsupportedModelError) as caught:
        ncl.UniformQuantization(bits=4)(model)

    assert "outputs = model.call(inputs)" in str(caught.value)
    inputs = keras.Input((6,))
    functional = keras.Model(inputs, model.call(inputs))
    assert len(ncl.UniformQuantization(bits=4)(functional).layers) == 3


def test_a_class_made_of_inputs_and_outputs_is_kept_when_layers_are_replaced():
    image = keras.Input((6,))
    model = Plain(image, layers.Dense(5, name="dense")(image), name="plain")

    small = ncl.UniformQuantization(bits=4)(model)

    assert type(small) is Plain
    assert small.name == "plain"
    assert small.get_layer("dense").stored_kernel("kernel")["q"].dtype == "uint8"
    small.compile("sgd")
    assert small.fit(X, np.ones((2, 5)), verbose=0).history == {"own": [1.0]}


def test_a_compression_takes_a_subclassed_model_unless_a_pass_needs_its_graph():
    model = Classifier()
    model(X)
    pruning, storing = ncl.MagnitudePruning(sparsity=0.5), ncl.UniformQuantization()

    assert type(ncl.compress(model, pruning).model) is Classifier
    assert type(ncl.compress(model).model) is Classifier
    with pytest.raises(ncl.UnsupportedModelError, match="subclassed"):
        ncl.compress(model, pruning, storing)
    assert not pruning.needs_graph
    assert ncl.pipeline(pruning, storing).needs_graph


def test_inputs_and_outputs_of_a_subclassed_model_have_names():
    model = Tokens()
    model(IDS)

    assert input_names(model) == ["group", "ids"]
    assert output_names(model) == ["kind", "size"]
    assert interface(model) is interface(model)
    assert [one.shape for one in interface(model).inputs] == [(None,), (None, 7)]
