"""From what a user said, compiled or labelled to the task of a model.

In this order: the loss that a pass names, the objective in the context, what the user's
model was compiled with, and what labels and outputs tell.
"""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.inputs import output_names
from nncompress_lab.passes import Context
from nncompress_lab.ready import CHECKED_EXAMPLES
from nncompress_lab.training.by_keras import trains_itself
from nncompress_lab.training.labels import (
    WORDS,
    Kind,
    check_labels_for,
    kind_for,
    kind_of,
    loss_of,
    metrics_of,
    misfit,
)
from nncompress_lab.training.objective import Mode, Objective, compiled_objective
from nncompress_lab.training.output_scale import output_scale
from nncompress_lab.training.per_output import (
    labels_of_outputs,
    per_output,
    shapes_of_outputs,
)
from nncompress_lab.training.task import Metrics, Task, named_metrics

LOOKED_AT = 256  # labels of a pipeline


def task_of(
    model: keras.Model,
    *parts: Data,
    context: Context | None = None,
    loss: str = "auto",
) -> Task:
    """The task that a model is trained for and judged by.

    Args:
        model: A built model, with the outputs that losses and metrics are for.
        *parts: Data with labels, at least one.
        context: May hold an objective, and the model as the user compiled it.
        loss: Name of a Keras loss that goes before all else, or `"auto"`.

    Raises:
        ValueError: If nobody has said a loss and the labels do not tell one, or what was
            said does not fit the outputs.
    """
    names = output_names(model)
    if loss != "auto":
        named = [named_loss(model, loss, index) for index in range(len(names))]
        _check_labels(model, named, parts)
        return Task(named)
    said = _said(model, context)
    kinds: list[Kind | None] = [None] * len(names)
    if said.loss is None:
        kinds = _inferred(model, parts)
        losses = [
            loss_of(kind, output_scale(model, index))
            for index, kind in enumerate(kinds)
            if kind is not None
        ]
    else:
        losses = per_output(model, said.loss, for_all=True)
        _check_labels(model, losses, parts)
    metrics, weighted = _metrics(model, said, losses, kinds, parts)
    known = named_metrics(names, metrics)
    alone = len(names) == 1 and kinds[0] != "real"
    judged_by, mode = _judged(said, known, by_metric=alone or said.loss is not None)
    weights = per_output(model, said.loss_weights, for_all=True)
    return Task(
        losses,
        [1.0 if one is None else float(one) for one in weights] if any(weights) else [],
        metrics,
        judged_by,
        mode,
        _sentence(names, kinds),
        tuple(known),
        weighted=weighted,
    )


def named_loss(model: keras.Model, name: str, index: int = 0) -> Any:
    """A Keras loss that knows the scale of an output, if it asks for that."""
    loss = keras.losses.get(name)
    from_logits = output_scale(model, index) == "logits"
    if isinstance(loss, keras.losses.Loss):
        return on_scale(loss, from_logits=from_logits)
    if "from_logits" not in inspect.signature(loss).parameters:
        return loss

    @wraps(loss)
    def told(labels: Any, outputs: Any) -> Any:
        return loss(labels, outputs, from_logits=from_logits)

    told.from_logits = from_logits  # type: ignore[attr-defined]
    return told


def on_scale(loss: Any, *, from_logits: bool) -> Any:
    """A Keras loss like another that takes logits, or does not, if it asks for that."""
    config = loss.get_config()
    if "from_logits" not in config:
        return loss
    return type(loss).from_config(config | {"from_logits": from_logits})


def _said(model: keras.Model, context: Context | None) -> Objective:
    """What the user has said, with functions in place of the names of losses."""
    original = (context.original if context else None) or model
    said = (context.objective if context else None) or Objective()
    compiled = compiled_objective(original) if said.loss is None else None
    if compiled is not None:
        as_keras_does = keras.tree.map_structure(keras.losses.get, compiled.loss)
        return Objective(
            as_keras_does,
            said.metrics or (() if said.weighted_metrics else compiled.metrics),
            said.judged_by,
            said.mode,
            compiled.loss_weights,
            said.weighted_metrics
            or (() if said.metrics else compiled.weighted_metrics),
        )
    if said.loss is None:
        return said
    losses = [
        named_loss(model, one, index) if isinstance(one, str) else one
        for index, one in enumerate(per_output(model, said.loss, for_all=True))
    ]
    return replace(said, loss=losses)


def _inferred(model: keras.Model, parts: Sequence[Data]) -> list[Kind | None]:
    """What the labels of each output are, if they are labels of outputs."""
    try:
        return [*_kinds(model, parts)]
    except ValueError as error:
        if not trains_itself(model):
            raise
        raise ValueError(
            f"{type(model).__qualname__} learns by a loss of its own, for which nobody "
            "else can ask. Scores by gradients, and teachers, need one of labels and "
            "outputs: say Context(objective=Objective(loss)), with a loss for each "
            f"output. The labels tell none: {error}"
        ) from error


def _kinds(model: keras.Model, parts: Sequence[Data]) -> list[Kind]:
    """What the labels of each output are, which is the same in all parts."""
    shapes = shapes_of_outputs(model)
    labels = [labels_of_outputs(model, _labels(part)) for part in parts]
    found = []
    for index, shape in enumerate(shapes):
        scale = output_scale(model, index)
        kinds = [kind_of(some[index], shape, scale) for some in labels]
        if len(set(kinds)) > 1:
            raise ValueError(misfit(labels[0][index], shape))
        found.append(kinds[0])
    return found


def _check_labels(
    model: keras.Model, losses: Sequence[Any], parts: Sequence[Data]
) -> None:
    """Raise a `ValueError` where losses that somebody said cannot take the labels."""
    shapes = shapes_of_outputs(model)
    if trains_itself(model):  # what becomes of its labels, only its class knows
        return
    for part in parts:
        known = part.take(CHECKED_EXAMPLES) if part.is_stream else part
        labels = [] if known.y is None else labels_of_outputs(model, known.y)
        for loss, some, shape in zip(losses, labels, shapes, strict=False):
            weighed = known.sample_weight is not None
            check_labels_for(loss, np.asarray(some), shape, weighed=weighed)


def _labels(part: Data) -> Any:
    labels = (part.take(LOOKED_AT) if part.is_stream else part).y
    if labels is None:
        raise ValueError(f"A task needs labels. Received: {part!r} without any.")
    return labels


def _metrics(
    model: keras.Model,
    said: Objective,
    losses: Sequence[Any],
    kinds: Sequence[Kind | None],
    parts: Sequence[Data],
) -> tuple[Metrics, list[int]]:
    """For each output its metrics as objects; if none are said, those of its loss.

    Also how many of them, the last ones, count by sample weights.
    """
    plain, weighted = (
        [
            [] if one is None else keras.tree.flatten(one)
            for one in per_output(model, metrics or None)
        ]
        for metrics in (said.metrics, said.weighted_metrics)
    )
    given = [[*some, *more] for some, more in zip(plain, weighted, strict=True)]
    shapes = shapes_of_outputs(model)
    if any(given):
        labels = [None] * len(shapes)
        if any(str(one) in ACCURACIES for some in given for one in some):
            labels = labels_of_outputs(model, _labels(parts[0]))
        found = [
            [_metric(one, y, shape) for one in some]
            for some, y, shape in zip(given, labels, shapes, strict=True)
        ]
        return found, [len(some) for some in weighted]
    found = []
    for index, (loss, kind) in enumerate(zip(losses, kinds, strict=True)):
        known = kind or kind_for(loss)
        logits = getattr(loss, "from_logits", False)
        found.append(metrics_of(known, shapes[index], logits=logits) if known else [])
    return found, []


ACCURACIES = {"accuracy", "acc"}


def _metric(one: Any, labels: Any, shape: tuple[int | None, ...]) -> Any:
    """A metric of Keras for what `compile` takes as one, with the name it has there."""
    if isinstance(one, keras.metrics.Metric):
        return one
    if str(one) in ACCURACIES:
        name = str(one)
        if shape[-1] == 1:
            return keras.metrics.BinaryAccuracy(name=name)
        sparse = labels.ndim < len(shape) or labels.shape[-1] == 1
        accuracies = keras.metrics
        kind = "SparseCategoricalAccuracy" if sparse else "CategoricalAccuracy"
        return getattr(accuracies, kind)(name=name)
    metric = keras.metrics.get(one)
    logged = one if isinstance(one, str) else getattr(one, "__name__", None)
    if not isinstance(metric, keras.metrics.Metric):
        return keras.metrics.MeanMetricWrapper(metric, name=logged)
    metric.name = logged
    return metric


def _judged(
    said: Objective, known: dict[str, Any], *, by_metric: bool
) -> tuple[str, Mode]:
    """Which figure decides, and whether less or more of it is better."""
    modes = {name: _mode(metric) for name, metric in known.items()} | {"loss": "min"}
    directed = [one for one in known if modes[one]] if by_metric else []
    name = said.judged_by or next(iter(directed), "loss")
    if name not in modes:
        raise ValueError(
            f"`judged_by` must be one of {list(modes)}. Received: {name!r}."
        )
    mode = said.mode if said.judged_by else None
    mode = mode or modes[name]
    if mode is None:
        raise ValueError(
            f"Nobody has said whether more or less of {name!r} is better. Say it in the "
            f'objective: Objective(..., judged_by="{name}", mode="max").'
        )
    return name, mode


def _mode(metric: Any) -> Mode | None:
    directions: dict[Any, Mode] = {"up": "max", "down": "min"}
    return directions.get(getattr(metric, "_direction", None))


def _sentence(names: Sequence[str], kinds: Sequence[Kind | None]) -> str:
    """What was inferred; nothing of the plain case, one output for classes."""
    if None in kinds or list(kinds) in (["classes"], ["one_hot"]):
        return ""
    taken = [
        f"{name}: {WORDS[kind]}" if len(names) > 1 else WORDS[kind]
        for name, kind in zip(names, kinds, strict=True)
        if kind is not None
    ]
    return (
        f"The model came without a loss, and its labels look like {'; '.join(taken)}. Say "
        "another with Context(objective=Objective(loss))."
    )
