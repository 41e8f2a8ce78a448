"""Small models with one structure each that channels can be followed through."""

from typing import Any

import keras
from keras import layers, ops

IMAGE = (8, 8, 3)


def conv(x: Any, filters: int = 6, *, name: str, **settings: Any) -> Any:
    settings = {"padding": "same", "activation": "relu", **settings}
    return layers.Conv2D(filters, 3, name=name, **settings)(x)


def ended(image: Any, x: Any) -> keras.Model:
    """A model of one image with a classifier on top."""
    if len(x.shape) == 4:
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(4, name="logits")(x))


def concatenation_of_channels() -> keras.Model:
    image = keras.Input(IMAGE)
    a, b = conv(image, 6, name="a"), conv(image, 4, name="b")
    both = layers.BatchNormalization(name="bn")(layers.Concatenate()([a, b]))
    return ended(image, conv(both, name="after"))


def concatenation_added_to_one() -> keras.Model:
    image = keras.Input(IMAGE)
    a, b = conv(image, 6, name="a"), conv(image, 4, name="b")
    c = conv(image, 10, name="c")
    return ended(image, layers.Add()([layers.Concatenate()([a, b]), c]))


def concatenation_of_rows() -> keras.Model:
    image = keras.Input(IMAGE)
    a, b = conv(image, name="a"), conv(image, name="b")
    return ended(image, conv(layers.Concatenate(axis=1)([a, b]), name="after"))


def squeeze_and_excite() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(image, 8, name="a", activation="silu")
    s = layers.GlobalAveragePooling2D()(x)
    s = layers.Reshape((1, 1, 8))(s)
    s = layers.Conv2D(4, 1, activation="silu", name="squeeze")(s)
    s = layers.Conv2D(8, 1, activation="sigmoid", name="excite")(s)
    return ended(image, conv(layers.Multiply()([x, s]), name="after"))


def sigmoid_before_batch_norm() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(image, name="a", activation="sigmoid")
    return ended(image, layers.BatchNormalization(name="bn")(x))


def spatial_attention() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(image, name="a")
    where = conv(x, 1, name="where", activation="sigmoid")
    return ended(image, x * where)


def groups_of_several() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(conv(image, 8, name="a"), 12, name="grouped", groups=4)
    return ended(image, x)


def groups_of_one() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(conv(image, 6, name="a"), 12, name="grouped", groups=6)
    return ended(image, x)


def depth_multiplier() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(image, name="a")
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.SeparableConv2D(8, 3, depth_multiplier=3, name="separable")(x)
    return ended(image, x)


def transposed() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(image, name="a")
    x = layers.Conv2DTranspose(8, 3, strides=2, name="transposed")(x)
    x = layers.PReLU(shared_axes=(1, 2), name="prelu")(x)
    return ended(image, layers.UpSampling2D()(x))


def flattened() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.AveragePooling2D(2)(conv(image, name="a"))
    x = layers.Dense(10, activation="gelu", name="hidden")(layers.Flatten()(x))
    return ended(image, x)


def folded_grid() -> keras.Model:
    """The channels become every third number of a row, of which two rows are one."""
    image = keras.Input(IMAGE)
    x = layers.Reshape((32, 12))(conv(image, 6, name="a"))
    x = layers.Conv1D(8, 3, name="rows")(x)
    return ended(image, layers.GlobalMaxPooling1D()(x))


def instance_norm() -> keras.Model:
    image = keras.Input(IMAGE)
    x = conv(image, name="a")
    x = layers.GroupNormalization(groups=-1, name="norm")(x)
    return ended(image, layers.ZeroPadding2D()(x))


def operations() -> keras.Model:
    image = keras.Input(IMAGE)
    a, b = conv(image, name="a"), conv(image, name="b")
    x = ops.relu(0.5 * a - b) * ops.sigmoid(a + 1.0)
    x = ops.maximum(ops.concatenate([x, a], axis=-1), 0.0)
    return ended(image, x)


def permuted() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.Permute((3, 1, 2))(conv(image, name="a"))
    x = layers.Flatten()(x)
    return ended(image, x)


def repeated() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.GlobalAveragePooling2D()(conv(image, name="a"))
    x = layers.Dense(8, activation="tanh", name="hidden")(layers.RepeatVector(5)(x))
    return ended(image, layers.GlobalAveragePooling1D()(x))


def dropped() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.SpatialDropout2D(0.2)(conv(image, name="a"))
    x = layers.Rescaling(2.0)(layers.LeakyReLU()(x))
    x = layers.Cropping2D(1)(layers.Activation("swish")(x))
    return ended(image, layers.Dropout(0.2)(x))


def shared_twice() -> keras.Model:
    image = keras.Input(IMAGE)
    twice = layers.Conv2D(6, 3, padding="same", name="twice")
    norm = layers.BatchNormalization(name="norm")
    a, b = conv(image, name="a"), conv(image, name="b")
    return ended(image, layers.Add()([norm(twice(a)), norm(twice(b))]))


def nested_twice() -> keras.Model:
    entry = keras.Input((8, 8, 6))
    x = layers.Add()([conv(entry, name="inside"), entry])
    inner = keras.Model(entry, x, name="inner")
    head = keras.Sequential([layers.Flatten(), layers.Dense(7, name="wide")], name="h")
    image = keras.Input(IMAGE)
    x = inner(inner(conv(image, name="a")))
    return ended(image, head(x))


def cross_attention() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.Reshape((64, 6))(conv(image, name="a"))
    y = layers.Reshape((64, 9))(conv(image, 9, name="b"))
    attend = layers.MultiHeadAttention(
        4, 5, output_shape=8, use_bias=False, name="attention"
    )
    return ended(image, layers.GlobalAveragePooling1D()(attend(x, y)))


def gated_attention() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.Reshape((64, 6))(conv(image, name="a"))
    attend = layers.MultiHeadAttention(4, 5, use_gate=True, dropout=0.1, name="gated")
    return ended(image, layers.GlobalAveragePooling1D()(x + attend(x, x)))


def einsum() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.Reshape((64, 6))(conv(image, name="a"))
    x = layers.EinsumDense("...x,xy->...y", 8, bias_axes="y", name="mlp1")(x)
    x = layers.EinsumDense("abc,cd->abd", (64, 6), name="mlp2")(x)
    return ended(image, layers.GlobalAveragePooling1D()(x))


# What is cut besides these is everything but the logits: the layers that must stay.
KEPT = {"spatial_attention": {"where"}}
STRUCTURES = (
    concatenation_of_channels,
    concatenation_added_to_one,
    concatenation_of_rows,
    squeeze_and_excite,
    sigmoid_before_batch_norm,
    spatial_attention,
    groups_of_several,
    groups_of_one,
    depth_multiplier,
    transposed,
    flattened,
    folded_grid,
    instance_norm,
    operations,
    permuted,
    repeated,
    dropped,
    shared_twice,
    nested_twice,
    cross_attention,
    gated_attention,
    einsum,
)
