"""Names of layers that classes of one's own make and do not name."""

import keras
import numpy as np
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import walk, weighted_layers


@keras.saving.register_keras_serializable("inner_layers_test")
class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(8, activation="relu")
        self.pair = [layers.Dense(8), layers.Dense(8)]
        self.net = keras.Sequential([layers.Dense(8), layers.Dense(8)])
        self.same = {
            "a": layers.Dense(8, name="same"),
            "b": layers.Dense(8, name="same"),
        }
        self.steps = (
            self.first,
            *self.pair,
            self.net,
            *self.same.values(),
            layers.TimeDistributed(layers.Dense(8)),
        )

    def build(self, input_shape):
        for one in self.steps:
            one.build(input_shape)

    def call(self, inputs):
        for one in self.steps:
            inputs = one(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def blocks():
    inputs = keras.Input((4, 8))
    return keras.Model(
        inputs, layers.Dense(3)(Block(name="next")(Block(name="block")(inputs)))
    )


def paths(model):
    return [path for path, _ in walk(model)]


def test_layers_without_a_name_go_by_the_attribute_that_holds_them():
    found = [path for path, _ in weighted_layers(blocks()) if path.startswith("block/")]

    assert sorted(found) == [
        "block/first",
        "block/net/dense",
        "block/net/dense_1",
        "block/pair_0",
        "block/pair_1",
        "block/same",
        "block/same_1",
        "block/steps_6/dense",
    ]


def test_paths_are_those_of_every_copy_and_of_the_file(tmp_path):
    model = blocks()
    model.save(tmp_path / "model.keras")

    assert paths(ncl.copy_model(ncl.copy_model(model))) == paths(model)
    assert paths(keras.saving.load_model(tmp_path / "model.keras")) == paths(model)


def test_passes_that_look_at_inputs_find_such_layers():
    model = blocks()
    x = np.random.default_rng(0).normal(size=(8, 4, 8)).astype("float32")
    context = ncl.Context(calibration=(x, np.zeros(8)), progress=False)

    pruned = ncl.OptimalBrainPruning(sparsity=0.5)(model, context)
    quantized = ncl.GPTQ(bits=4)(model, context)

    assert paths(pruned) == paths(quantized) == paths(model)
    assert all(
        np.mean(np.asarray(one.kernel) == 0) == 0.5 for one in pruned.layers[1].pair
    )


def test_a_selection_means_the_same_layer_in_every_pass():
    chosen = ncl.Selection(names=("block/pair_1",))
    halved = ncl.MagnitudePruning(sparsity=0.5, select=chosen)

    result = ncl.pipeline(halved, halved)(blocks())

    zeros = {
        path: np.mean(np.asarray(layer.kernel) == 0)
        for path, layer in weighted_layers(result)
    }
    assert zeros.pop("block/pair_1") == 0.5
    assert not any(zeros.values())


def test_layers_of_a_model_are_in_its_graph_also_where_an_attribute_holds_them():
    inputs = keras.Input((8,))
    backbone = keras.Model(
        inputs, layers.Dense(8, name="deep")(inputs), name="backbone"
    )

    class Classifier(keras.Model):
        def __init__(self):
            super().__init__(
                backbone.input, layers.Dense(3, name="top")(backbone.output)
            )
            self.backbone = backbone

    model = Classifier()

    assert [path for path, _ in weighted_layers(model)] == ["deep", "top"]
    assert paths(ncl.copy_model(model)) == paths(model)
