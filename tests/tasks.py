"""Tiny models of every kind of task, each with data and what it was compiled with."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

import nncompress_lab as ncl

COUNT = 24


@dataclass(frozen=True)
class Case:
    """A model maker, its data, and the figures that its report must have."""

    build: Callable[[], keras.Model]
    x: object
    y: object
    figures: tuple[str, ...]

    def context(self, **settings) -> ncl.Context:
        data = ncl.Data(self.x, self.y)
        return ncl.Context(
            train=data,
            validation=data,
            test=data,
            calibration=data,
            progress=False,
            **settings,
        )


_rng = np.random.default_rng(0)
FLAT = _rng.normal(size=(COUNT, 6)).astype("float32")
IMAGES = _rng.normal(size=(COUNT, 4, 4, 3)).astype("float32")
TOKENS = _rng.integers(1, 9, (COUNT, 5)).astype("int32")  # JAX has no more bits
NUMBER = FLAT[:, :1] * 2 + 1
YES = (FLAT[:, 0] > 0).astype("int32")


def _dense(units: int, activation: str | None = None) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        hidden = layers.Dense(8, activation="relu", name="hidden")
        last = layers.Dense(units, activation=activation, name="out")
        return keras.Sequential([keras.Input((6,)), hidden, last])

    return build


def _segmentation() -> keras.Model:
    image = keras.Input((4, 4, 3))
    hidden = layers.Conv2D(8, 3, padding="same", activation="relu", name="hidden")
    return keras.Model(image, layers.Conv2D(3, 1, name="out")(hidden(image)))


def _language() -> keras.Model:
    tokens = keras.Input((5,), dtype="int32")
    hidden = layers.Embedding(9, 8, name="hidden")(tokens)
    return keras.Model(tokens, layers.Dense(9, activation="softmax")(hidden))


def _siamese() -> keras.Model:
    one, other = keras.Input((6,), name="one"), keras.Input((6,), name="other")
    shared = layers.Dense(8, activation="relu", name="hidden")
    both = layers.Concatenate()([shared(one), shared(other)])
    return keras.Model([one, other], layers.Dense(1, activation="sigmoid")(both))


def _two_outputs() -> keras.Model:
    image = keras.Input((6,))
    hidden = layers.Dense(8, activation="relu", name="hidden")(image)
    return keras.Model(
        image,
        [layers.Dense(3, name="kind")(hidden), layers.Dense(1, name="size")(hidden)],
    )


CASES = {
    "binary": Case(_dense(1, "sigmoid"), FLAT, YES, ("accuracy",)),
    "multi-label": Case(
        _dense(3, "sigmoid"), FLAT, (FLAT[:, :3] > 0).astype("int8"), ("accuracy",)
    ),
    "segmentation": Case(
        _segmentation,
        IMAGES,
        IMAGES.argmax(axis=-1).astype("int32"),
        ("mean_iou", "accuracy"),
    ),
    "language": Case(
        _language, TOKENS, np.roll(TOKENS, -1, axis=1), ("accuracy", "perplexity")
    ),
    "regression": Case(_dense(1), FLAT, NUMBER, ("mean_absolute_error",)),
    "siamese": Case(
        _siamese, [FLAT, FLAT[::-1]], (YES[::-1] == YES).astype("int32"), ("accuracy",)
    ),
    "two outputs": Case(
        _two_outputs,
        FLAT,
        [YES + (FLAT[:, 1] > 0), NUMBER],
        ("kind_accuracy", "size_mean_absolute_error"),
    ),
}
