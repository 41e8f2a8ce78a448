"""What brings accuracy back to a narrow model: measured statistics, an epoch."""

from collections.abc import Callable
from typing import Final

import keras

from nncompress_lab import progress
from nncompress_lab.passes import Context
from nncompress_lab.training.fine_tune import FineTune
from nncompress_lab.training.reestimate_batch_norm import ReestimateBatchNorm

BATCH: Final = 128  # of all 512 at once the activations can take a gigabyte


def reestimated(narrow: keras.Model, context: Context) -> keras.Model:
    """The model with BatchNormalization measured anew on the calibration examples.

    Args:
        narrow: It is not changed.
        context: With examples to calibrate on.
    """
    measured = ReestimateBatchNorm(batch_size=BATCH)(narrow, context)
    measured.run_eagerly = True  # a graph for so few batches takes longer than they do
    return measured


def trained(
    narrow: keras.Model, context: Context, on_step: Callable[[float], object]
) -> keras.Model:
    """The model after one epoch of training.

    Args:
        narrow: It is not changed.
        context: With data to train on and to validate.
        on_step: Called with the fraction that is done; what it raises ends the training.
    """
    with progress.heard_by(on_step):
        return FineTune(epochs=1)(narrow, context)
