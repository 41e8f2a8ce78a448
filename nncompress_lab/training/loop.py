"""The one training loop: every pass that trains a model trains it like this."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import keras
import numpy as np

from nncompress_lab import progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.passes import Context, Pass
from nncompress_lab.training.batches import Batches
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
    def classification(
        cls, model: keras.Model, *, judged_from: int | None = None
    ) -> "Objective":
        """The cross-entropy of class indices, from logits or probabilities."""
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=not ends_in_softmax(model)
        )
        return cls(
            loss, metrics=["accuracy"], judged_by="accuracy", judged_from=judged_from
        )


@dataclass(frozen=True)
class Training:
    """How a model is trained, without what it is trained on and for.

    A pass that trains has fields of the same names; `Training.of` takes them over.

    Args:
        epochs: Passes over the training data at most, at least 1.
        batch_size: Examples a step, at least 1.
        learning_rate: Peak of the learning rate, above 0; it falls to zero along half a
            cosine over `epochs`.
        optimizer: Name of a Keras optimizer.
        patience: Epochs without improvement after which training stops, at least 1.

    Raises:
        ValueError: If a number is out of range or the optimizer is unknown.

    Example:
        >>> Training(epochs=5).learning_rate
        0.001
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    patience: int = 3

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"`{name}` must be a whole number, at least 1. Received: "
                    f"{name}={value!r}."
                )
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(
                "`learning_rate` must be above 0. Received: "
                f"learning_rate={self.learning_rate!r}."
            )
        if not _is_optimizer(self.optimizer):
            raise ValueError(
                '`optimizer` must be the name of a Keras optimizer, such as "adam" or '
                f'"sgd". Received: optimizer={self.optimizer!r}.'
            )

    @classmethod
    def of(cls, step: Pass) -> "Training":
        """The settings of a pass: its fields that have the names of these here."""
        return cls(
            **{
                field.name: getattr(step, field.name)
                for field in fields(cls)
                if hasattr(step, field.name)
            }
        )

    def batches(self, data: Data, context: Context) -> Batches:
        """Batches of `data` in the order that the context's seed fixes."""
        return Batches(data, batch_size=self.batch_size, seed=context.seed)

    def fit(
        self,
        model: keras.Model,
        batches: Batches,
        *,
        validation: Data,
        objective: Objective,
        context: Context,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        """Train a model in place and leave it with the weights of its best epoch.

        Kernel weights that are zero stay zero, and BatchNormalization forgets what it
        measured before. The model is judged on the validation data after each epoch, and
        training stops when that gets no better. If every epoch was worse than the start,
        and the objective allows it, the start is what is left. The model is compiled
        afterwards; a pass returns `copy_model` of it.

        Args:
            model: What is trained: the pass's own copy, never the user's model.
            batches: What `fit` draws from, as `batches` or a subclass of `Batches` makes
                them.
            validation: Chooses the epoch. Its labels are what the loss takes.
            objective: The loss, the metrics and which of them decides.
            context: Says whether to draw a progress bar.
            callbacks: Called after those of this loop, for example to change masks.
        """
        steps = self.epochs * len(batches)
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        optimizer = keras.optimizers.get(self.optimizer)
        optimizer.learning_rate = rate
        model.compile(
            optimizer,
            objective.loss,
            metrics=objective.metrics,
            jit_compile=jit_compile(),
        )
        if keras.backend.backend() == "tensorflow":
            _make_variables(model, validation)
        start = _Start.of(model, validation, objective)
        best = self._best_epoch(objective)
        title = f"train {model.name}"
        with (
            keeping_zeros(model),
            forgetting_statistics(model, within=len(batches)),
            progress.bar(title, steps, show=context.progress) as bar,
        ):
            model.fit(
                batches,
                epochs=self.epochs,
                validation_data=(validation.x, validation.y),
                callbacks=[batches.callback(), _Progress(bar), best, *callbacks],
                shuffle=False,  # Keras would draw the order of the batches anew
                verbose=0,
            )
        if start is not None and start.beats(best.best):
            model.set_weights(start.weights)

    def _best_epoch(self, objective: Objective) -> keras.callbacks.Callback:
        return keras.callbacks.EarlyStopping(
            monitor=f"val_{objective.judged_by}",
            mode="max" if objective.more_is_better else "min",
            patience=self.patience,
            restore_best_weights=True,
            start_from_epoch=objective.judged_from or 0,
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
            validation.x, validation.y, verbose=0, return_dict=True
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


def output_layer(model: keras.Model) -> Any:
    """The layer or operation that computes a model's first output."""
    last = model.outputs[0]._keras_history.operation
    return output_layer(last) if isinstance(last, keras.Model) else last


def ends_in_softmax(model: keras.Model) -> bool:
    """Whether the model's output are probabilities rather than logits."""
    last = output_layer(model)
    if isinstance(last, keras.layers.Softmax):
        return True
    activation = getattr(last, "activation", None)
    is_layer = isinstance(activation, keras.layers.Softmax)
    return is_layer or activation is keras.activations.softmax


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
    classes, labels = model.output_shape[-1], data.y
    if labels.shape[1:] == (classes,) and classes > 1:
        ones = (labels == 1).sum(axis=1) == 1
        if ones.all() and np.count_nonzero(labels) == len(labels):
            return Data(data.x, labels.argmax(axis=1), data.name)
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


def _is_optimizer(name: Any) -> bool:
    try:
        return isinstance(keras.optimizers.get(name), keras.optimizers.Optimizer)
    except (TypeError, ValueError):
        return False
