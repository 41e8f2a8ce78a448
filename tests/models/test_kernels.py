"""Which layers have kernels, where they are, and which of their axes are outputs."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

from nncompress_lab.models.kernels import (
    KERNELS,
    Skip,
    channel_axes,
    kernel_layers,
    kernel_names,
    kernel_shape,
    kernel_variables,
    other_variables,
    own_variables,
    reason_without_kernel,
    to_numpy,
    walk,
    weighted_layers,
)


def built(layer: keras.Layer, *shape: int) -> keras.Layer:
    layer.build((None, *shape))
    return layer


def paths(model: keras.Model) -> list[str]:
    return [path for path, _ in walk(model)]


def kernel_paths(model: keras.Model) -> list[str]:
    return [layer.path for layer in kernel_layers(model)]


# walk


def test_walk_enters_nested_models():
    found = paths(tiny_models.nested())

    assert {"features", "features/conv", "head", "head/logits"} <= set(found)


@pytest.mark.parametrize("build", [tiny_models.nested, tiny_models.transformer])
def test_walk_gives_a_layer_before_the_layers_inside_it(build):
    found = paths(build())

    inner = [path for path in found if "/" in path]
    for path in inner:
        assert found.index(path.rpartition("/")[0]) < found.index(path)


def test_walk_enters_attention():
    found = paths(tiny_models.transformer())

    assert {"attention", "attention/query", "attention/attention_output"} <= set(found)


def test_walk_enters_wrappers():
    wrapped = layers.TimeDistributed(layers.Dense(2, name="inner"), name="outer")
    model = keras.Sequential([keras.Input((3, 4)), wrapped])

    assert {"outer", "outer/inner"} <= set(paths(model))


def test_walk_gives_a_shared_layer_once():
    assert paths(tiny_models.shared()).count("twice") == 1


def test_walk_gives_a_layer_shared_across_levels_under_its_first_path():
    dense = layers.Dense(3, name="dense")
    inner = keras.Sequential([keras.Input((3,)), dense], name="inner")
    image = keras.Input((3,))
    model = keras.Model(image, inner(dense(image)))

    assert [path for path, layer in walk(model) if layer is dense] == ["dense"]


@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_the_paths_of_a_model_are_all_different(build):
    found = paths(build())

    assert len(set(found)) == len(found)


@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_every_weight_of_a_model_belongs_to_exactly_one_walked_layer(build):
    model = tiny_models.built(build)

    owned = [id(one) for _, layer in walk(model) for one in own_variables(layer)]

    assert sorted(owned) == sorted(id(variable) for variable in model.weights)


# kernel layers


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (tiny_models.sequential, ["conv", "hidden", "logits"]),
        (tiny_models.residual, ["stem", "conv", "logits"]),
        (tiny_models.shared, ["twice", "logits"]),
        (tiny_models.nested, ["features/conv", "head/logits"]),
        (
            tiny_models.transformer,
            [
                "patches",
                "attention/query",
                "attention/key",
                "attention/value",
                "attention/attention_output",
                "mlp",
                "logits",
            ],
        ),
    ],
)
def test_the_kernel_layers_come_in_the_order_of_the_model(build, expected):
    assert kernel_paths(build()) == expected


def test_the_tiny_models_hold_every_layer_of_the_table():
    found = {
        layer.type_name
        for build in (*tiny_models.BUILDERS, tiny_models.recurrent)
        for layer in kernel_layers(tiny_models.built(build))
    }

    assert found == set(KERNELS)


@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_no_bias_and_no_normalization_weight_is_a_kernel(build):
    names = {
        variable.name
        for layer in kernel_layers(tiny_models.built(build))
        for variable in kernel_variables(layer.layer)
    }

    kernels = {"kernel", "depthwise_kernel", "pointwise_kernel", "embeddings"}
    assert names <= kernels


def test_a_separable_convolution_has_two_kernels():
    layer = built(layers.SeparableConv2D(8, 3, depth_multiplier=2), 8, 8, 3)

    shapes = [kernel_shape(layer, name) for name in kernel_names(layer)]

    assert shapes == [(3, 3, 3, 2), (1, 1, 6, 8)]


def test_the_size_of_a_layer_counts_the_weights_of_all_its_kernels():
    layer = next(
        layer
        for layer in kernel_layers(tiny_models.depthwise())
        if layer.path == "separable"
    )

    assert layer.size == 3 * 3 * 6 * 1 + 6 * 8  # six channels in, eight out


def test_kernel_names_of_a_subclass_are_those_of_the_keras_layer():
    class Mine(layers.Dense):
        pass

    assert kernel_names(built(Mine(2), 3)) == ("kernel",)


def test_a_class_that_merely_is_called_dense_has_no_kernel():
    class Dense(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2), name="kernel")

    assert kernel_names(built(Dense(), 3)) == ()


@pytest.mark.parametrize(
    "layer", [layers.BatchNormalization(), layers.LayerNormalization(), layers.ReLU()]
)
def test_layers_without_a_product_have_no_kernel(layer):
    assert kernel_names(built(layer, 4)) == ()


def test_assigned_arrays_are_read_back():
    layer = kernel_layers(tiny_models.depthwise())[1]
    arrays = [np.full(array.shape, 0.5, array.dtype) for array in layer.arrays()]

    layer.assign(arrays)

    for array in layer.arrays():
        np.testing.assert_array_equal(array, 0.5)


def test_arrays_are_copies():
    layer = kernel_layers(tiny_models.sequential())[0]
    before = layer.arrays()[0]

    layer.arrays()[0][:] = 0

    np.testing.assert_array_equal(layer.arrays()[0], before)


def test_an_array_does_not_follow_its_variable():
    variable = keras.Variable(np.zeros(3, np.float32))
    array = to_numpy(variable)

    variable.assign(np.ones(3, np.float32))

    np.testing.assert_array_equal(array, 0)


def test_assigning_too_few_arrays_is_refused():
    layer = kernel_layers(tiny_models.depthwise())[1]

    with pytest.raises(ValueError, match="zip"):
        layer.assign(layer.arrays()[:1])


def test_an_ordinary_kernel_is_float():
    assert kernel_layers(tiny_models.sequential())[0].is_float


def test_a_kernel_with_lora_is_not_a_plain_float_variable():
    model = tiny_models.sequential()
    model.get_layer("hidden").enable_lora(2)

    assert [layer.is_float for layer in kernel_layers(model)] == [True, False, True]


# own_variables, other_variables, weighted_layers


def test_own_variables_leave_out_those_of_inner_layers():
    assert own_variables(tiny_models.transformer().get_layer("attention")) == []


def test_own_variables_of_a_layer_are_its_weights():
    layer = tiny_models.sequential().get_layer("conv")

    assert [variable.name for variable in own_variables(layer)] == ["kernel", "bias"]


def test_own_variables_of_a_nested_model_are_those_of_none():
    assert own_variables(tiny_models.nested().get_layer("features")) == []


def test_other_variables_are_the_own_ones_without_the_kernels():
    layer = built(layers.SeparableConv2D(4, 3), 8, 8, 3)

    assert [variable.name for variable in other_variables(layer)] == ["bias"]


def test_all_weights_of_a_normalization_are_other_variables():
    layer = built(layers.BatchNormalization(), 4)

    assert len(other_variables(layer)) == 4  # gamma, beta, mean, variance


def test_weighted_layers_leave_out_layers_without_weights():
    found = [path for path, _ in weighted_layers(tiny_models.residual())]

    assert found == ["stem", "stem_bn", "conv", "conv_bn", "logits"]


# reason_without_kernel


@pytest.mark.parametrize(
    "layer",
    [
        layers.BatchNormalization(),
        layers.LayerNormalization(),
        layers.GroupNormalization(2),
        layers.PReLU(),
    ],
)
def test_normalizations_are_never_touched(layer):
    assert reason_without_kernel(layer) is Skip.NO_KERNEL


def test_a_recurrent_layer_is_not_supported():
    assert reason_without_kernel(layers.LSTM(2)) is Skip.NOT_SUPPORTED


# channel_axes


@pytest.mark.parametrize(
    ("layer", "inputs", "expected"),
    [
        (layers.Dense(5), (3,), (1,)),
        (layers.Conv1D(5, 2), (8, 3), (2,)),
        (layers.Conv2D(5, 2), (8, 8, 3), (3,)),
        (layers.Conv2D(4, 2, groups=2), (8, 8, 6), (3,)),
        (layers.Conv3D(5, 2), (8, 8, 8, 3), (4,)),
        (layers.Conv1DTranspose(5, 2), (8, 3), (1,)),
        (layers.Conv2DTranspose(5, 2), (8, 8, 3), (2,)),
        (layers.Conv3DTranspose(5, 2), (8, 8, 8, 3), (3,)),
        (layers.DepthwiseConv1D(2, depth_multiplier=5), (8, 3), (1, 2)),
        (layers.DepthwiseConv2D(2, depth_multiplier=5), (8, 8, 3), (2, 3)),
        (layers.EinsumDense("ab,bc->ac", (5,)), (3,), (1,)),
        (layers.EinsumDense("ab,cb->ac", (5,)), (3,), (0,)),
        (layers.EinsumDense("abc,cde->abde", (None, 2, 5)), (4, 3), (1, 2)),
        (layers.EinsumDense("abde,dec->abc", (None, 3)), (4, 2, 5), (2,)),
        (layers.EinsumDense("...x,xy->...y", (5,)), (4, 3), (1,)),
    ],
    ids=lambda one: getattr(one, "equation", getattr(one, "name", None)),
)
def test_channel_axes_are_the_axes_that_are_not_summed_over(layer, inputs, expected):
    kernel = built(layer, *inputs).kernel

    assert channel_axes(layer, "kernel", len(kernel.shape)) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("depthwise_kernel", (2, 3)), ("pointwise_kernel", (3,))]
)
def test_the_kernels_of_a_separable_convolution_have_their_own_axes(name, expected):
    layer = built(layers.SeparableConv2D(5, 3), 8, 8, 3)

    assert channel_axes(layer, name, 4) == expected


def test_the_rows_of_an_embedding_count_as_outputs():
    assert channel_axes(built(layers.Embedding(10, 4)), "embeddings", 2) == (0,)


def outputs_that_change(layer: keras.Layer, images: np.ndarray, axis: int) -> int:
    """How many output channels react to the first slice of an axis of the kernel."""
    before = to_numpy(layer(images))
    kernel = to_numpy(layer.kernel)
    np.moveaxis(kernel, axis, 0)[0] += 1
    layer.kernel.assign(kernel)
    changed = to_numpy(layer(images)) != before
    return int(changed.any(axis=tuple(range(changed.ndim - 1))).sum())


@pytest.mark.parametrize(
    ("layer", "changed"),
    [
        (layers.Dense(5), 1),
        (layers.Conv2D(5, 2), 1),
        (layers.Conv2DTranspose(5, 2), 1),
        # One of its two axes counts the three inputs, and five outputs belong to each.
        (layers.DepthwiseConv2D(2, depth_multiplier=5), 5),
    ],
    ids=lambda one: getattr(one, "name", None),
)
def test_a_slice_along_a_channel_axis_reaches_only_its_own_outputs(layer, changed):
    images = tiny_models.images(2) + 1
    kernel = built(layer, *tiny_models.IMAGE).kernel
    axis = channel_axes(layer, "kernel", len(kernel.shape))[0]

    assert outputs_that_change(layer, images, axis) == changed


def test_a_dense_subclass_called_embedding_has_the_channel_axis_of_dense():
    class Embedding(layers.Dense):  # say, of the patches of an image
        pass

    layer = built(Embedding(5), 3)

    assert channel_axes(layer, "kernel", 2) == (1,)
