"""Recurrent layers without their loops, for runtimes that have none."""

from typing import Any, Final

import keras
from keras import layers

from nncompress_lab.models.cloning import cloned
from nncompress_lab.models.convolutional_cell import CONV_LSTM
from nncompress_lab.models.copying import copy_weights
from nncompress_lab.models.rewrite import rewrite_layers

LOOPS: Final = (layers.RNN, layers.LSTM, layers.GRU, layers.SimpleRNN, *CONV_LSTM)
MOST_STEPS: Final = 512


def unrolled(model: keras.Model) -> keras.Model:
    """A copy whose recurrent layers compute step after step what they do in a loop.

    A layer stays that keeps its states, or goes over more than `MOST_STEPS` steps or over
    a number that is not fixed.

    Args:
        model: A built functional or sequential model. It is not changed.

    Returns:
        The model itself if there is nothing to unroll.
    """
    if not any(_has_loop(one) for one in model._flatten_layers()):
        return model

    def rewrite(layer: Any) -> keras.Layer | None:
        if not _has_loop(layer):
            return None
        clone = cloned(layer, unroll=True)
        clone.build_from_config(layer.get_build_config())
        copy_weights(layer, clone)
        return clone

    return rewrite_layers(model, rewrite)


def _has_loop(layer: Any) -> bool:
    if type(layer) not in LOOPS or layer.unroll or layer.stateful:
        return False
    config = layer.get_build_config() or {}
    shapes = config.get("shapes_dict", {"sequences_shape": config.get("input_shape")})
    shape = shapes.get("sequences_shape") or (None, None)
    return isinstance(shape[1], int) and shape[1] <= MOST_STEPS
