"""The cell of ConvLSTM layers, and a recurrent layer that takes one.

Keras's ConvLSTM layers make their own cells and take no others, and RNN takes cells of
vectors only. Where something stands in for the cell of such a layer, `ConvolutionalRNN`
takes the layer's place.

The class is registered with Keras when `nncompress_lab` is imported. This module imports
no other of the library, because it is loaded the moment that Keras is.
"""

from typing import Any

import keras
from keras import layers
from keras.src.layers.rnn import conv_lstm  # Keras has no public name for the cell

CONV_LSTM = (layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D)
KERAS_CELL = conv_lstm.ConvLSTMCell


class ConvLSTMCell(conv_lstm.ConvLSTMCell):
    """Keras's cell, but made as its configuration says, which leaves out the rank.

    Args:
        filters: As in Keras.
        kernel_size: One size for each axis of the images.
        **kwargs: As in Keras.
    """

    def __init__(self, filters: int, kernel_size: Any, **kwargs: Any) -> None:
        super().__init__(len(kernel_size), filters, kernel_size, **kwargs)

    def build(self, inputs_shape: Any, states_shape: Any = None) -> None:
        """Make the weights, also for a shape that comes from a file, as a list."""
        super().build(tuple(inputs_shape), states_shape)


@keras.saving.register_keras_serializable("nncompress_lab")
class ConvolutionalRNN(layers.RNN):
    """An RNN around a cell whose inputs, states and outputs are images or volumes.

    Args:
        cell: It has the arguments and methods of a ConvLSTMCell.
        **kwargs: Of RNN.
    """

    compute_output_shape = layers.ConvLSTM2D.compute_output_shape
    compute_mask = layers.ConvLSTM2D.compute_mask
