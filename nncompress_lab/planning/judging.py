"""What outputs are worth: loss, metric, and how far they are from the original's."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import keras
import numpy.typing as npt
from keras import ops

from nncompress_lab.data.datasets import Data
from nncompress_lab.measure.arrays.divergence import OutputKind
from nncompress_lab.measure.divergence import (
    all_outputs,
    output_kinds,
    total_divergence,
)
from nncompress_lab.measure.evaluate import evaluated, exact_fraction
from nncompress_lab.models.graph import is_graph
from nncompress_lab.models.inputs import output_names
from nncompress_lab.passes import Context
from nncompress_lab.report.metrics import Metric
from nncompress_lab.training.own_task import OwnTask, task_to_train
from nncompress_lab.training.per_output import labels_of_outputs
from nncompress_lab.training.task import Task, fresh, named_metrics

Outputs = Sequence[npt.NDArray[Any]]


class Judged(NamedTuple):
    """What a model is worth on the validation data.

    Args:
        loss: Regularization left out where outputs are judged.
        metric: The figure that judges the task.
        divergence: From the original's outputs.
    """

    loss: float
    metric: float
    divergence: float


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges models with the outputs of one that they came from.

    Args:
        model: The original.
        data: Arrays with labels.
        task: What the model is for.
    """

    model: keras.Model
    data: Data
    task: Task

    @classmethod
    def of(cls, model: keras.Model, data: Data, context: Context) -> "Judge":
        """The judge of a model, by the objective of a context or what labels tell."""
        task = task_to_train(model, data, context=context)
        return cls(model, data, task)

    @property
    def metric(self) -> Metric:
        """The figure that judges the task."""
        name = self.task.judged_by
        return Metric.of(name, self._metrics.get(name), mode=self.mode)

    @property
    def mode(self) -> Literal["min", "max"]:
        """Whether less or more of the metric is better."""
        return self.task.mode

    @property
    def takes_outputs(self) -> bool:
        """Whether outputs tell all: no steps of a class's own, and no masked positions."""
        if isinstance(self.task, OwnTask) or not is_graph(self.model):
            return False
        masks = (getattr(one, "_keras_mask", None) for one in self.model.outputs)
        return all(mask is None for mask in masks)

    def outputs(self, outputs: Outputs, reference: Outputs) -> Judged:
        """What outputs for all examples are worth, and how far they are from others."""
        tensors = [*map(ops.convert_to_tensor, outputs)]
        data = self.data
        loss = self.task.total(self.model, data.y, tensors, data.sample_weight)
        found = float(ops.convert_to_numpy(loss))
        far = total_divergence(reference, outputs, self._kinds)
        return Judged(found, self._metric_of(outputs, found), far)

    def whole(self, model: keras.Model, reference: Outputs) -> Judged:
        """What a model is worth, as its own `evaluate` says."""
        figures = evaluated(model, self.data, self.task)
        outputs = all_outputs(model, self.data)
        loss = figures.get("loss", float("nan"))
        far = total_divergence(reference, outputs, self._kinds)
        return Judged(loss, figures[self.task.judged_by], far)

    @cached_property
    def _kinds(self) -> list[OutputKind]:
        return output_kinds(self.model, self.task.losses)

    @cached_property
    def _metrics(self) -> dict[str, Any]:
        return named_metrics(output_names(self.model), self.task.metrics)

    def _metric_of(self, outputs: Outputs, loss: float) -> float:
        name = self.task.judged_by
        if name == "loss":
            return loss
        places = (
            (index, len(some) - place <= self.task.counts_weights(index))
            for index, some in enumerate(self.task.metrics)
            for place, _ in enumerate(some)
        )
        index, weighed = dict(zip(self._metrics, places, strict=True))[name]
        metric = fresh(self._metrics[name])
        metric.reset_state()
        labels = labels_of_outputs(self.model, self.data.y)[index]
        weight = self.data.sample_weight if weighed else None
        several = len(keras.tree.flatten(weight)) > 1
        weight = labels_of_outputs(self.model, weight)[index] if several else weight
        metric.update_state(labels, outputs[index], weight)
        found = float(ops.convert_to_numpy(metric.result()))
        is_exact = name == "accuracy"
        return exact_fraction(found, self.model, self.data) if is_exact else found
