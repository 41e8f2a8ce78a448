"""The tiny models of `nncompress_lab.testing`, and how tests compare weights."""

import keras

from nncompress_lab.testing.on_model import weights_of
from nncompress_lab.testing.tiny_models import *  # noqa: F403


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    """Bit for bit, and the states of random generators too."""
    for left, right in zip(weights_of(one), weights_of(other), strict=True):
        assert left.tobytes() == right.tobytes()
