"""Every quantized layer: what it stores, what it computes, what its file holds."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.attention import ComposedMultiHeadAttention
from nncompress_lab.models.kernels import kernel_layers, kernel_shape
from nncompress_lab.quantization.layers.stored import (
    QUANTIZED,
    QuantizedKernels,
)

pytestmark = pytest.mark.contract

FORMATS = (
    ncl.UniformQuantization(bits=8),
    ncl.UniformQuantization(bits=8, granularity="per_tensor", symmetric=False),
    ncl.UniformQuantization(bits=6),
    ncl.UniformQuantization(bits=4, granularity="per_group", group_size=8),
    ncl.UniformQuantization(bits=2, symmetric=False),
)


@pytest.fixture(scope="module")
def quantized_models() -> list[keras.Model]:
    builders = (*tiny_models.BUILDERS, tiny_models.recurrent)
    return [
        ncl.UniformQuantization(bits=8)(tiny_models.built(build)) for build in builders
    ]


def test_the_tiny_models_hold_every_layer_that_can_be_quantized(quantized_models):
    found = {
        type(layer.layer)
        for model in quantized_models
        for layer in kernel_layers(model)
    }

    assert set(QUANTIZED.values()) - found == set()
    assert any(
        isinstance(layer, ComposedMultiHeadAttention)
        for model in quantized_models
        for layer in model.layers
    )


@pytest.mark.parametrize(
    ("build", "step"),
    tiny_models.in_turn(tiny_models.BUILDERS, FORMATS, each=2),
    ids=lambda one: getattr(one, "label", None) or one.__name__,
)
def test_each_weight_is_at_most_half_a_step_away(build, step):
    model = tiny_models.built(build)
    originals = {layer.path: layer for layer in kernel_layers(model)}

    for layer in kernel_layers(step(model)):
        for name in layer.kernel_names:
            if not isinstance(layer.layer, QuantizedKernels):
                continue  # it would have grown, and stayed as it was
            kernel = getattr(originals[layer.path].layer, name)
            decoded = keras.ops.convert_to_numpy(getattr(layer.layer, name))
            scale = keras.ops.convert_to_numpy(
                layer.layer.stored_kernel(name)["scale"]
            ).max()

            error = np.abs(decoded - keras.ops.convert_to_numpy(kernel)).max()

            # Half a step, and the rounding of float32 products.
            assert error <= scale / 2 * (1 + 1e-4)


@pytest.mark.parametrize("bits", range(2, 9))
def test_integers_below_eight_bits_are_packed_without_gaps(bits):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, name="dense")])

    dense = ncl.UniformQuantization(bits=bits)(model).layers[0]

    assert keras.ops.convert_to_numpy(dense.kernel_q).nbytes == 64 * 32 * bits // 8


def test_integers_do_not_train_and_the_bias_does(quantized_models):
    for model in quantized_models:
        for layer in kernel_layers(model):
            if isinstance(layer.layer, QuantizedKernels):
                names = {variable.name for variable in layer.layer.trainable_variables}
                assert names <= {"bias"}


def test_a_quantized_layer_names_the_class_it_stands_for():
    for kind, quantized in QUANTIZED.items():
        assert issubclass(quantized, kind)
        assert quantized.__name__ == f"Quantized{kind.__name__}"


def test_reading_the_kernel_of_an_unbuilt_layer_says_so():
    dense = QUANTIZED[keras.layers.Dense](4, quantization={"bits": 8}, name="dense")

    # torch's Module answers every AttributeError of a property with its own message.
    torch = keras.backend.backend() == "torch"
    message = "no attribute 'kernel'" if torch else "Build layer 'dense'"

    with pytest.raises(AttributeError, match=message):
        _ = dense.kernel


def test_the_file_holds_integers_and_not_floats(tmp_path: Path):
    model = keras.Sequential([keras.Input((512,)), keras.layers.Dense(512)])

    ncl.UniformQuantization(bits=4)(model).save(tmp_path / "small.keras")

    # 512 x 512 integers of 4 bits are 131 kB, the floats would be 1049 kB. The rest is
    # scales, the bias and the headers of the archive.
    assert (tmp_path / "small.keras").stat().st_size < 160_000


def test_a_kernel_whose_scales_cost_more_than_it_saves_is_left_alone():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(8, name="thin")])
    step = ncl.UniformQuantization(bits=8)

    result = step(model)

    assert step.explain(model) == {"thin": ncl.Skip.WOULD_GROW}
    assert type(result.layers[0]) is keras.layers.Dense


def test_layers_that_cannot_be_replaced_are_named_with_a_reason():
    class OwnDense(keras.layers.Dense):
        pass

    class OwnTimeDistributed(keras.layers.TimeDistributed):
        pass

    model = keras.Sequential(
        [
            keras.Input((6, 5)),
            OwnTimeDistributed(keras.layers.Dense(8, name="inner"), name="td"),
            OwnDense(8, name="own"),
            keras.layers.Reshape((6, 4, 2)),
            keras.layers.ConvLSTM1D(4, 1, name="lstm"),
            keras.layers.Flatten(),
            keras.layers.BatchNormalization(name="bn"),
            keras.layers.Dense(9, name="dense"),
        ]
    )
    step = ncl.UniformQuantization(bits=8)

    result = step(model)

    assert step.explain(model) == {
        "td/inner": ncl.Skip.NOT_REPLACEABLE,
        "own": ncl.Skip.NOT_SUPPORTED,
        "lstm/conv_lstm_cell": None,
        "bn": ncl.Skip.NO_KERNEL,
        "dense": None,
    }
    assert [type(layer).__name__ for layer in result.layers] == [
        "OwnTimeDistributed",
        "OwnDense",
        "Reshape",
        "ConvolutionalRNN",
        "Flatten",
        "BatchNormalization",
        "QuantizedDense",
    ]


def test_quantizing_twice_leaves_the_integers_alone():
    step = ncl.UniformQuantization(bits=8)
    once = step(tiny_models.transformer())

    reasons = set(step.explain(once).values())
    twice = step(once)

    assert None not in reasons
    for one, other in zip(
        tiny_models.weights_of(once), tiny_models.weights_of(twice), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_the_shape_of_a_kernel_is_known_without_decoding(quantized_models):
    for model in quantized_models:
        for layer in kernel_layers(model):
            for name in layer.kernel_names:
                decoded = getattr(layer.layer, name)
                assert kernel_shape(layer.layer, name) == tuple(decoded.shape)
