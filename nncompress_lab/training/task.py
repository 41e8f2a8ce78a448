"""A task as a model has it: for each output its loss and metrics, and which decides."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from nncompress_lab.training.by_keras import by_keras
from nncompress_lab.training.objective import Mode
from nncompress_lab.training.per_output import as_outputs, labels_of_outputs

Metrics = Sequence[Sequence[Any]]


@dataclass(frozen=True, eq=False)
class Task:
    """What training makes small and what judges a model, output by output.

    Args:
        losses: For each output a function of labels and outputs; None for no loss.
        weights: Of these losses; all 1 if empty.
        metrics: For each output its metrics; they are copied for each use.
        judged_by: Name of the figure on the validation data that decides, as logged.
        mode: Whether `"min"` or `"max"` of it is best.
        inferred: What labels and outputs were taken for, in a sentence; empty where
            nothing was inferred, or the plain choice of a class.
        figures: The names under which Keras logs the metrics, in their order.
        weighted: For each output how many of its metrics, the last ones, count examples
            by their sample weights; none if empty.
        judged_from: The first epoch, counted from 0, that may be chosen; None where the
            weights before the first epoch may be chosen as well.
    """

    losses: Sequence[Any]
    weights: Sequence[float] = ()
    metrics: Metrics = ()
    judged_by: str = "loss"
    mode: Mode = "min"
    inferred: str = ""
    figures: tuple[str, ...] = ()
    judged_from: int | None = None
    weighted: Sequence[int] = ()

    def compile(self, model: keras.Model, optimizer: Any = "sgd") -> None:
        """Compile a model for this task; its metrics begin anew."""
        single = len(self.losses) == 1

        def of_outputs(each: Any) -> Any:
            return each[0] if single else as_outputs(model, each)

        plain, weighted = (
            of_outputs(each) if any(each) else None for each in self._metrics()
        )
        model.compile(
            optimizer,
            of_outputs(self.losses),
            loss_weights=as_outputs(model, self.weights) if self.weights else None,
            metrics=plain,
            weighted_metrics=weighted,
            jit_compile=jit_compile(),
        )

    def counts_weights(self, index: int) -> int:
        """How many metrics of an output, the last ones, count by sample weights."""
        return self.weighted[index] if index < len(self.weighted) else 0

    def _metrics(self) -> tuple[list[list[Any]], list[list[Any]]]:
        """For each output its metrics that count examples alike, and the others."""
        plain, weighted = [], []
        for index, some in enumerate(self.metrics):
            copies = [fresh(one) for one in some]
            alike = len(copies) - self.counts_weights(index)
            plain.append(copies[:alike])
            weighted.append(copies[alike:])
        return plain, weighted

    def steps(self, model: keras.Model) -> AbstractContextManager[None]:
        """While the block runs, a model trains and is judged by what it is compiled for."""
        return by_keras(model)

    def total(
        self, model: keras.Model, labels: Any, outputs: Any, sample_weight: Any = None
    ) -> Any:
        """The mean loss of a batch as `fit` takes it; regularization is no part of it.

        Args:
            model: Whose outputs they are.
            labels: As `fit` takes them.
            outputs: As the model returns them.
            sample_weight: How much each example counts, or each position in it; for
                several outputs an array for all, or one for each. None counts all alike.

        Returns:
            One number.
        """
        count = len(self.losses)
        each = [None] * count
        if sample_weight is not None:
            alike = len(keras.tree.flatten(sample_weight)) == 1
            each = (
                keras.tree.flatten(sample_weight) * count
                if alike
                else labels_of_outputs(model, sample_weight)
            )
        parts = zip(
            self.losses,
            self.weights or [1.0] * count,
            labels_of_outputs(model, labels),
            keras.tree.flatten(outputs),
            each,
            strict=True,
        )
        return sum(
            weight * _mean(loss, label, output, counts)
            for loss, weight, label, output, counts in parts
            if loss is not None
        )


def labels_for(loss: Any, labels: Any, outputs: Any) -> Any:
    """The labels of an output as `compile` hands them to a loss.

    Args:
        loss: A function of labels and outputs, or a Keras loss, which takes care of the
            axes itself.
        labels: As `fit` takes them: whole numbers, too, and shape `(n,)` for `(n, 1)`.
        outputs: Of the model.

    Returns:
        Floats; for a function of the rank of the outputs, if only a last axis of 1 differs.
    """
    labels = ops.cast(labels, keras.config.floatx())
    if isinstance(loss, keras.losses.Loss):
        return labels
    more = len(labels.shape) - len(outputs.shape)
    if more == -1 and outputs.shape[-1] == 1:
        return ops.expand_dims(labels, -1)
    return ops.squeeze(labels, -1) if more == 1 and labels.shape[-1] == 1 else labels


def _mean(loss: Any, label: Any, output: Any, sample_weight: Any) -> Any:
    """The mean of a loss, of which each example counts as `fit` lets it count."""
    label = labels_for(loss, label, output)
    if sample_weight is None:
        return ops.mean(loss(label, output))
    keeps = isinstance(loss, keras.losses.Loss)
    weighed = loss if keeps else _Weighed(loss)
    return weighed(label, output, sample_weight=sample_weight)


class _Weighed(keras.losses.Loss):  # type: ignore[misc]
    """A function of labels and outputs as a loss that takes sample weights."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__(name="weighed")
        self.function = function

    def call(self, labels: Any, outputs: Any) -> Any:
        """The loss of each example."""
        return self.function(labels, outputs)


def named_metrics(names: Sequence[str], metrics: Metrics) -> dict[str, Any]:
    """The metrics of all outputs by the names that Keras logs them under."""
    found: dict[str, Any] = {}
    for output, some in zip(names, metrics, strict=True):
        before = f"{output}_" if len(names) > 1 else ""
        for one in some:
            name = f"{before}{one.name}"
            if name in found:  # as Keras calls the one that counts by weights
                name = f"{before}weighted_{one.name}"
            found[name] = one
    return found


def jit_compile() -> str | bool:
    """What to pass to `compile`: XLA halves TensorFlow's training speed on a CPU."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def fresh(metric: Any) -> Any:
    """A metric like another; the same one if Keras cannot make it from its settings."""
    try:
        return type(metric).from_config(metric.get_config())
    except Exception:  # of whoever wrote it
        return metric
