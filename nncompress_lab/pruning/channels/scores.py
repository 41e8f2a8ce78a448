"""Scores of the channels of a model, from the kernels that make them."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.models.channels.arrays.units import Mask
from nncompress_lab.models.channels.flow import Bound, Flow
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.passes import Context
from nncompress_lab.pruning.channels.arrays.criteria import (
    Criterion,
    Scores,
    channel_norms,
    channel_taylor,
)
from nncompress_lab.training.gradients import kernel_gradients
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.loop import given

Gradients = list[dict[int, npt.NDArray[Any]]]


def score_units(
    flow: Flow,
    model: keras.Model,
    *,
    criterion: Criterion,
    normalize: bool,
    context: Context,
) -> Scores:
    """The mean score of each unit over the weights that make it.

    Args:
        flow: The walk through the model.
        model: The model.
        criterion: As `ChannelPruning` takes it.
        normalize: Whether the scores from a kernel are divided by their mean, so that
            layers can be compared. Gammas are comparable as they are.
        context: With calibration data for `"taylor"`.

    Returns:
        One number per unit; that of a class is at its root, and 0 where nothing scores.
    """
    gradients = _gradients(model, context) if criterion == "taylor" else []
    totals, counts = np.zeros(len(flow.units)), np.zeros(len(flow.units))
    for bound in _scored(flow, criterion):
        scores = _scores(bound, criterion, gradients)
        if normalize and criterion != "batch_norm":
            scores = scores / (scores.mean() or 1.0)
        roots = flow.units.roots(bound.units)
        np.add.at(totals, roots, scores)
        np.add.at(counts, roots, 1)
    return totals / np.maximum(counts, 1)


def has_gamma(flow: Flow) -> Mask:
    """For each root whether a BatchNormalization scales its class."""
    scored = np.zeros(len(flow.units), dtype=np.bool_)
    for bound in _scored(flow, "batch_norm"):
        scored[flow.units.roots(bound.units)] = True
    return scored


def _scored(flow: Flow, criterion: Criterion) -> Iterator[Bound]:
    """The axes of weights that a criterion looks at."""
    for entry in flow.layers.values():
        normalizes = isinstance(entry.layer, keras.layers.BatchNormalization)
        gamma = entry.layer.gamma if normalizes else None
        for bound in entry.bound.values():
            if criterion == "batch_norm":
                if gamma is not None and bound.variable is gamma:
                    yield bound
            elif bound.made and bound.is_kernel:
                yield bound


def _scores(bound: Bound, criterion: Criterion, gradients: Gradients) -> Scores:
    array = to_numpy(bound.variable)
    if criterion == "batch_norm":
        return np.abs(array.astype(np.float64))
    if criterion == "taylor":
        batches = [
            channel_taylor(array, batch[id(bound.variable)], axis=bound.axis)
            for batch in gradients
        ]
        mean: Scores = np.mean(batches, axis=0)
        return mean
    order = 1 if criterion == "l1" else 2
    return channel_norms(array, axis=bound.axis, order=order)


def _gradients(model: keras.Model, context: Context) -> Gradients:
    """For each batch the gradient of each kernel, by the identity of its variable."""
    layers, data = kernel_layers(model), given(context.calibration)
    task = task_of(model, data, context=context)
    return [
        {
            id(kernel): array
            for layer in layers
            for kernel, array in zip(layer.kernels(), batch[layer.path], strict=True)
        }
        for batch in kernel_gradients(model, layers, data, loss=task.total)
    ]
