"""What Keras quantized itself is copied whole, and no pass takes it for floats."""

import keras
import numpy as np
import pytest
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


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize(
    "take",
    [
        ncl.copy_model,
        ncl.FoldBatchNorm(),
        ncl.MagnitudePruning(sparsity=0.5),
        ncl.LowRank(rank=2),
        ncl.ChannelPruning(sparsity=0.5),
    ],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
def test_what_keras_quantized_computes_the_same_after_every_pass(make, take):
    model = make()

    assert not any(layer.is_float for layer in kernel_layers(model))
    np.testing.assert_array_equal(
        take(model)(INPUTS, training=False), model(INPUTS, training=False)
    )
