"""The tiny models of `nncompress_lab.testing`, and how tests compare weights."""

import keras

from nncompress_lab.testing import tiny_models as all_tiny_models
from nncompress_lab.testing.on_model import weights_of
from nncompress_lab.testing.tiny_models import *  # noqa: F403

# What a pass computes on each model, TensorFlow shows. What another backend could break
# is in these: they hold every kind of layer that the others have.
BUILDERS = all_tiny_models.BUILDERS
if keras.backend.backend() != "tensorflow":
    BUILDERS = (
        all_tiny_models.residual,
        all_tiny_models.depthwise,
        all_tiny_models.transformer,
        all_tiny_models.every_layer,
    )


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    """Bit for bit, and the states of random generators too."""
    for left, right in zip(weights_of(one), weights_of(other), strict=True):
        assert left.tobytes() == right.tobytes()
