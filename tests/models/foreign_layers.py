"""Layers and models of one's own, as people write them in research code."""

from contextlib import contextmanager

import keras
from keras import layers, ops

registered = keras.saving.register_keras_serializable("foreign")


@contextmanager
def policy(name):
    """While the block runs, layers are made with this policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@registered
class StandardizedConv2D(layers.Conv2D):
    """Weight standardization: the kernel is normalized each time it is used."""

    def call(self, inputs):
        mean = ops.mean(self.kernel, axis=(0, 1, 2), keepdims=True)
        deviation = ops.std(self.kernel, axis=(0, 1, 2), keepdims=True) + 1e-5
        outputs = ops.conv(
            inputs,
            (self.kernel - mean) / deviation,
            strides=list(self.strides),
            padding=self.padding,
        )
        return outputs + self.bias


@registered
class PositionEmbedding(layers.Layer):
    """Adds a vector of its own to each position."""

    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        self.length, self.supports_masking = length, True

    def build(self, input_shape):
        shape = (self.length, input_shape[-1])
        self.positions = self.add_weight(name="positions", shape=shape)

    def call(self, inputs):
        return inputs + self.positions[: ops.shape(inputs)[1]]

    def get_config(self):
        return {**super().get_config(), "length": self.length}


@registered
class TiedEmbedding(layers.Embedding):
    """An embedding that also turns features into logits, as language models tie it."""

    def call(self, inputs, reverse=False):
        if reverse:
            return ops.matmul(inputs, ops.transpose(self.embeddings))
        return super().call(inputs)

    def compute_output_shape(self, input_shape, reverse=False):
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, reverse=False):
        shape = self.compute_output_shape(inputs.shape, reverse)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)


@registered
class Rotary(layers.Layer):
    """Rotates pairs of features by an angle that grows with the position."""

    def call(self, inputs):
        length, half = inputs.shape[1], inputs.shape[-1] // 2
        steps = ops.arange(length, dtype="float32")[:, None]
        speeds = 10_000.0 ** (-ops.arange(half, dtype="float32") / half)
        angles = ops.cast(steps * speeds, inputs.dtype)
        first, second = ops.split(inputs, 2, axis=-1)
        sine, cosine = ops.sin(angles), ops.cos(angles)
        return ops.concatenate(
            [first * cosine - second * sine, first * sine + second * cosine], axis=-1
        )


@registered
class Bottleneck(layers.Layer):
    """A block with unnamed layers inside, built by its own call."""

    def __init__(self, width, units, **kwargs):
        super().__init__(**kwargs)
        self.width, self.units = width, units
        self.narrow = layers.Dense(width, activation="relu")
        self.wide = layers.Dense(units)

    def build(self, input_shape):
        self.narrow.build(input_shape)
        self.wide.build((*input_shape[:-1], self.width))

    def call(self, inputs):
        return inputs + self.wide(self.narrow(inputs))

    def get_config(self):
        return {**super().get_config(), "width": self.width, "units": self.units}


@registered
class Scaling(layers.Layer):
    """Without a get_config: Keras notes plain arguments itself."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


@registered
class SubclassedClassifier(keras.Model):
    """Layers in __init__, connected in call."""

    def __init__(self, units=16, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="relu")
        self.logits = layers.Dense(4)

    def call(self, inputs):
        return self.logits(self.hidden(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@registered
class FunctionalSubclass(keras.Model):
    """Its __init__ gives the base class inputs and outputs."""

    def __init__(self, units=16, **kwargs):
        self.units = units
        inputs = keras.Input((8,))
        x = layers.Dense(units, activation="relu", name="hidden")(inputs)
        super().__init__(inputs, layers.Dense(4, name="logits")(x), **kwargs)

    def get_config(self):
        return {"units": self.units, "name": self.name}


@registered
class Sampling(layers.Layer):
    """A draw from a normal distribution, as variational autoencoders make it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(7)

    def call(self, inputs, training=False):
        mean, log_variance = inputs
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


@registered
class VariationalAutoencoder(keras.Model):
    """A functional model with a loss of its own."""

    def compute_loss(self, x=None, y=None, y_pred=None, *_args, **_kwargs):
        image, mean, log_variance = y_pred
        apart = ops.mean(ops.square(x - image))
        return apart - 0.5 * ops.mean(
            1 + log_variance - ops.square(mean) - ops.exp(log_variance)
        )
