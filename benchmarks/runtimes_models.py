"""What `benchmarks/runtimes.py` races: models, and what each technique makes of them."""

from collections.abc import Callable

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab.zoo import architectures

CALIBRATION = 200
BLOCKS = {"granularity": "per_group", "group_size": 32}
FLOATS = "float32"
TECHNIQUES: dict[str, ncl.Pass] = {
    FLOATS: ncl.pipeline(),
    "8-bit weights": ncl.UniformQuantization(bits=8),
    "8-bit weights and activations": ncl.pipeline(
        ncl.FoldBatchNorm(),
        ncl.UniformQuantization(bits=8),
        ncl.ActivationQuantization(),
    ),
    "4-bit weights, blocks of 32": ncl.UniformQuantization(bits=4, **BLOCKS),
    "2-bit weights, blocks of 32": ncl.UniformQuantization(bits=2, **BLOCKS),
    "codebook of 16": ncl.CodebookQuantization(bits=4),
    "90 % zeros": ncl.MagnitudePruning(sparsity=0.9, scope="layer", select="*"),
    "half of the channels": ncl.ChannelPruning(sparsity=0.5),
    "low rank, 1/8 of the rank": ncl.LowRank(rank=1 / 8),
    "Tucker-2, half of the MACs": ncl.Factorization("tucker2", macs=0.5),
}
# What a runtime makes of the float32 model by itself.
CONVERTED = {"LiteRT dynamic": "dynamic", "LiteRT int8": "int8"}
BRAIN_FLOATS = "OpenVINO in bf16"


def perceptron() -> keras.Model:
    """Two hidden layers of 2048 units, untrained."""
    image = keras.Input(architectures.IMAGE_SHAPE)
    x = keras.layers.Flatten()(image)
    for _ in range(2):
        x = keras.layers.Dense(2048, activation="relu")(x)
    return keras.Model(image, keras.layers.Dense(10)(x), name="perceptron")


# Untrained models have no accuracy; their shapes show what wide layers gain.
TRAINED = ("lenet5", "resnet20", "mobilenet_small", "vit_tiny")
UNTRAINED: dict[str, Callable[[], keras.Model]] = {
    "perceptron_2048": perceptron,
    "resnet20_twice_as_wide": lambda: architectures.resnet20(width=32),
    "resnet20_four_times_as_wide": lambda: architectures.resnet20(width=64),
    "mobilenet_v2_224": lambda: keras.applications.MobileNetV2(weights=None),
}


def build(name: str) -> keras.Model:
    """The model of a name."""
    return getattr(ncl.zoo, name)() if name in TRAINED else UNTRAINED[name]()


def images(model: keras.Model, count: int) -> np.ndarray:
    """Inputs to calibrate with: training images if they fit, else noise in [-1, 1]."""
    shape = model.input_shape[1:]
    if shape == architectures.IMAGE_SHAPE:
        return ncl.data.fashion_mnist().train.x[:count]
    noise = np.random.default_rng(0).uniform(-1, 1, (count, *shape))
    return noise.astype(np.float32)
