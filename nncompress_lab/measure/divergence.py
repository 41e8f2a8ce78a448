"""How far the outputs of one model are from those of another, whatever the labels say."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.measure.arrays.divergence import OutputKind, divergence_of
from nncompress_lab.models.graph import check_is_model
from nncompress_lab.models.inputs import output_names
from nncompress_lab.passes import Context
from nncompress_lab.quiet import quiet_logger
from nncompress_lab.training.batches import for_keras
from nncompress_lab.training.labels import Kind, kind_for
from nncompress_lab.training.objective import Objective, compiled_objective
from nncompress_lab.training.output_scale import Scale, output_scale
from nncompress_lab.training.own_task import task_to_train
from nncompress_lab.training.per_output import per_output

BATCH_SIZE = 256


def divergence(
    original: keras.Model,
    changed: keras.Model,
    data: Data,
    objective: Objective | None = None,
) -> float:
    """How far a changed model's outputs are from the original's.

    It tells small changes apart that leave each prediction, and so the accuracy, as it
    is. Several outputs count alike.

    Args:
        original: A built model. It is not changed.
        changed: One with the same outputs.
        data: Inputs, as a `Context` takes them. Labels only tell what outputs mean.
        objective: What the outputs mean; None takes what the model was compiled with, or
            what labels tell.

    Returns:
        The mean over the examples, at least 0: of outputs for classes, and for yes or
        no, the Kullback-Leibler divergence in nats; of others the mean squared error as
        a fraction of the variance of the original's outputs.

    Raises:
        UnsupportedModelError: If one of the two is no Keras model.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> model, images = zoo.lenet5(), data.fashion_mnist().validation.take(20)
        >>> divergence(model, model, images)
        0.0
    """
    for one in (original, changed):
        check_is_model(one)
    data = Data.of(data)
    losses = _losses(original, data, objective)
    before, after = (all_outputs(one, data) for one in (original, changed))
    return total_divergence(before, after, output_kinds(original, losses))


def all_outputs(model: keras.Model, data: Data) -> list[Any]:
    """The outputs of a model for all examples, one array for each output."""
    parts = []
    for x, _labels, _weights in data.batches(BATCH_SIZE):
        with quiet_logger("tensorflow"):
            parts.append(keras.tree.flatten(model.predict_on_batch(for_keras(x))))
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def total_divergence(
    original: Sequence[Any], changed: Sequence[Any], kinds: Sequence[OutputKind]
) -> float:
    """The divergences of several outputs, added up."""
    triples = zip(original, changed, kinds, strict=True)
    return sum(divergence_of(*one) for one in triples)


def output_kinds(model: keras.Model, losses: Sequence[Any]) -> list[OutputKind]:
    """What each output of a model is.

    Args:
        model: A built model.
        losses: For each output, as `Task.losses`, which tell logits of classes from other
            numbers; None, or none at all, where nobody knows.
    """
    each = zip_longest(range(len(output_names(model))), losses)
    return [_kind(output_scale(model, index), loss) for index, loss in each]


def _losses(
    model: keras.Model, data: Data, objective: Objective | None
) -> Sequence[Any]:
    if data.is_stream or data.y is not None:
        context = Context(objective=objective)
        return task_to_train(model, data, context=context).losses
    said = objective or compiled_objective(model)
    losses = per_output(model, said.loss if said else None, for_all=True)
    return [keras.losses.get(one) for one in losses]


def _kind(scale: Scale, loss: Any) -> OutputKind:
    kind: Kind | None = kind_for(loss)
    if loss is not None and kind is None:
        return "real"
    if scale == "logits":
        if kind is None:
            return "real"
        return "binary_logits" if kind == "binary" else "logits"
    return scale
