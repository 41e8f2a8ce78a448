"""The tiny models of `nncompress_lab.testing`, and how tests compare weights."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from typing import Any

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
# For what the tests of a control, on one model, show beside: not the two whose layers and
# branches the others have.
WIDELY = BUILDERS[2:]


@cache
def _made(build: Callable[[], keras.Model]) -> tuple[keras.Model, list[bytes]]:
    keras.utils.set_random_seed(7)
    model = all_tiny_models.randomize_statistics(build())
    return model, [array.tobytes() for array in weights_of(model)]


def built(build: Callable[[], keras.Model]) -> keras.Model:
    """One model of a kind for all tests that change none, with statistics of its own."""
    model, weights = _made(build)
    now = [array.tobytes() for array in weights_of(model)]
    assert now == weights, "A test before this one changed a model that many share."
    return model


def crossed(*ways: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Every combination; on another backend than TensorFlow each value once, in turn.

    Whether two settings agree is arithmetic, which TensorFlow shows. What another
    backend could break breaks in each, and it compiles every one anew.
    """
    if keras.backend.backend() == "tensorflow":
        return list(product(*ways))
    count = max(map(len, ways))
    return [tuple(way[turn % len(way)] for way in ways) for turn in range(count)]


def in_turn(
    builders: Sequence[Any], settings: Sequence[Any], each: int = 1
) -> list[tuple[Any, Any]]:
    """Every model with `each` of the settings, the next model with the next ones.

    For what a pass does to kinds of layers, while the arithmetic of its settings has
    tests of its own.
    """
    if keras.backend.backend() != "tensorflow":
        return crossed(builders, settings)
    return [
        (build, settings[(each * number + place) % len(settings)])
        for number, build in enumerate(builders)
        for place in range(each)
    ]


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    """Bit for bit, and the states of random generators too."""
    for left, right in zip(weights_of(one), weights_of(other), strict=True):
        assert left.tobytes() == right.tobytes()
