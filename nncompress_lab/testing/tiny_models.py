"""Small models that together hold every structure and kernel layer that is supported.

All take images of shape (8, 8, 3) and return 4 logits.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from nncompress_lab.data.datasets import Data
from nncompress_lab.passes import Context

IMAGE = (8, 8, 3)
CLASSES = 4


def sequential() -> keras.Model:
    """A convolution, pooling, and two Dense layers with dropout between."""
    return keras.Sequential(
        [
            keras.Input(IMAGE),
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="relu", name="hidden"),
            layers.Dense(CLASSES, name="logits"),
        ],
        name="sequential",
    )


def residual() -> keras.Model:
    """Two convolutions with normalization, and a branch around the second."""
    image = keras.Input(IMAGE)
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU()(x)
    y = layers.Conv2D(6, 3, padding="same", name="conv")(x)
    y = layers.BatchNormalization(name="conv_bn")(y)
    x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(x), name="residual")


def shared() -> keras.Model:
    """One convolution, used twice."""
    image = keras.Input(IMAGE)
    conv = layers.Conv2D(3, 3, padding="same", activation="relu", name="twice")
    x = layers.Flatten()(conv(conv(image)))
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(x), name="shared")


def nested() -> keras.Model:
    """A functional and a sequential model inside a model."""
    inner_input = keras.Input(IMAGE)
    x = layers.Conv2D(5, 3, name="conv")(inner_input)
    inner = keras.Model(inner_input, layers.ReLU()(x), name="features")
    head = keras.Sequential(
        [layers.Flatten(), layers.Dense(CLASSES, name="logits")], name="head"
    )
    image = keras.Input(IMAGE)
    return keras.Model(image, head(inner(image)), name="nested")


def depthwise() -> keras.Model:
    """Depthwise, separable and grouped convolutions."""
    image = keras.Input(IMAGE)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(image)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.SeparableConv2D(8, 3, name="separable")(x)
    x = layers.Conv2D(8, 3, groups=2, name="grouped")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(x), name="depthwise")


def transformer() -> keras.Model:
    """Patches, attention and an EinsumDense, with branches around both."""
    image = keras.Input(IMAGE)
    x = layers.Conv2D(12, 4, strides=4, name="patches")(image)
    x = layers.Reshape((4, 12))(x)
    attended = layers.MultiHeadAttention(2, 6, dropout=0.1, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(layers.Add()([x, attended]))
    x = x + layers.EinsumDense("abc,cd->abd", (4, 12), bias_axes="d", name="mlp")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(
        image, layers.Dense(CLASSES, name="logits")(x), name="transformer"
    )


def every_layer() -> keras.Model:
    """The kernel layers that the other models lack."""
    image = keras.Input(IMAGE)
    x = layers.Conv2DTranspose(4, 3, strides=2, name="transpose2d")(image)
    x = layers.Conv2D(2, 2, strides=2, name="conv2d")(x)
    grid = layers.Reshape((4, 4, 4, 2))(x)
    grid = layers.Conv3D(3, 2, name="conv3d")(grid)
    grid = layers.Conv3DTranspose(2, 2, name="transpose3d")(grid)
    row = layers.Reshape((32, 4))(grid)
    row = layers.Conv1D(4, 3, name="conv1d")(row)
    row = layers.Conv1DTranspose(4, 3, name="transpose1d")(row)
    row = layers.DepthwiseConv1D(3, name="depthwise1d")(row)
    row = layers.SeparableConv1D(6, 3, name="separable1d")(row)
    codes = layers.Reshape((64 * 3,))(image)
    codes = layers.Rescaling(9.0)(codes)
    words = layers.Embedding(10, 6, name="embedding")(codes)
    x = layers.Concatenate(axis=1)([row, words])
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(
        image, layers.Dense(CLASSES, name="logits")(x), name="every_layer"
    )


def recurrent() -> keras.Model:
    """Recurrent layers of each kind, on two steps, and layers inside other layers.

    It is not among the `BUILDERS`: their loops take longer than all of those.
    """
    image = keras.Input(IMAGE)
    rows = layers.Reshape((2, 8, 12))(image)
    rows = layers.ConvLSTM1D(2, 3, return_sequences=True, name="conv_lstm")(rows)
    x = layers.TimeDistributed(layers.Flatten())(rows)
    x = layers.TimeDistributed(layers.Dense(6, name="dense"), name="timed")(x)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(x)
    x = layers.LSTM(5, return_sequences=True, name="lstm")(x)
    x = layers.SimpleRNN(6, name="simple")(x)
    codes = layers.Rescaling(9.0)(layers.Reshape((64 * 3,))(image))
    tied = layers.ReversibleEmbedding(10, 6, name="tied")
    x = layers.Add()([x, layers.GlobalAveragePooling1D()(tied(codes))])
    x = tied(x, reverse=True)
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(x), name="recurrent")


BUILDERS = (sequential, residual, shared, nested, depthwise, transformer, every_layer)


def images(count: int = 4) -> npt.NDArray[np.float32]:
    """Random images, the same in each call."""
    return np.random.default_rng(1).random((count, *IMAGE)).astype(np.float32)


def context() -> Context:
    """Random training, validation, calibration and test data for these models."""
    generator = np.random.default_rng(0)

    def data(count: int) -> Data:
        x = generator.random((count, *IMAGE)).astype(np.float32)
        return Data(x, generator.integers(0, CLASSES, count).astype(np.int32))

    return Context(
        train=data(32),
        validation=data(16),
        calibration=data(8),
        test=data(16),
        progress=False,
    )


@contextmanager
def eagerly() -> Iterator[None]:
    """Train without graphs: TensorFlow traces for seconds what takes two steps here.

    Not where a test is about the training of one pass: that has to be traceable.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def randomize_statistics(model: keras.Model) -> keras.Model:
    """Give normalization layers other numbers than their initial ones and zeros."""
    generator = np.random.default_rng(3)
    for variable in model.weights:
        if "kernel" not in variable.path and "embeddings" not in variable.path:
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return model
