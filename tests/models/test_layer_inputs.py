"""The inputs of kernels as rows: with the kernel they give the layer's own outputs."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import (
    KernelLayer,
    channel_axes,
    kernel_layers,
    to_numpy,
)
from nncompress_lab.models.layer_inputs import (
    has_input_rows,
    input_norms,
    input_second_moments,
    layer_inputs,
)
from nncompress_lab.models.patches import einsum_rows, image_patches

pytestmark = pytest.mark.contract


def with_rows(model: keras.Model) -> list[KernelLayer]:
    return [
        layer
        for layer in kernel_layers(model)
        if all(has_input_rows(layer.layer, name) for name in layer.kernel_names)
    ]


def products(layer, kernel_name: str, rows: np.ndarray) -> np.ndarray:
    """`rows @ matrix`, shape `(n, channels)`, by the definition of the matrix view."""
    kernel = to_numpy(getattr(layer, kernel_name))
    channels = channel_axes(layer, kernel_name, kernel.ndim)
    summed = [axis for axis in range(kernel.ndim) if axis not in channels]
    groups = len(rows)
    matrix = kernel.transpose(*summed, *channels).reshape(rows.shape[2], groups, -1)
    return np.einsum("gnr,rgc->ngc", rows, matrix).reshape(rows.shape[1], -1)


def outputs_by_call(model, chosen, x) -> dict[str, list[np.ndarray]]:
    """What each layer returned, noted by a second way: through its outputs."""
    found = {layer.path: [] for layer in chosen}

    def noting(path, original):
        def call(*args, **kwargs):
            outputs = original(*args, **kwargs)
            found[path].append(to_numpy(outputs))
            return outputs

        return call

    for layer in chosen:
        layer.layer.__dict__["call"] = noting(layer.path, layer.layer.call)
    model(x, training=False)
    for layer in chosen:
        del layer.layer.__dict__["call"]
    return found


def assert_rows_give_outputs(model: keras.Model, x: np.ndarray) -> None:
    chosen = with_rows(model)
    expected = outputs_by_call(model, chosen, x)
    by_path = {layer.path: layer.layer for layer in chosen}

    for one in layer_inputs(model, chosen, x):
        layer = by_path[one.path]
        if one.kernel_name != "depthwise_kernel":
            computed = products(layer, one.kernel_name, one.rows)
            if layer.bias is not None:
                computed = computed + to_numpy(layer.bias).reshape(-1)
            computed = to_numpy(layer.activation(computed))
            outputs = expected[one.path].pop(0)
            if getattr(layer, "data_format", None) == "channels_first":
                outputs = np.moveaxis(outputs, 1, -1)
            # The sums are taken in another order, in float32.
            np.testing.assert_allclose(
                computed, outputs.reshape(computed.shape), rtol=1e-4, atol=1e-5
            )
    assert not any(expected.values())


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_rows_times_kernel_are_the_outputs_of_every_layer(build):
    model = tiny_models.built(build)

    assert_rows_give_outputs(model, tiny_models.images())


CONVOLUTIONS = (
    layers.Conv2D(5, (3, 2), padding="same"),
    layers.Conv2D(5, 3, strides=2, padding="same"),
    layers.Conv2D(5, 2, strides=3, padding="same"),
    layers.Conv2D(5, 3, strides=(2, 2)),
    layers.Conv2D(5, 2, dilation_rate=(2, 3), padding="same"),
    layers.Conv2D(6, 3, groups=3, strides=2, padding="same"),
    layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
    layers.DepthwiseConv2D(2, dilation_rate=2),
    layers.SeparableConv2D(4, 3, strides=2, padding="same", depth_multiplier=2),
    layers.Conv2DTranspose(5, 3, strides=2, padding="same"),
    layers.Conv2DTranspose(5, (2, 3), strides=2, padding="valid"),
    layers.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=0),
)


@pytest.mark.parametrize(
    "layer", CONVOLUTIONS, ids=lambda one: f"{type(one).__name__}-{one.name}"
)
def test_strides_padding_dilation_and_groups_are_those_of_the_layer(layer):
    # A fresh layer each time: the one in the list is never built.
    layer = type(layer).from_config(layer.get_config())
    model = keras.Sequential([keras.Input((9, 10, 3)), layer])

    assert_rows_give_outputs(model, np.random.default_rng(0).normal(size=(2, 9, 10, 3)))


@pytest.mark.parametrize("padding", ["causal", "same", "valid"])
def test_one_dimension_and_causal_padding(padding):
    model = keras.Sequential(
        [
            keras.Input((12, 3)),
            layers.Conv1D(4, 3, padding=padding, dilation_rate=2),
            layers.Conv1D(4, 2, padding=padding, strides=2, groups=2),
        ]
    )

    assert_rows_give_outputs(model, np.random.default_rng(0).normal(size=(2, 12, 3)))


def test_a_layer_inside_a_wrapper_is_seen_each_time_it_runs():
    dense = layers.Dense(4, name="dense")
    model = keras.Sequential([keras.Input((3, 5)), layers.TimeDistributed(dense)])

    inputs = list(layer_inputs(model, kernel_layers(model), np.ones((2, 3, 5))))

    assert [one.rows.shape for one in inputs] == [(1, 2, 5)] * 3


def test_einsum_axes_in_input_kernel_and_output_make_groups():
    model = keras.Sequential(
        [
            keras.Input((3, 4)),
            layers.EinsumDense("abc,bcd->abd", (3, 5)),
            layers.EinsumDense("...x,xy->...y", 2),
        ]
    )
    grouped, plain = kernel_layers(model)
    x = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32)

    first, second = layer_inputs(model, [grouped, plain], x)

    assert first.rows.shape == (3, 6, 4)
    assert second.rows.shape == (1, 18, 5)
    expected = grouped.layer(x)
    computed = products(grouped.layer, "kernel", first.rows).reshape(6, 3, 5)
    # The sums are taken in another order, in float32.
    np.testing.assert_allclose(computed, to_numpy(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("equation", ["abc,cdb->abd", "abc,cd->ad", "ab,bcd->ac"])
def test_an_equation_without_rows_is_refused(equation):
    with pytest.raises(ValueError, match="must be summed over letters of the input"):
        einsum_rows(np.ones((2, 3, 4)), equation)


def test_an_embedding_has_no_rows():
    model = tiny_models.every_layer()

    with pytest.raises(ValueError, match=r"embedding \(Embedding\) cannot be written"):
        list(layer_inputs(model, kernel_layers(model), tiny_models.images()))


def test_the_model_is_left_as_it_was():
    model = tiny_models.transformer()
    before = tiny_models.weights_of(model)

    list(layer_inputs(model, with_rows(model), tiny_models.images()))

    assert not any("call" in vars(layer.layer) for layer in kernel_layers(model))
    for one, other in zip(before, tiny_models.weights_of(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_model_is_left_as_it_was_when_it_fails():
    model = tiny_models.sequential()

    with pytest.raises(Exception):  # noqa: B017, PT011 (each backend has its own)
        list(layer_inputs(model, with_rows(model), np.ones((2, 3))))

    assert not any("call" in vars(layer.layer) for layer in kernel_layers(model))


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_moments_sum_over_batches_and_calls_and_their_diagonal_are_the_norms(build):
    model, x = tiny_models.built(build), tiny_models.images(5)
    chosen = with_rows(model)
    rows = {}
    for one in layer_inputs(model, chosen, x):
        key = one.path, one.kernel_name
        rows.setdefault(key, []).append(one.rows.astype(np.float64))

    moments = input_second_moments(model, chosen, x, batch_size=2)
    norms = input_norms(model, chosen, x, batch_size=2)

    for (path, name), parts in rows.items():
        whole = np.concatenate(parts, axis=1)
        moment = moments[path][name]
        # Each batch is multiplied in float32.
        expected = whole.transpose(0, 2, 1) @ whole
        np.testing.assert_allclose(moment, expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(moment, moment.transpose(0, 2, 1))
        np.testing.assert_allclose(
            norms[path][name] ** 2,
            np.diagonal(expected, axis1=1, axis2=2),
            rtol=1e-4,
            atol=1e-5,
        )


def test_a_kernel_of_size_one_sees_the_pixels_themselves():
    images = np.random.default_rng(0).normal(size=(2, 4, 5, 3))

    rows = image_patches(images, kernel_size=(1, 1), strides=(1, 1), dilation=(1, 1))

    np.testing.assert_array_equal(rows.reshape(images.shape), images)


def test_the_public_context_feeds_it(context):
    model = tiny_models.sequential()

    norms = input_norms(
        model, ncl.select(model, names=("conv",)), context.calibration.x
    )

    assert norms["conv"]["kernel"].shape == (1, 27)
