"""Training that recovers accuracy and keeps the zeros of a pruned model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from nncompress_lab import progress
from nncompress_lab.batches import Batches
from nncompress_lab.data.datasets import Data
from nncompress_lab.kernels import kernel_layers
from nncompress_lab.passes import Context, Pass
from nncompress_lab.rewrite import copy_model


@dataclass(frozen=True)
class FineTune(Pass):
    """Train a model further, usually after a pass that cost accuracy.

    Kernel weights that are zero stay zero. Kernels stored as integers do not train; the
    biases and normalization weights beside them do. The model is judged on the
    validation data after each epoch, training stops when that gets no better, and the
    weights of the best epoch are returned.

    Args:
        epochs: Passes over the training data at most, at least 1.
        batch_size: Examples a step, at least 1.
        learning_rate: Peak of the learning rate, above 0; it falls to zero along half a
            cosine over `epochs`.
        optimizer: Name of a Keras optimizer.
        loss: Name of a Keras loss; `"auto"` is the cross-entropy of class indices, from
            logits or probabilities as the model's last activation tells.
        patience: Epochs without improvement after which training stops, at least 1.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> FineTune(epochs=3).needs == {"train", "validation"}
        True

    References:
        Han et al. 2015, section 3 (retraining the weights that are left).
        https://arxiv.org/abs/1506.02626
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    loss: str = "auto"
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

    @property
    def needs(self) -> frozenset[str]:
        """Training data to learn from, validation data to choose the epoch by."""
        return frozenset({"train", "validation"})

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy with its zeros kept, return the best epoch."""
        train, validation = _given(context.train), _given(context.validation)
        if self.loss == "auto":
            _check_labels(model, train)
            _check_labels(model, validation)
        tuned = copy_model(model)
        batches = Batches(train, batch_size=self.batch_size, seed=context.seed)
        self._compile(tuned, steps=self.epochs * len(batches))
        title = f"fine-tune {model.name}"
        with (
            keeping_zeros(tuned),
            progress.bar(
                title, self.epochs * len(batches), show=context.progress
            ) as bar,
        ):
            tuned.fit(
                batches,
                epochs=self.epochs,
                validation_data=(validation.x, validation.y),
                callbacks=[
                    batches.callback(),
                    _Progress(bar),
                    keras.callbacks.EarlyStopping(
                        monitor=f"val_{self._judged_by}",
                        mode="max" if self._judged_by == "accuracy" else "min",
                        patience=self.patience,
                        restore_best_weights=True,
                    ),
                ],
                verbose=0,
            )
        return copy_model(tuned)

    @property
    def _judged_by(self) -> str:
        return "accuracy" if self.loss == "auto" else "loss"

    def _compile(self, model: keras.Model, *, steps: int) -> None:
        optimizer = keras.optimizers.get(self.optimizer)
        optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(
            self.learning_rate, decay_steps=steps
        )
        loss: Any = self.loss
        if self.loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=not ends_in_softmax(model)
            )
        model.compile(
            optimizer,
            loss,
            metrics=["accuracy"] if self.loss == "auto" else [],
            jit_compile=jit_compile(),
        )


@contextmanager
def keeping_zeros(model: keras.Model) -> Iterator[None]:
    """While the block runs, kernel weights that are zero stay zero in training.

    The mask is a constraint on the kernel variable, which every Keras optimizer applies
    after each update and which no file stores. It is gone after the block.

    Args:
        model: The model whose kernels are to keep their zeros.
    """
    constrained = []
    for layer in kernel_layers(model):
        for kernel, array in zip(layer.kernels(), layer.arrays(), strict=True):
            if layer.is_float and np.count_nonzero(array) < array.size:
                constrained.append((kernel, kernel.constraint))
                kernel.constraint = _KeepZeros(array, then=kernel.constraint)
    try:
        yield
    finally:
        for kernel, constraint in constrained:
            kernel.constraint = constraint


class _KeepZeros(keras.constraints.Constraint):
    def __init__(self, array: npt.NDArray[Any], *, then: Any) -> None:
        self.mask = array != 0
        self.then = then

    def __call__(self, value: Any) -> Any:
        value = ops.convert_to_tensor(value if self.then is None else self.then(value))
        # Not a product: it would leave -0.0, whose sign bit no coder gets rid of.
        return ops.where(self.mask, value, ops.zeros_like(value))


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


def ends_in_softmax(model: keras.Model) -> bool:
    """Whether the model's output are probabilities rather than logits."""
    last = model.layers[-1]
    if isinstance(last, keras.Model):
        return ends_in_softmax(last)
    if isinstance(last, keras.layers.Softmax):
        return True
    return getattr(last, "activation", None) is keras.activations.softmax


def _check_labels(model: keras.Model, data: Data) -> None:
    classes = model.output_shape[-1]
    whole = data.y.ndim == 1 and np.issubdtype(data.y.dtype, np.integer)
    if not whole or data.y.min() < 0 or data.y.max() >= classes:
        received = f"from {data.y.min()} to {data.y.max()}" if data.y.ndim == 1 else ""
        raise ValueError(
            f"loss='auto' needs class indices in 0..{classes - 1}, of shape (n,), because "
            f"{model.name!r} has {classes} outputs. Received in {data.name}: labels of "
            f"type {data.y.dtype} and shape {data.y.shape} {received}. Number the classes "
            "from 0, or name the loss, for example loss='mse'."
        )


def jit_compile() -> str | bool:
    """What to pass to `compile`: XLA halves TensorFlow's training speed on a CPU."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def _given(data: Data | None) -> Data:
    if data is None:  # `needs` was checked; this tells the type checker
        raise TypeError("FineTune was called without the data that it needs.")
    return data
