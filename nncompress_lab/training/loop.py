"""The one training loop: every pass that trains a model trains it like this."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras
import numpy as np

from nncompress_lab import progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import CompressionError
from nncompress_lab.finite import are_finite
from nncompress_lab.passes import CHECKED_EXAMPLES, Context
from nncompress_lab.training.batches import evaluation, held_out, training_batches
from nncompress_lab.training.output_scale import output_scale
from nncompress_lab.training.training_pass import TrainingPass
from nncompress_lab.training.while_training import forgetting_statistics, keeping_zeros


@dataclass(frozen=True, eq=False)
class Objective:
    """What training makes small, and what chooses the epoch.

    Args:
        loss: As `compile` takes it: a name, a Keras loss, a function of labels and
            outputs, or one for each output.
        metrics: As `compile` takes them.
        judged_by: Name of the figure on the validation data that chooses the epoch:
            `"loss"`, where less is better, or an accuracy, where more is.
        judged_from: The first epoch, counted from 0, that may be chosen; None where the
            weights before the first epoch may be chosen as well.
    """

    loss: Any
    metrics: Any = None
    judged_by: str = "loss"
    judged_from: int | None = None

    @property
    def more_is_better(self) -> bool:
        """Whether a larger figure is the better one."""
        return self.judged_by.endswith("accuracy")

    @classmethod
    def of(
        cls, model: keras.Model, loss: str, *, judged_from: int | None = None
    ) -> "Objective":
        """The loss of a name, or with `"auto"` the cross-entropy of class indices.

        Cross-entropies are taken from logits unless the model ends in a softmax or a
        sigmoid, also where Keras means probabilities by the name alone.
        """
        if loss == "auto":
            return cls.classification(model, judged_from=judged_from)
        return cls(_named_loss(model, loss), judged_from=judged_from)

    @classmethod
    def classification(
        cls, model: keras.Model, *, judged_from: int | None = None
    ) -> "Objective":
        """The cross-entropy of class indices, from logits or probabilities."""
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=output_scale(model) != "softmax"
        )
        return cls(
            loss, metrics=["accuracy"], judged_by="accuracy", judged_from=judged_from
        )


def fit(
    model: keras.Model,
    train: Data,
    *,
    step: TrainingPass,
    validation: Data,
    objective: Objective,
    context: Context,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Train a model in place and leave it with the weights of its best epoch.

    Kernel weights that are zero stay zero, and BatchNormalization forgets what it measured
    before. The model is judged on the validation data after each epoch, and training stops
    when that gets no better. If every epoch was worse than the start, and the objective
    allows it, the start is what is left. An epoch whose loss or weights are not finite is
    never the best, and ends the training. The model is compiled afterwards; a pass returns
    `copy_model` of it.

    Args:
        model: What is trained: the pass's own copy, never the user's model.
        train: What it learns from, in an order that the context's seed fixes.
        step: The numbers of the training.
        validation: Chooses the epoch. Its labels are what the loss takes.
        objective: The loss, the metrics and which of them decides.
        context: Has the seed, and says whether to draw a progress bar.
        callbacks: Called after those of this loop, for example to change masks.

    Raises:
        CompressionError: If the training diverged in its first epoch that counts.
    """
    batches, order = training_batches(
        train, batch_size=step.batch_size, seed=context.seed
    )
    steps_per_epoch = train.steps(step.batch_size)
    steps = step.epochs * steps_per_epoch
    optimizer = keras.optimizers.get(step.optimizer)
    optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(
        step.learning_rate, steps
    )
    model.compile(
        optimizer,
        objective.loss,
        metrics=objective.metrics,
        jit_compile=jit_compile(),
    )
    if keras.backend.backend() == "tensorflow":
        _make_variables(model, validation)
    start = _Start.of(model, validation, objective)
    best = _BestEpoch(objective, step.patience)
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


def _named_loss(model: keras.Model, name: str) -> Any:
    """A Keras loss that knows the scale of the model's outputs, if it asks for that."""
    loss = keras.losses.get(name)
    from_logits = output_scale(model) == "logits"
    if isinstance(loss, keras.losses.Loss):
        config = loss.get_config()
        asks = "from_logits" in config
        kind = type(loss)
        return kind.from_config(config | {"from_logits": from_logits}) if asks else loss
    if "from_logits" not in inspect.signature(loss).parameters:
        return loss

    @wraps(loss)
    def told(labels: Any, outputs: Any) -> Any:
        return loss(labels, outputs, from_logits=from_logits)

    return told


class _BestEpoch(keras.callbacks.EarlyStopping):
    """Keeps the best epoch; one whose loss or weights are not finite is none."""

    def __init__(self, objective: Objective, patience: int) -> None:
        super().__init__(
            monitor=f"val_{objective.judged_by}",
            mode="max" if objective.more_is_better else "min",
            patience=patience,
            restore_best_weights=True,
            start_from_epoch=objective.judged_from or 0,
        )
        self.diverged = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge the epoch, and stop a training that nothing can save."""
        losses = [(logs or {}).get(name, 0.0) for name in ("loss", "val_loss")]
        if np.isfinite(losses).all() and are_finite(self.model.get_weights()):
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
    objective: Objective

    @classmethod
    def of(
        cls, model: keras.Model, validation: Data, objective: Objective
    ) -> "_Start | None":
        """None if an objective does not allow the start to be chosen."""
        if objective.judged_from is not None:
            return None
        found: Any = model.evaluate(
            **evaluation(validation), verbose=0, return_dict=True
        )
        return cls(model.get_weights(), found[objective.judged_by], objective)

    def beats(self, other: float) -> bool:
        """Whether the start is better than the best epoch, or that is no number."""
        if self.objective.more_is_better:
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
        self.bar.say("  ".join(f"{key} {value:.4f}" for key, value in figures.items()))


def with_class_indices(model: keras.Model, data: Data) -> Data:
    """The data with its labels as class indices, of shape `(n,)`.

    Args:
        model: A classifier; its outputs are counted.
        data: Labels are class indices or one-hot rows.

    Returns:
        `data` itself if its labels are indices already.

    Raises:
        ValueError: If the labels are neither.
    """
    classes = model.output_shape[-1]
    labels = (data.take(CHECKED_EXAMPLES) if data.is_stream else data).y
    if labels.shape[1:] == (classes,) and classes > 1:
        ones = (labels == 1).sum(axis=1) == 1
        if ones.all() and np.count_nonzero(labels) == len(labels):
            return data.mapped(lambda x, y, weight: (x, y.argmax(axis=1), weight))
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    if not whole or labels.min() < 0 or labels.max() >= classes:
        received = f" from {labels.min()} to {labels.max()}" if labels.ndim == 1 else ""
        raise ValueError(
            f"Labels must be class indices in 0..{classes - 1}, of shape (n,), or one-hot "
            f"rows, because {model.name!r} has {classes} outputs. Received in "
            f"{data.name}: labels of type {labels.dtype} and shape {labels.shape}"
            f"{received}. Number the classes from 0; for other targets name a loss, as in "
            "FineTune(loss='mse')."
        )
    return data


def jit_compile() -> str | bool:
    """What to pass to `compile`: XLA halves TensorFlow's training speed on a CPU."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def given(data: Data | None) -> Data:
    """The data of a field that the pass names in `needs`, which was checked."""
    if data is None:  # this tells the type checker
        raise TypeError("A pass was called without the data that it needs.")
    return data
