"""What Keras quantized itself is copied whole, and no pass takes it for floats."""

from functools import cache

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, kernel_names

INPUTS = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")


def quantized(mode):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.EinsumDense("ab,bc->ac", (16,), bias_axes="c"),
            layers.Dense(3),
        ]
    )
    model.layers[1].moving_variance.assign(np.linspace(0.05, 0.5, 16))
    for layer in model.layers:
        if kernel_names(layer):
            layer.quantize(mode)
    return model


def with_lora(model):
    generator = np.random.default_rng(1)
    for layer in model.layers:
        if kernel_names(layer):
            layer.enable_lora(2)
            for factor in layer.lora_kernel_a, layer.lora_kernel_b:
                factor.assign(generator.normal(size=factor.shape))
    return model


MODELS = {
    "int8": lambda: quantized("int8"),
    "int4": lambda: quantized("int4"),
    "float8": lambda: quantized("float8"),
    "int8 and LoRA": lambda: with_lora(quantized("int8")),
}


@cache
def model_of(kind):
    """One model for all passes, since none may change it."""
    return MODELS[kind]()


TAKES = (
    ncl.copy_model,
    ncl.FoldBatchNorm(),
    ncl.MagnitudePruning(sparsity=0.5),
    ncl.LowRank(rank=2),
    ncl.ChannelPruning(sparsity=0.5),
)


@pytest.mark.parametrize(
    ("kind", "take"),
    # A copy of each, by which every pass begins, and each pass on two kinds in turn.
    [
        (kind, take)
        for number, kind in enumerate(MODELS)
        for place, take in enumerate(TAKES)
        if take is ncl.copy_model or (number + place) % 2
    ],
    ids=lambda one: getattr(one, "__name__", None) or getattr(one, "label", one),
)
def test_what_keras_quantized_computes_the_same_after_every_pass(kind, take):
    model = model_of(kind)

    assert not any(layer.is_float for layer in kernel_layers(model))
    np.testing.assert_array_equal(
        take(model)(INPUTS, training=False), model(INPUTS, training=False)
    )


@keras.saving.register_keras_serializable("test_keras_quantized")
class Inside(layers.Layer):
    """Its configuration tells nothing of what Keras does to the layers in it."""

    def build(self, shape):
        self.first = layers.Dense(8, name="first")
        self.attention = layers.MultiHeadAttention(2, 4, name="attention")
        self.first.build(shape)
        self.attention.build(shape, shape)

    def call(self, inputs):
        hidden = self.first(inputs)
        return self.attention(hidden, hidden)


def attention():
    tokens = keras.Input((4, 8))
    mixed = layers.MultiHeadAttention(2, 4)(tokens, tokens)
    return keras.Model(tokens, layers.Dense(3)(mixed))


def own_layer():
    return keras.Sequential([keras.Input((4, 8)), Inside(), layers.Dense(3)])


def enable_lora(model):
    for layer in model._flatten_layers():
        if kernel_names(layer):
            layer.enable_lora(2)
            layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize(
    ("make", "mode"), [(attention, "float8"), (attention, "LoRA"), (own_layer, "int8")]
)
def test_what_keras_quantized_inside_a_layer_is_copied_whole(make, mode, tmp_path):
    keras.utils.set_random_seed(0)
    model, tokens = make(), INPUTS.reshape(4, 4, 8)
    enable_lora(model) if mode == "LoRA" else model.quantize(mode)

    copy = ncl.MagnitudePruning(sparsity=0.5)(model)

    expected = model(tokens, training=False)
    np.testing.assert_array_equal(copy(tokens, training=False), expected)
    if make is attention:  # Keras itself loads no such own layer
        ncl.pack(copy, tmp_path / "copy.ncz")
        back = ncl.unpack(tmp_path / "copy.ncz")
        np.testing.assert_array_equal(back(tokens, training=False), expected)


TOKENS = np.random.default_rng(2).integers(1, 9, (4, 6)).astype("int32")


def calibrated(mode, *, everywhere=False):
    """A language model of one block, quantized by Keras with sample sentences."""
    keras.utils.set_random_seed(0)
    tokens = keras.Input((6,), dtype="int32")
    embedding = layers.Embedding(9, 8, name="embedding")
    block = keras.Sequential(
        [keras.Input((6, 8)), layers.Dense(8, activation="relu", name="inside")],
        name="block",
    )
    outputs = layers.Dense(9, name="outside")(block(embedding(tokens)))
    model = keras.Model(tokens, outputs)
    config = {"gptq": keras.quantizers.GPTQConfig, "awq": keras.quantizers.AWQConfig}
    model.quantize(
        mode,
        config=config[mode](
            dataset=[TOKENS[:1]],
            tokenizer=lambda sentence: sentence,
            num_samples=1,
            sequence_length=6,
            group_size=8,
            quantization_layer_structure={
                "pre_block_layers": [embedding],
                "sequential_blocks": [block],
            },
        ),
        filters=None if everywhere else ["inside"],
    )
    return model


@pytest.fixture(scope="module", params=["gptq", "awq"])
def of_keras(request):
    with tiny_models.eagerly():
        return request.param, calibrated(request.param)


@pytest.mark.parametrize(
    "take",
    [ncl.copy_model, ncl.dequantized, ncl.FoldBatchNorm(), ncl.ChannelPruning(0.5)],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
def test_what_keras_calibrated_is_copied_with_its_integers(of_keras, take):
    _, model = of_keras

    np.testing.assert_array_equal(
        take(model)(TOKENS, training=False), model(TOKENS, training=False)
    )


def test_passes_treat_the_floats_beside_what_keras_calibrated(of_keras):
    _, model = of_keras

    small = ncl.UniformQuantization(bits=4, select=ncl.Selection(names=("outside",)))
    result = small(model)

    assert [one.is_float for one in kernel_layers(result)] == [True, False, False]
    report = ncl.compare(
        model, result, data=(TOKENS, TOKENS), latency=False, names=("before", "after")
    )
    assert len(report.stages) == 2


def test_a_file_that_keras_could_not_load_is_not_written(of_keras, tmp_path):
    mode, model = of_keras
    files = {
        "m.keras": ncl.save_model,
        "m.ncz": ncl.pack,
        "m.onnx": ncl.export,
    }

    for name, write in files.items():
        with pytest.raises(ncl.UnsupportedModelError, match=rf"'inside'.*{mode}"):
            write(model, tmp_path / name)

    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of layers that Keras skips
@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_a_layer_that_waits_for_its_calibration_is_named(mode):
    model = calibrated(mode, everywhere=True)

    with pytest.raises(
        ncl.UnsupportedModelError, match=r"'outside'.*was not calibrated.*filters"
    ):
        ncl.copy_model(model)
