"""What is measured at rest on the narrow model itself: time, statistics, an epoch."""

from collections.abc import Callable
from typing import Final

import keras

from nncompress_lab import measure, progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.passes import Context
from nncompress_lab.runtimes.racing import ONNX_RUNTIME, race_models
from nncompress_lab.training.fine_tune import FineTune
from nncompress_lab.training.reestimate_batch_norm import (
    ReestimateBatchNorm,
    normalizations,
)
from nncompress_lab.trials.figures import Figures

ROUNDS: Final = 12  # of a race, which takes half a second


def raced(original: keras.Model, narrow: keras.Model) -> Figures:
    """Latency of one image in ONNX Runtime, beside the original's in the same run.

    Returns:
        `latency_ms`, the noise as `latency_band` and `speedup`; nothing if ONNX Runtime
        does not take the models.
    """
    try:
        timed = race_models({"original": original, "narrow": narrow}, rounds=ROUNDS)
    except Exception:  # a runtime refuses a model in ways of its own
        return {}
    if timed.runtime != ONNX_RUNTIME:
        return {}
    return {
        "latency_ms": timed.race.milliseconds["narrow"],
        "latency_band": timed.race.band,
        "speedup": timed.race.speedup("narrow"),
    }


def reestimated(narrow: keras.Model, data: Data, context: Context) -> Figures:
    """The accuracy once BatchNormalization is measured anew, as `reestimated`.

    Returns:
        Nothing if the model has no BatchNormalization.
    """
    if not normalizations(narrow):
        return {}
    measured = ReestimateBatchNorm()(narrow, context)
    return {"reestimated": measure.accuracy(measured, data)}


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
