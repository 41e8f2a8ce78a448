"""Layers around layers: what a recurrent one, Bidirectional or TimeDistributed holds.

A recurrent layer computes with a cell, and `keras.layers.RNN` takes any cell. So whatever
stands in for a cell, an ordinary RNN takes the place of, say, an LSTM; a ConvolutionalRNN
that of a ConvLSTM, which comes back once its cell is Keras's again.
"""

from collections.abc import Iterator
from typing import Any

from keras import layers

from nncompress_lab.models.cloning import settings
from nncompress_lab.models.convolutional_cell import (
    CONV_LSTM,
    KERAS_CELL,
    ConvLSTMCell,
    ConvolutionalRNN,
)
from nncompress_lab.models.copying import copy_weights
from nncompress_lab.models.graph import is_graph

HELD = {
    layers.TimeDistributed: ("layer",),
    layers.Bidirectional: ("forward_layer", "backward_layer"),
    layers.RNN: ("cell",),
    layers.LSTM: ("cell",),
    layers.GRU: ("cell",),
    layers.SimpleRNN: ("cell",),
    ConvolutionalRNN: ("cell",),
    **dict.fromkeys(CONV_LSTM, ("cell",)),
}
# What any layer and what a recurrent one is made with, beside its cell.
OF_LAYER = ("name", "trainable", "dtype", "activity_regularizer")
OF_RNN = (
    *OF_LAYER,
    *("return_sequences", "return_state", "go_backwards", "stateful", "unroll"),
    "zero_output_for_mask",
)


def held_by(layer: Any) -> list[Any]:
    """The layers inside that others can stand in for, in the order of their work."""
    if type(layer) is layers.StackedRNNCells:
        return list(layer.cells)
    return [getattr(layer, name) for name in HELD.get(type(layer), ())]


def with_held(layer: Any, held: list[Any]) -> Any:
    """A built layer around other layers, which takes nothing from the old ones.

    Args:
        layer: Of a type that `held_by` knows, built.
        held: Built layers in place of those that it holds.
    """
    config, kind = settings(layer), type(layer)
    if kind is layers.StackedRNNCells:
        wrapper = kind(held, **_picked(config, OF_LAYER))
    elif kind is layers.TimeDistributed:
        wrapper = kind(held[0], **_picked(config, OF_LAYER))
    elif kind is layers.Bidirectional:
        wrapper = _bidirectional(layer, held, config)
    else:
        # The RNN itself sets this for the two halves of a Bidirectional.
        config["zero_output_for_mask"] = layer.zero_output_for_mask
        wrapper = _recurrent(held[0], _picked(config, OF_RNN))
    wrapper.build_from_config(layer.get_build_config())
    for source, target in zip(held, held_by(wrapper), strict=True):
        if source is not target:  # some make layers like those they are given
            copy_weights(source, target)
    return wrapper


def _recurrent(cell: Any, config: dict[str, Any]) -> Any:
    if type(cell) is ConvLSTMCell:
        own = settings(cell)
        kind = CONV_LSTM[len(own["kernel_size"]) - 1]
        return kind(**{**own, **dict.fromkeys(OF_LAYER), **config})
    convolves = isinstance(cell, KERAS_CELL)
    return (ConvolutionalRNN if convolves else layers.RNN)(cell, **config)


def _bidirectional(layer: Any, held: list[Any], config: dict[str, Any]) -> Any:
    forward, backward = held
    return layers.Bidirectional(
        forward,
        merge_mode=layer.merge_mode,
        backward_layer=backward,
        **_picked(config, OF_LAYER),
    )


def _picked(config: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: config[name] for name in names if config.get(name) is not None}


def all_held(layer: Any) -> Iterator[Any]:
    """All layers inside wrappers, at any depth; what these hold is theirs."""
    for one in held_by(layer):
        yield one
        if not is_graph(one):
            yield from all_held(one)
