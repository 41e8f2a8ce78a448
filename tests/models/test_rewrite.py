"""Cloning and copying: the traps that a rewriting engine falls into."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, walk
from nncompress_lab.models.rewrite import REMOVE


def test_a_copy_predicts_the_same_and_shares_nothing():
    model = tiny_models.randomize_statistics(tiny_models.residual())
    images = tiny_models.images()
    expected = keras.ops.convert_to_numpy(model(images))

    copy = ncl.copy_model(model)
    for variable in copy.weights:
        variable.assign(keras.ops.zeros_like(variable))

    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(images)), expected)


def test_copied_weights_survive_the_training_of_their_source():
    # On JAX an assigned variable shares its buffer, which the first `fit` donates.
    source, target = tiny_models.sequential(), tiny_models.sequential()
    ncl.copy_weights(source, target)
    expected = tiny_models.weights_of(target)
    source.compile("sgd", "mse")

    source.fit(tiny_models.images(), np.zeros((4, 4)), verbose=0)

    for one, other in zip(expected, tiny_models.weights_of(target), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_copy_is_not_initialized_and_keeps_its_initializers():
    class Counted(keras.initializers.GlorotUniform):
        calls = 0

        def __call__(self, shape, dtype=None):
            Counted.calls += 1
            return super().__call__(shape, dtype)

    image = keras.Input((4, 4, 2))
    layers = [
        keras.layers.Conv2D(3, 2, kernel_initializer=Counted(seed=5)),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dense(2, kernel_initializer=Counted(seed=6)),
    ]
    model = keras.Sequential([image, *layers])
    assert Counted.calls == 2

    with keras.saving.custom_object_scope({"Counted": Counted}):
        copy = ncl.copy_model(model)

    assert Counted.calls == 2
    assert [one.get_config() for one in copy.layers] == [
        one.get_config() for one in model.layers
    ]
    assert not any("add_weight" in vars(one) for one in copy.layers)
    for one, other in zip(copy.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_a_class_of_ones_own_does_in_its_build_is_overwritten():
    class Doubling(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")
            self.scale.assign([2.0])

        def call(self, inputs):
            return inputs * self.scale

    model = keras.Sequential([keras.Input((1,)), Doubling()])
    model.layers[0].scale.assign([3.0])

    with keras.saving.custom_object_scope({"Doubling": Doubling}):
        copy = ncl.copy_model(model)

    np.testing.assert_array_equal(copy.layers[0].scale, [3.0])


def test_weights_of_different_shapes_are_not_copied():
    a, b = keras.layers.Dense(2, name="a"), keras.layers.Dense(3, name="b")
    a.build((None, 4))
    b.build((None, 4))

    with pytest.raises(ValueError, match=r"'a' with .* and 'b' with"):
        ncl.copy_weights(a, b)


def test_the_copy_of_a_compiled_model_is_not_compiled_and_the_model_still_is():
    model = tiny_models.sequential()
    model.compile("adam", "mse")
    model.fit(tiny_models.images(), np.zeros((4, 4)), verbose=0)

    copy = ncl.copy_model(model)

    assert model.compiled
    assert model.optimizer is not None
    assert not copy.compiled


def test_the_copy_of_a_compiled_inner_model_is_not_compiled():
    inner = tiny_models.sequential()
    inner.compile("adam", "mse")
    image = keras.Input(tiny_models.IMAGE)

    copy = ncl.copy_model(keras.Model(image, inner(image)))

    assert not copy.get_layer("sequential").compiled


def test_each_layer_is_offered_once_even_if_it_is_used_twice():
    offered = []

    def note(layer):
        offered.append(layer.name)

    ncl.rewrite_layers(tiny_models.shared(), note)

    assert offered.count("twice") == 1


def test_a_shared_layer_is_replaced_in_all_its_places():
    model = tiny_models.shared()

    def relu_to_linear(layer):
        if layer.name != "twice":
            return None
        config = {**layer.get_config(), "activation": "linear"}
        linear = keras.layers.Conv2D.from_config(config)
        linear.build_from_config(layer.get_build_config())
        linear.set_weights(layer.get_weights())
        return linear

    result = ncl.rewrite_layers(model, relu_to_linear)

    assert sum(layer.name == "twice" for layer in result.layers) == 1
    assert result.get_layer("twice").activation is keras.activations.linear


def test_inner_models_are_entered_and_stay_inner_models():
    model = tiny_models.nested()

    copy = ncl.copy_model(model)

    assert [path for path, _ in walk(copy)] == [path for path, _ in walk(model)]
    assert isinstance(copy.get_layer("head"), keras.Sequential)


def test_a_removed_layer_passes_its_input_on():
    model = tiny_models.sequential()
    residual = tiny_models.residual()

    def without_activations(layer):
        return REMOVE if isinstance(layer, keras.layers.ReLU) else None

    def without_dropout(layer):
        return REMOVE if isinstance(layer, keras.layers.Dropout) else None

    assert len(ncl.rewrite_layers(model, without_dropout).layers) == (
        len(model.layers) - 1
    )
    assert len(ncl.rewrite_layers(residual, without_activations).layers) == (
        len(residual.layers) - 1
    )


def dense_in_two(layer):
    """A Dense or EinsumDense as two layers with the same product and twice the output."""
    first = type(layer).from_config({**layer.get_config(), "name": f"{layer.name}_a"})
    first.build_from_config(layer.get_build_config())
    ncl.copy_weights(layer, first)
    scale = keras.layers.Rescaling(2.0, name=f"{layer.name}_b")
    scale.build(first.compute_output_shape(layer.get_build_config()["input_shape"]))
    return [first, scale]


@pytest.mark.parametrize("build", [tiny_models.sequential, tiny_models.residual])
def test_a_layer_is_replaced_by_several_that_follow_each_other(build):
    model = build()
    images = tiny_models.images()

    result = ncl.rewrite_layers(
        model, lambda layer: dense_in_two(layer) if layer.name == "logits" else None
    )

    assert [layer.name for layer in result.layers[-2:]] == ["logits_a", "logits_b"]
    np.testing.assert_array_equal(result(images), 2 * np.array(model(images)))


def test_a_shared_layer_is_replaced_by_the_same_several_layers_in_all_its_places():
    def doubled(layer):
        if layer.name != "twice":
            return None
        first = keras.layers.Rescaling(1.0, name="first")
        second = keras.layers.Rescaling(2.0, name="second")
        for one in (first, second):
            one.build((None, *tiny_models.IMAGE))
        return [first, second]

    result = ncl.rewrite_layers(tiny_models.shared(), doubled)

    assert len(result.get_layer("first")._inbound_nodes) == 2
    assert len(result.get_layer("second")._inbound_nodes) == 2


def test_a_projection_of_attention_is_replaced_and_the_file_holds_what_replaced_it(
    tmp_path,
):
    model = tiny_models.transformer()
    names = {"query", "attention_output"}

    result = ncl.rewrite_layers(
        model, lambda layer: dense_in_two(layer) if layer.name in names else None
    )
    result.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = ncl.copy_model(loaded)

    paths = [path for path, _ in walk(result)]
    assert "attention/query/query_a" in paths
    assert "attention/attention_output/attention_output_b" in paths
    images = tiny_models.images()
    assert not np.allclose(result(images), model(images))
    for one in (loaded, again):
        np.testing.assert_array_equal(one(images), result(images))


def test_an_attention_layer_keeps_the_order_of_its_weights():
    model = tiny_models.transformer()

    copy = ncl.copy_model(model)

    assert [one.path for one in copy.weights] == [one.path for one in model.weights]
    assert type(copy.get_layer("attention")) is keras.layers.MultiHeadAttention


def test_a_replacement_must_be_built():
    with pytest.raises(ValueError, match="unbuilt Dense for layer 'logits'"):
        ncl.rewrite_layers(
            tiny_models.sequential(),
            lambda layer: keras.layers.Dense(4) if layer.name == "logits" else None,
        )


def test_frozen_layers_stay_frozen():
    model = tiny_models.sequential()
    model.get_layer("conv").trainable = False
    nested = tiny_models.nested()
    nested.get_layer("features").trainable = False

    assert not ncl.copy_model(model).get_layer("conv").trainable
    assert ncl.copy_model(model).get_layer("hidden").trainable
    assert not ncl.copy_model(nested).get_layer("features").trainable_variables


def test_the_seed_of_dropout_is_copied():
    model = tiny_models.sequential()
    images = tiny_models.images()
    copy = ncl.copy_model(model)

    first = keras.ops.convert_to_numpy(model(images, training=True))
    second = keras.ops.convert_to_numpy(copy(images, training=True))

    np.testing.assert_array_equal(first, second)


def test_the_copy_of_an_adapted_normalization_computes_with_its_statistics():
    scale = keras.layers.Normalization()
    model = keras.Sequential([keras.Input((2,)), scale])
    scale.adapt(np.array([[0.0, 2.0], [2.0, 6.0]]))

    outputs = ncl.copy_model(model)(np.array([[2.0, 2.0]]))

    np.testing.assert_array_equal(keras.ops.convert_to_numpy(outputs), [[1, -1]])


def test_models_with_several_named_inputs_and_outputs_are_copied():
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    both = keras.layers.Concatenate()([left, right])
    outputs = {
        "sum": keras.layers.Dense(1, name="sum")(both),
        "pair": keras.layers.Dense(2, name="pair")(both) * 2.0,
    }
    model = keras.Model({"left": left, "right": right}, outputs)
    x = {"left": np.ones((2, 3)), "right": np.zeros((2, 3))}

    copy = ncl.copy_model(model)

    for name, value in model(x).items():
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(value), keras.ops.convert_to_numpy(copy(x)[name])
        )


class Inner(keras.Model):
    def __init__(self):
        super().__init__(name="inner_one")
        self.dense = keras.layers.Dense(40)

    def call(self, inputs):
        return self.dense(inputs)


def test_an_inner_subclassed_model_is_a_layer_like_others():
    image = keras.Input((4, 30))
    x = Inner()(image)
    model = keras.Model(image, keras.layers.Dense(30, name="logits")(x))
    x = np.ones((2, 4, 30))

    copy = ncl.copy_model(model)
    step = ncl.UniformQuantization(bits=8)
    small = step(ncl.MagnitudePruning(sparsity=0.5)(model))

    np.testing.assert_array_equal(copy.predict_on_batch(x), model.predict_on_batch(x))
    reasons = {
        path.rpartition("/")[2]: why for path, why in step.explain(model).items()
    }
    assert reasons == {"dense": ncl.Skip.NOT_REPLACEABLE, "logits": None}
    pruned, quantized = kernel_layers(small)
    assert (
        np.mean(pruned.arrays()[0] == 0) == np.mean(quantized.arrays()[0] == 0) == 0.5
    )


def test_an_inner_model_that_cannot_be_made_again_is_named():
    class Table(Inner):
        def __init__(self, table):
            super().__init__()
            self.table = table

    image = keras.Input((3,))
    model = keras.Model(image, Table(np.ones(3))(image))

    with pytest.raises(ncl.UnsupportedModelError, match=r"'inner_one' \(Table\)"):
        ncl.copy_model(model)


@keras.saving.register_keras_serializable("test_rewrite")
class Contrastive(keras.Model):
    """Trains in its own way, and is made of a number."""

    def __init__(self, units=4, **settings):
        image = keras.Input((6,))
        super().__init__(image, keras.layers.Dense(units)(image), **settings)
        self.units = units

    def train_step(self, *args):
        return {"steps": 1.0}

    def get_config(self):
        return {"units": self.units, "name": self.name}


class Nameless(Contrastive):
    """Cannot be made again from its `get_config`."""

    def __init__(self, units, twice):
        super().__init__(units * twice)


def test_a_class_with_a_train_step_of_its_own_is_kept():
    model = Contrastive(5)

    pruned = ncl.MagnitudePruning(sparsity=0.5)(model)

    assert type(pruned) is Contrastive
    assert (keras.ops.convert_to_numpy(pruned.weights[0]) == 0).mean() == 0.5
    assert (keras.ops.convert_to_numpy(model.weights[0]) != 0).all()
    pruned.compile("sgd")
    fitted = pruned.fit(np.ones((4, 6)), np.ones((4, 5)), verbose=0)
    assert fitted.history == {"steps": [1.0]}


def test_a_class_that_cannot_be_made_again_becomes_an_ordinary_model():
    model = Nameless(2, 3)

    pruned = ncl.MagnitudePruning(sparsity=0.5)(model)

    assert not isinstance(pruned, Contrastive)
    assert pruned.output_shape == (None, 6)


def test_passes_that_train_do_so_by_the_task_whatever_the_class():
    data = ncl.Data(np.ones((4, 6), "float32"), np.ones((4, 5), "float32"))
    context = ncl.Context(train=data, validation=data, progress=False)
    model = Contrastive(5)

    tuned = ncl.FineTune(epochs=1, learning_rate=0.1)(model, context)

    gaps = [
        abs(keras.ops.convert_to_numpy(one(data.x)) - 1).mean()
        for one in (model, tuned)
    ]
    assert gaps[1] < gaps[0]
