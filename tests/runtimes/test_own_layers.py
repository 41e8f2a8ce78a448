"""Layers of one's own in `.onnx` files: their calls are followed, or refused by name."""

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops

import nncompress_lab as ncl
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime

X = np.random.default_rng(0).normal(size=(3, 6, 8)).astype("float32")


class Gated(layers.Layer):
    """Layers and weights of its own, a branch by training, and brackets."""

    def __init__(self, units=8, **settings):
        super().__init__(**settings)
        self.inner, self.gate = layers.Dense(units, "relu"), layers.Dense(units)
        self.dropout, self.norm = layers.Dropout(0.5), layers.LayerNormalization()

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")
        self.inner.build(shape)
        self.gate.build(shape)
        self.norm.build(shape)

    def call(self, inputs, training=False):
        x = self.inner(inputs) * ops.sigmoid(self.gate(inputs) * self.scale)
        if training:
            x = self.dropout(x, training=True)
        return self.norm(inputs + x)[..., :4]


class Twice(layers.Layer):
    """A layer of one's own inside, called twice, with several outputs."""

    def __init__(self):
        super().__init__()
        self.gated = Gated()

    def call(self, inputs):
        first = self.gated(inputs)
        return first, self.gated(ops.concatenate([first, first], -1))


class Several(layers.Layer):
    """Inputs by position and by name, and one that it does not use."""

    def call(self, query, memory=None, unused=None):
        return ops.matmul(query, ops.transpose(memory, (0, 2, 1)))


class Table(layers.Layer):
    def build(self, _shape):
        self.table = self.add_weight(shape=(9, 5), name="table")

    def call(self, ids):
        return ops.take(self.table, ops.cast(ids, "int32"), axis=0)


class SharpConv(layers.Conv2D):
    def call(self, inputs):
        kernel = self.kernel - ops.mean(self.kernel, axis=(0, 1), keepdims=True)
        return ops.conv(inputs, kernel, strides=2, padding="same") + self.bias


def same(model, x):
    """Whether the file computes what Keras computes, and is the same each time."""
    content = to_onnx(model)
    assert content == to_onnx(model)
    outputs = keras.tree.flatten(OnnxRuntime(content).predict(x))
    expected = keras.tree.flatten(model.predict_on_batch(x))
    for one, other in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layer", [Gated(), Twice()], ids=lambda one: type(one).__name__
)
def test_a_layer_is_written_as_what_its_call_is_made_of(layer):
    image = keras.Input((6, 8))
    ends = keras.tree.flatten(layer(image))
    nodes = [len(one._inbound_nodes) for one in layer._flatten_layers()]

    same(keras.Model(image, [layers.Dense(2)(one) for one in ends]), X)

    assert [len(one._inbound_nodes) for one in layer._flatten_layers()] == nodes


def test_several_inputs_keep_their_places():
    first, second = keras.Input((6, 8), name="a"), keras.Input((5, 8), name="b")
    scores = Several()(first, memory=second, unused=first)

    same(keras.Model([first, second], scores), [X, X[:, :5] * 2])


def test_rows_of_a_table_of_ones_own_and_a_convolution_with_a_kernel_of_ones_own():
    ids = keras.Input((7,), dtype="int32")
    same(keras.Model(ids, Table()(ids)), np.arange(14).reshape(2, 7) % 9)

    image = keras.Input((8, 8, 3))
    x = SharpConv(4, 3, bias_initializer="normal")(layers.Conv2D(3, 3)(image))
    same(keras.Model(image, layers.ReLU()(x)), np.resize(X, (2, 8, 8, 3)))


def test_an_inner_subclassed_model_is_written():
    class Head(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, inputs):
            return ops.relu(self.dense(inputs))

    image = keras.Input((6, 8))

    same(keras.Model(image, Head()(image)), X)


def test_a_pruned_and_quantized_model_with_such_a_layer_is_exported(tmp_path):
    image = keras.Input((6, 8))
    model = keras.Model(image, layers.Dense(3, name="end")(Gated(name="own")(image)))
    small = ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.5),
        ncl.UniformQuantization(bits=8, select="end"),
    )(model)

    # ONNX Runtime rounds what it multiplies with integers to 8 bits.
    assert ncl.export(small, tmp_path / "m.onnx", calibration=X) < 0.05

    kinds = {one.op_type for one in onnx.load(tmp_path / "m.onnx").graph.node}
    assert {"Sigmoid", "DequantizeLinear"} <= kinds


class Noisy(layers.Layer):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, inputs):
        return inputs + keras.random.normal((8,), seed=self.seeds)


class ByValue(layers.Layer):
    """Takes a branch that a tensor without values cannot tell."""

    def call(self, inputs):
        return inputs if float(ops.sum(inputs)) > 0 else -inputs

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


class Unknown(layers.Layer):
    def call(self, inputs):
        return ops.cumsum(inputs, axis=1)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Noisy(name="own"), "draws random numbers"),
        (ByValue(name="own"), "could not be followed"),
        (Unknown(name="own"), "made of what cannot: .*Cumsum"),
    ],
    ids=lambda one: one.split()[0] if isinstance(one, str) else type(one).__name__,
)
def test_what_cannot_be_followed_is_refused_by_name(layer, said):
    image = keras.Input((6, 8))
    model = keras.Model(image, layer(image))

    with pytest.raises(ncl.UnsupportedModelError, match=rf"'own'.*{said}"):
        to_onnx(model)
