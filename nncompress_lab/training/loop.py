"""The one training loop: every pass that trains a model trains it like this."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from nncompress_lab import progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import CompressionError, UnsupportedModelError
from nncompress_lab.finite import are_finite
from nncompress_lab.passes import Context
from nncompress_lab.training.batches import evaluation, held_out, training_batches
from nncompress_lab.training.by_keras import trains_itself
from nncompress_lab.training.task import Task
from nncompress_lab.training.training_pass import TrainingPass
from nncompress_lab.training.while_training import forgetting_statistics, keeping_zeros


def fit(
    model: keras.Model,
    train: Data,
    *,
    step: TrainingPass,
    validation: Data,
    task: Task,
    context: Context,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Train a model in place and leave it with the weights of its best epoch.

    Kernel weights that are zero stay zero, and BatchNormalization forgets what it measured
    before. The model is judged on the validation data after each epoch, and training stops
    when that gets no better. If every epoch was worse than the start, and the start may be
    chosen, it is what is left. An epoch whose loss or weights are not finite is
    never the best, and ends the training. The model is compiled afterwards; a pass returns
    `copy_model` of it.

    Args:
        model: What is trained: the pass's own copy, never the user's model.
        train: What it learns from, in an order that the context's seed fixes.
        step: The numbers of the training.
        validation: Chooses the epoch. Its labels are what the loss takes.
        task: The losses, the metrics and which of them decides.
        context: Has the seed, and says whether to draw a progress bar.
        callbacks: Called after those of this loop, for example to change masks.

    Raises:
        CompressionError: If the training diverged in its first epoch that counts.
        UnsupportedModelError: If no weight of the model is trainable.
    """
    _check_trainable(model)
    batches, order = training_batches(
        train, batch_size=step.batch_size, seed=context.seed
    )
    steps_per_epoch = train.steps(step.batch_size)
    steps = step.epochs * steps_per_epoch
    optimizer = keras.optimizers.get(step.optimizer)
    optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(
        step.learning_rate, steps
    )
    with task.steps(model):
        task.compile(model, optimizer)
        if keras.backend.backend() == "tensorflow" and not trains_itself(model):
            _make_variables(model, validation)
        start = _Start.of(model, validation, task) if task.judged_from is None else None
        best = _BestEpoch(task, step.patience)
        title = f"train {model.name}"
        with (
            keeping_zeros(model),
            forgetting_statistics(model, within=steps_per_epoch),
            progress.bar(title, steps, show=context.progress) as bar,
        ):
            model.fit(
                batches,
                epochs=step.epochs,
                validation_data=held_out(validation),
                callbacks=[*order, _Progress(bar), best, *callbacks],
                shuffle=False,  # Keras would draw the order of the batches anew
                verbose=0,
            )
    best.check(step)
    if start is not None and start.beats(best.best):
        model.set_weights(start.weights)


class _BestEpoch(keras.callbacks.EarlyStopping):
    """Keeps the best epoch; one whose loss or weights are not finite is none."""

    def __init__(self, task: Task, patience: int) -> None:
        super().__init__(
            monitor=f"val_{task.judged_by}",
            mode=task.mode,
            patience=patience,
            restore_best_weights=True,
            start_from_epoch=task.judged_from or 0,
        )
        self.diverged = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge the epoch, and stop a training that nothing can save."""
        losses = [(logs or {}).get(name, 0.0) for name in ("loss", "val_loss")]
        if np.isfinite(losses).all() and are_finite(self.model.variables):
            super().on_epoch_end(epoch, logs)
        else:
            self.diverged = self.model.stop_training = True

    def check(self, step: TrainingPass) -> None:
        """Raise a `CompressionError` if training diverged before any epoch was kept."""
        if self.diverged and self.best_weights is None:
            raise CompressionError(
                f"{type(step).__name__} diverged: the loss or the weights became NaN or "
                "infinite before an epoch could be kept. Received: "
                f"learning_rate={step.learning_rate!r}, optimizer={step.optimizer!r}. Try "
                "a learning rate of a tenth, and inputs between 0 and 1."
            )


def _make_variables(model: keras.Model, data: Data) -> None:
    """Those of optimizer and metrics: TensorFlow traces a step twice that makes them."""
    model.optimizer.build(model.trainable_variables)
    one = data.take(1)
    model.compute_metrics(one.x, one.y, model(one.x, training=False))
    model.reset_metrics()


@dataclass(frozen=True, eq=False)
class _Start:
    """A model before training, and what it is worth."""

    weights: list[Any]
    figure: float
    task: Task

    @classmethod
    def of(cls, model: keras.Model, validation: Data, task: Task) -> "_Start":
        """Of a compiled model."""
        found: Any = model.evaluate(
            **evaluation(validation), verbose=0, return_dict=True
        )
        return cls(model.get_weights(), found[task.judged_by], task)

    def beats(self, other: float) -> bool:
        """Whether the start is better than the best epoch, or that is no number."""
        if self.task.mode == "max":
            return not other >= self.figure
        return not other <= self.figure


class _Progress(keras.callbacks.Callback):
    def __init__(self, bar: progress.Bar) -> None:
        super().__init__()
        self.bar = bar

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        self.bar.advance()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {key: value for key, value in (logs or {}).items() if "val_" in key}
        said = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
        self.bar.say(said, figures)


def given(data: Data | None) -> Data:
    """The data of a field that the pass names in `needs`, which was checked."""
    if data is None:  # this tells the type checker
        raise TypeError("A pass was called without the data that it needs.")
    return data


def _check_trainable(model: keras.Model) -> None:
    if not model.trainable_variables:
        raise UnsupportedModelError(
            f"There is nothing to train in {model.name!r}: it has no trainable weights. "
            "Received: a model of which each layer is frozen or has none, as also a "
            "student of a frozen teacher. Set model.trainable = True, or that of some "
            "layers."
        )
