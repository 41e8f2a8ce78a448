"""Small models after published architectures for images, volumes and signals."""

import keras
from foreign_layers import StandardizedConv2D, policy
from keras import layers, ops

IMAGE = (16, 16, 3)


def _classifier(inputs, x):
    return keras.Model(inputs, layers.Dense(4, name="logits")(x))


def _conv_bn(x, filters, size=3, strides=1, activation="relu"):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x)


def unet():
    inputs = keras.Input(IMAGE)
    first = _conv_bn(inputs, 6)
    second = _conv_bn(layers.MaxPooling2D()(first), 8)
    third = _conv_bn(layers.AveragePooling2D(2)(second), 12)
    up = layers.UpSampling2D(interpolation="bilinear")(third)
    x = _conv_bn(layers.Concatenate()([up, second]), 8)
    up = layers.Conv2DTranspose(6, 2, strides=2)(x)
    x = _conv_bn(layers.Concatenate()([up, first]), 6)
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(x))


def autoencoder():
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Dense(10, name="code")(layers.Flatten()(x))
    x = layers.Reshape((8, 8, 6))(layers.Dense(384, activation="relu")(x))
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same")(x)
    return keras.Model(inputs, layers.Activation("sigmoid")(x))


def efficientnet_v2():
    inputs = keras.Input(IMAGE)
    stem = _conv_bn(layers.Rescaling(1 / 255)(inputs), 8, activation="silu")
    x = _conv_bn(stem, 16, activation="silu")  # fused
    stem = layers.Add()([_conv_bn(x, 8, 1, activation="linear"), stem])
    x = _conv_bn(stem, 16, 1, activation="silu")
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.Activation("silu")(layers.BatchNormalization()(x))
    squeezed = layers.Reshape((1, 1, 16))(layers.GlobalAveragePooling2D()(x))
    squeezed = layers.Conv2D(4, 1, activation="silu")(squeezed)
    x = layers.multiply([x, layers.Conv2D(16, 1, activation="sigmoid")(squeezed)])
    x = layers.Dropout(0.2, noise_shape=(None, 1, 1, 1))(_conv_bn(x, 8, 1))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, stem]))
    return _classifier(inputs, x)


def convnext():
    inputs = keras.Input(IMAGE)
    stem = layers.Conv2D(12, 4, strides=4)(inputs)
    stem = layers.LayerNormalization(epsilon=1e-6)(stem)
    x = layers.Conv2D(12, 7, padding="same", groups=12)(stem)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Dense(12)(layers.Dense(24, activation="gelu")(x))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, stem]))
    return _classifier(inputs, x)


def densenet():
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(inputs)
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        y = layers.Conv2D(4, 3, padding="same", use_bias=False)(y)
        x = layers.Concatenate()([x, y])
    x = layers.Conv2D(8, 1)(layers.ReLU()(layers.BatchNormalization()(x)))
    return _classifier(inputs, layers.GlobalMaxPooling2D()(x))


def inception():
    inputs = keras.Input(IMAGE)
    x = layers.ZeroPadding2D(1)(inputs)
    tall = _conv_bn(_conv_bn(x, 4, (1, 3)), 4, (3, 1))
    pooled = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = layers.Concatenate()([_conv_bn(x, 4, 1), tall, _conv_bn(pooled, 4, 1)])
    return _classifier(inputs, layers.GlobalAveragePooling2D()(x))


def nasnet():
    inputs = keras.Input(IMAGE)
    stem = layers.Conv2D(8, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(stem))
    left = layers.SeparableConv2D(8, 5, padding="same", use_bias=False)(x)
    right = layers.SeparableConv2D(8, 3, padding="same", use_bias=False)(x)
    x = layers.add([layers.BatchNormalization()(left), right])
    offset = layers.ZeroPadding2D(((0, 1), (0, 1)))(stem)
    offset = layers.Cropping2D(((1, 0), (1, 0)))(offset)
    x = layers.Concatenate()([x, layers.Maximum()([x, offset])])
    return _classifier(inputs, layers.GlobalAveragePooling2D()(x))


def group_norm():
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    x = layers.ReLU()(layers.GroupNormalization(4)(x))
    x = layers.Conv2D(8, 3, padding="same")(x)
    x = layers.Activation("mish")(layers.GroupNormalization(-1)(x))
    return _classifier(inputs, layers.GlobalAveragePooling2D()(x))


def preprocessing():
    inputs = keras.Input((20, 12, 3))
    x = layers.RandomFlip("horizontal")(layers.Resizing(16, 16)(inputs))
    x = layers.RandomContrast(0.1)(layers.RandomRotation(0.1)(x))
    x = layers.RandomZoom(0.1)(layers.RandomTranslation(0.1, 0.1)(x))
    x = layers.CenterCrop(14, 14)(layers.GaussianNoise(0.1)(x))
    x = layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.1, 0.2, 0.3])(x)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    return _classifier(inputs, layers.GlobalAveragePooling2D()(x))


def mixed_float16():
    inputs = keras.Input(IMAGE)
    with policy("mixed_float16"):
        x = _conv_bn(inputs, 8)
        x = layers.Dense(8)(layers.GlobalAveragePooling2D()(_conv_bn(x, 8)))
    return keras.Model(inputs, layers.Dense(4, dtype="float32", name="logits")(x))


def weight_standardized():
    inputs = keras.Input(IMAGE)
    x = StandardizedConv2D(8, 3)(inputs)
    x = layers.GroupNormalization(4)(x)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    return _classifier(inputs, layers.GlobalAveragePooling2D()(x))


def conv1d():
    inputs = keras.Input((48, 2))
    x = layers.Conv1D(8, 5, padding="causal", dilation_rate=2)(inputs)
    x = layers.SpatialDropout1D(0.1)(layers.PReLU(shared_axes=[1])(x))
    x = layers.SeparableConv1D(8, 3, strides=2, padding="same")(x)
    x = layers.MaxPooling1D(2)(layers.BatchNormalization()(x))
    return _classifier(inputs, layers.GlobalMaxPooling1D()(x))


def conv3d():
    inputs = keras.Input((6, 8, 8, 1))
    x = layers.Conv3D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv3D(6, 3)(layers.MaxPooling3D((1, 2, 2))(x))
    return _classifier(inputs, layers.GlobalAveragePooling3D()(x))


def conv_lstm():
    inputs = keras.Input((3, 8, 8, 2))
    x = layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(inputs)
    x = layers.TimeDistributed(layers.MaxPooling2D(2))(x)
    x = layers.ConvLSTM2D(4, 3)(x)
    return _classifier(inputs, layers.Flatten()(x))


def time_distributed():
    inputs = keras.Input((3, 8, 8, 3))
    x = layers.TimeDistributed(layers.Conv2D(6, 3, activation="relu"))(inputs)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(x)
    x = layers.TimeDistributed(layers.Dense(8, activation="relu"))(x)
    return _classifier(inputs, layers.GRU(6)(x))


def vision_transformer():
    inputs = keras.Input(IMAGE)
    x = layers.Reshape((16, 12))(layers.Conv2D(12, 4, strides=4)(inputs))
    y = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(2, 6, dropout=0.1)(y, y)
    y = layers.Dense(24, activation="gelu")(layers.LayerNormalization()(x))
    x = x + layers.Dense(12)(y)
    return _classifier(inputs, x[:, 0])


def channel_attention():
    """Squeeze and excitation in plain operations."""
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    weight = ops.mean(x, axis=(1, 2))
    weight = layers.Dense(8, activation="hard_sigmoid")(layers.Dense(4)(weight))
    x = x * weight[:, None, None]
    deviation = ops.sqrt(ops.var(x, axis=(1, 2)) + 1e-5)
    x = ops.concatenate([ops.max(x, axis=(1, 2)), deviation], axis=-1)
    return _classifier(inputs, x)
