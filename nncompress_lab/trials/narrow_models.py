"""What brings accuracy back to a narrow model: measured statistics, an epoch."""

from collections.abc import Callable
from typing import Final

import keras

from nncompress_lab import measure, progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.passes import Context
from nncompress_lab.training.fine_tune import FineTune
from nncompress_lab.training.reestimate_batch_norm import ReestimateBatchNorm

BATCH: Final = 128  # of all 512 at once the activations can take a gigabyte


def reestimated(narrow: keras.Model, data: Data, context: Context) -> float:
    """The accuracy once BatchNormalization is measured anew on the calibration images.

    Args:
        narrow: It is not changed.
        data: What the accuracy is measured on.
        context: With calibration images.
    """
    measured = ReestimateBatchNorm(batch_size=BATCH)(narrow, context)
    measured.run_eagerly = True  # a graph for so few batches takes longer than they do
    return measure.accuracy(measured, data)


def trained(
    narrow: keras.Model,
    data: Data,
    context: Context,
    on_step: Callable[[float], object],
) -> float:
    """The accuracy after one epoch of training.

    Args:
        narrow: It is not changed.
        data: What the accuracy is measured on.
        context: With training and validation images.
        on_step: Called with the fraction that is done; what it raises ends the training.
    """
    with progress.heard_by(on_step):
        tuned = FineTune(epochs=1)(narrow, context)
    return measure.accuracy(tuned, data)
