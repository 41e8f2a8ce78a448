"""The graph of a model: calls in order, and who makes and who uses a tensor."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.graph import ModelGraph, maker

IMAGE = (4,)


def names(nodes) -> list[str]:
    return [node.operation.name for node in nodes]


@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_every_call_comes_after_those_it_uses(build):
    graph = ModelGraph(tiny_models.built(build))
    known = {id(tensor) for tensor in graph.inputs}

    for node in graph.nodes:
        assert {id(tensor) for tensor in node.inputs} <= known
        known |= {id(tensor) for tensor in node.outputs}
        assert all(maker(tensor) is node.operation for tensor in node.outputs)

    assert {id(tensor) for tensor in graph.outputs} <= known


def test_a_sequential_model_has_the_calls_of_its_layers():
    model = tiny_models.sequential()

    assert names(ModelGraph(model).nodes) == [layer.name for layer in model.layers]


def test_an_inner_model_is_one_call():
    graph = ModelGraph(tiny_models.nested())

    assert names(graph.nodes) == ["features", "head"]
    assert names(ModelGraph(graph.nodes[0].operation).nodes)[0] == "conv"


def test_a_shared_layer_is_called_twice_and_its_first_call_has_one_user():
    model = tiny_models.shared()
    graph = ModelGraph(model)
    first, second = graph.calls_of(model.get_layer("twice"))

    assert graph.only_user(first) is second
    assert second.inputs[0] is first.outputs[0]


def test_what_an_addition_shares_with_a_layer_has_two_users():
    model = tiny_models.residual()
    graph = ModelGraph(model)
    norm = graph.calls_of(model.get_layer("conv_bn"))[0]
    relu = graph.calls_of(model.layers[3])[0]

    add = graph.only_user(norm)

    assert isinstance(add.operation, layers.Add)
    assert names(graph.users(relu.outputs[0])) == ["conv", add.operation.name]
    assert graph.only_user(relu) is None


def test_a_call_that_uses_a_tensor_twice_is_one_user():
    image = keras.Input(IMAGE)
    hidden = layers.Dense(3, name="hidden")(image)
    graph = ModelGraph(keras.Model(image, layers.Add(name="add")([hidden, hidden])))

    assert names(graph.users(hidden)) == ["add"]
    assert graph.only_user(graph.nodes[0]) is graph.nodes[1]


def test_an_output_of_the_model_has_no_only_user():
    image = keras.Input(IMAGE)
    hidden = layers.Dense(3)(image)
    graph = ModelGraph(keras.Model(image, {"a": hidden, "b": layers.ReLU()(hidden)}))

    assert graph.only_user(graph.nodes[0]) is None
    assert [graph.returns(node.outputs[0]) for node in graph.nodes] == [True, True]
    assert not graph.returns(image)


def test_one_of_several_outputs_has_no_only_user():
    image = keras.Input((4, 6))
    sequence, state = layers.GRU(3, return_sequences=True, return_state=True)(image)
    merged = layers.Concatenate()([layers.Flatten()(sequence), state])
    graph = ModelGraph(keras.Model(image, merged))

    assert len(graph.nodes[0].outputs) == 2
    assert graph.only_user(graph.nodes[0]) is None


def test_arguments_have_names_and_take_values():
    image = keras.Input((5, 6))
    attention = layers.MultiHeadAttention(1, 2)
    graph = ModelGraph(keras.Model(image, attention(image, value=image)))
    node = graph.nodes[0]

    assert node.named()["query"] is node.named()["value"] is image
    assert node.filled({id(image): 7}) == ((7,), {"value": 7})


def test_lists_in_arguments_take_values():
    image = keras.Input(IMAGE)
    graph = ModelGraph(keras.Model(image, layers.Concatenate()([image, image])))

    assert graph.nodes[0].filled({id(image): 7}) == (([7, 7],), {})


def test_an_input_comes_from_an_input_layer():
    image = keras.Input(IMAGE, name="image")

    assert maker(image).name == "image"


def test_the_graph_of_a_subclassed_model_is_not_known():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    model = Subclassed(name="mine")
    model(np.ones((1, 3)))

    with pytest.raises(ncl.UnsupportedModelError, match="'mine' is a subclassed model"):
        ncl.ChannelPruning(sparsity=0.5).explain(model)
    with pytest.raises(ncl.UnsupportedModelError, match="'mine' is a subclassed model"):
        ModelGraph(model)
