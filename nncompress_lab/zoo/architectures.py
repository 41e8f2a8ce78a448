"""The reference models, untrained: functional Keras models of ordinary layers.

Each takes images of shape `(28, 28, 1)` in `[0, 1]` and returns ten logits.
"""

from typing import Any

import keras
from keras import layers

IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10


def lenet_300_100() -> keras.Model:
    """Two hidden Dense layers, 266,610 parameters (LeCun et al. 1998, section III)."""
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = layers.Flatten(name="flatten")(image)
    x = layers.Dense(300, activation="relu", name="dense1")(x)
    x = layers.Dense(100, activation="relu", name="dense2")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="lenet_300_100")


def lenet5() -> keras.Model:
    """Caffe's LeNet-5, 431,080 parameters: the form that compression papers use."""
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = layers.Conv2D(20, 5, name="conv1")(image)
    x = layers.MaxPooling2D(name="pool1")(x)
    x = layers.Conv2D(50, 5, name="conv2")(x)
    x = layers.MaxPooling2D(name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(500, activation="relu", name="dense1")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="lenet5")


def resnet20(*, width: int = 16) -> keras.Model:
    """ResNet-20 for small images (He et al. 2016, section 4.2).

    Args:
        width: Filters of the first stage; the next two have twice and four times as
            many. The paper's network has 16.
    """
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = _conv_bn_relu(image, width, name="stem")
    for stage in range(3):
        for block in range(3):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _residual(x, width * 2**stage, stride, name=f"stage{stage}_{block}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="resnet20")


def mobilenet_small() -> keras.Model:
    """Depthwise-separable blocks as in MobileNet (Howard et al. 2017, section 3.1)."""
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = _conv_bn_relu(image, 16, name="stem")
    blocks = (
        (32, 2),
        (64, 1),
        (64, 1),
        (128, 2),
        (128, 1),
        (128, 1),
        (256, 1),
        (256, 1),
    )
    for index, (filters, stride) in enumerate(blocks):
        name = f"block{index}"
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
        )(x)
        x = layers.BatchNormalization(name=f"{name}_depthwise_bn")(x)
        x = layers.ReLU(name=f"{name}_depthwise_relu")(x)
        x = _conv_bn_relu(x, filters, kernel_size=1, name=f"{name}_pointwise")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="mobilenet_small")


def vit_tiny(
    *, dim: int = 64, depth: int = 4, heads: int = 4, mlp_dim: int = 128
) -> keras.Model:
    """A transformer encoder on 4x4 patches (Dosovitskiy et al. 2021, section 3.1).

    Positions come from a depthwise convolution over the 7x7 grid of patches (Chu et al.,
    "Conditional Positional Encodings for Vision Transformers", 2021, section 3), so the
    model needs no layer beyond Keras's own.

    Args:
        dim: Width of a token, divisible by `heads`.
        depth: Encoder blocks.
        heads: Attention heads a block.
        mlp_dim: Hidden units of a block's MLP.
    """
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = layers.Conv2D(dim, 4, strides=4, name="patches")(image)
    position = layers.DepthwiseConv2D(3, padding="same", name="position")(x)
    x = layers.Add(name="with_position")([x, position])
    x = layers.Reshape((-1, dim), name="tokens")(x)
    for block in range(depth):
        x = _encoder_block(x, dim, heads, mlp_dim, name=f"block{block}")
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="vit_tiny")


def _conv_bn_relu(
    x: Any, filters: int, *, kernel_size: int = 3, strides: int = 1, name: str
) -> Any:
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _residual(x: Any, filters: int, stride: int, *, name: str) -> Any:
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = layers.Conv2D(
            filters, 1, strides=stride, use_bias=False, name=f"{name}_shortcut"
        )(x)
        shortcut = layers.BatchNormalization(name=f"{name}_shortcut_bn")(shortcut)
    x = _conv_bn_relu(x, filters, strides=stride, name=f"{name}_conv1")
    x = layers.Conv2D(
        filters,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv2",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_conv2_bn")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_relu")(x)


def _encoder_block(x: Any, dim: int, heads: int, mlp_dim: int, *, name: str) -> Any:
    normed = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm1")(x)
    attended = layers.MultiHeadAttention(heads, dim // heads, name=f"{name}_attention")(
        normed, normed
    )
    x = layers.Add(name=f"{name}_add1")([x, attended])
    normed = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm2")(x)
    hidden = layers.Dense(mlp_dim, activation="gelu", name=f"{name}_mlp1")(normed)
    hidden = layers.Dense(dim, name=f"{name}_mlp2")(hidden)
    return layers.Add(name=f"{name}_add2")([x, hidden])
