"""What a trial measures: how often a classifier is right, or the figure of another task.

Examples come in batches, and after each the figure of all so far is known: a control shows
it, and stops when it is overtaken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras

from nncompress_lab.data.data import Data
from nncompress_lab.measure.evaluate import evaluated
from nncompress_lab.models.interface import interface
from nncompress_lab.models.stages import BATCH_SIZE, Stages
from nncompress_lab.passes import Context
from nncompress_lab.report.judging import task_metrics
from nncompress_lab.report.metrics import ACCURACY, Metric
from nncompress_lab.training.batches import predicted
from nncompress_lab.training.known_task import ACCURACIES, task_of
from nncompress_lab.training.objective import Objective, compiled_objective
from nncompress_lab.training.task import Task
from nncompress_lab.trials.answers import answers, as_class_indices

# Called with the place of each batch in turn and the outputs for it; returns the figure of
# all examples so far.
Count = Callable[[slice, Any], float]


@dataclass(frozen=True, eq=False)
class Scoring:
    """How often models with the outputs of a classifier are right.

    Args:
        model: The classifier.
        data: Examples, with class indices as labels.
        metric: What is measured.
    """

    model: keras.Model
    data: Data
    metric: Metric = ACCURACY

    def count(self) -> Count:
        """A count that has seen no example yet."""
        right = 0

        def count(rows: slice, outputs: Any) -> float:
            nonlocal right
            found = answers(self.model, outputs) == self.data.y[rows]
            right += int(found.sum())
            return float(right / (rows.start + len(found)))

        return count

    def worse(self, after: float, before: float, examples: int) -> float:
        """How far one figure of so many examples is worse than another one of them."""
        return round((before - after) * examples) / examples

    def stages(self, model: keras.Model) -> Stages:
        """A model on the examples, whose outputs a count takes."""
        return Stages(model, self.data.x)

    def batches(self, stages: Stages) -> Iterator[slice]:
        """The places of the batches of examples."""
        for start in stages.starts:
            yield slice(start, min(start + BATCH_SIZE, len(self.data)))

    def of(self, model: keras.Model) -> float:
        """The figure of a model on all examples."""
        outputs = predicted(model, self.data.x, batch_size=BATCH_SIZE)
        return self.count()(slice(0, len(self.data)), outputs)


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskScoring(Scoring):
    """What models with the outputs of one are worth at its task, as `evaluate` says.

    Args:
        task: Of that model.
    """

    task: Task

    def count(self) -> Count:
        """A count that has seen no example yet."""
        judged = keras.Model(self._own.input, self._own.output)
        self.task.compile(judged)
        total = 0.0

        def count(rows: slice, outputs: Any) -> float:
            nonlocal total
            flat = keras.tree.flatten(outputs)
            found = keras.tree.pack_sequence_as(self._own.output, flat)
            labels, weights = map(keras.tree.lists_to_tuples, self.data.rows(rows)[1:])
            if self.metric.name != "loss":
                logs = judged.compute_metrics(None, labels, found, weights)
                return float(logs[self.metric.name])
            loss = judged.compute_loss(None, labels, found, weights, training=False)
            total += float(loss) * (rows.stop - rows.start)
            return float(total / rows.stop)

        return count

    def worse(self, after: float, before: float, examples: int) -> float:
        """How far one figure is worse than another one, in its own unit."""
        return after - before if self.metric.mode == "min" else before - after

    def stages(self, model: keras.Model) -> Stages:
        """A model on the examples; where its outputs have masks, they keep them."""
        masked = any(
            getattr(one, "_keras_mask", None) is not None for one in self._own.outputs
        )
        return Stages(model, self.data.x, run=_with_masks if masked else None)

    def of(self, model: keras.Model) -> float:
        """The figure of a model on all examples."""
        return evaluated(model, self.data, self.task)[self.metric.name]

    @cached_property
    def _own(self) -> Any:
        return interface(self.model)


def scoring_of(
    model: keras.Model, data: Data, objective: Objective | None = None
) -> Scoring:
    """How a model is judged: a classifier by its accuracy, unless somebody said otherwise.

    Args:
        model: Built; its compilation counts.
        data: Examples with labels, as arrays.
        objective: Goes before what the model was compiled with.

    Raises:
        ValueError: If the labels do not tell the task, or do not fit the outputs.
    """
    try:
        labels = as_class_indices(model, data.y)
    except (ValueError, AttributeError):  # of no classes, or no single array
        labels = None
    plain = labels is not None
    if objective is not None or compiled_objective(model) is not None or not plain:
        task = task_of(model, data, context=Context(objective=objective))
        metric = task_metrics(model, task)[0]
        without = metric.name == "loss" and (
            objective is None or objective.loss is None
        )
        if not plain or not (without or metric.name in ACCURACIES):
            return TaskScoring(model, data, metric, task=task)
    return Scoring(model, Data(data.x, labels, data.sample_weight, data.name))


def _with_masks(stage: keras.Model, value: Any) -> Any:
    return stage(value, training=False)
