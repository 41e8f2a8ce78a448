"""What models are worth at their task, for a report that never fails for it."""

from dataclasses import dataclass, field, replace

import keras

from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import first_line
from nncompress_lab.measure.evaluate import evaluated
from nncompress_lab.models.inputs import output_names
from nncompress_lab.passes import Context
from nncompress_lab.report.figures import Stage
from nncompress_lab.report.metrics import ACCURACY, Metric
from nncompress_lab.training.objective import Objective
from nncompress_lab.training.own_task import task_to_train
from nncompress_lab.training.task import Task, named_metrics


@dataclass(frozen=True)
class Judged:
    """The figures of models at their task, or why there are none.

    Args:
        metrics: What was measured, the one to speak of first.
        figures: By the name of the model and of the metric.
        data: Name and number of the examples; empty where nothing was measured.
        remarks: What was inferred, and what could not be measured and why.
    """

    metrics: tuple[Metric, ...] = (ACCURACY,)
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    data: str = ""
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        models: dict[str, keras.Model],
        test: Data | None,
        objective: Objective | None = None,
    ) -> "Judged":
        """Measure models that have the outputs of the first of them.

        Args:
            models: By name; the first may have been compiled by the user.
            test: Inputs and labels; None measures nothing.
            objective: As in `compare`.
        """
        if test is None:
            return cls()
        metrics: tuple[Metric, ...] = (ACCURACY,)
        first = next(iter(models.values()))
        try:
            task = task_to_train(first, test, context=Context(objective=objective))
            metrics = task_metrics(first, task)
            figures = {
                name: evaluated(model, test, task) for name, model in models.items()
            }
        except Exception as error:  # of Keras, or of a metric of the user's
            titles = ", ".join(metric.title for metric in metrics)
            return cls(
                metrics,
                remarks=(f"The {titles} was not measured: {first_line(error)}",),
            )
        examples = "" if test.size is None else f", {test.size} examples"
        remarks = (task.inferred,) if task.inferred else ()
        return cls(metrics, figures, f"{test.name}{examples}", remarks)

    def on(self, stage: Stage) -> Stage:
        """A stage with its figures."""
        found = dict(self.figures.get(stage.name, {}))
        shown = {one.name: found[one.name] for one in self.metrics if one.name in found}
        return replace(stage, accuracy=shown.pop("accuracy", None), metrics=shown)


def task_metrics(model: keras.Model, task: Task) -> tuple[Metric, ...]:
    """The metrics of a task; what judges it first, and the loss if there are none."""
    known = named_metrics(output_names(model), task.metrics)
    found = [
        Metric.of(name, one, mode=task.mode if name == task.judged_by else None)
        for name, one in known.items()
    ]
    found.sort(key=lambda one: one.name != task.judged_by)
    return tuple(found) or (Metric.of("loss"),)
