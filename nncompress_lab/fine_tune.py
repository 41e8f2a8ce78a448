"""Training that recovers accuracy and keeps the zeros of a pruned model."""

from dataclasses import dataclass

import keras

from nncompress_lab.passes import Context, Pass
from nncompress_lab.rewrite import copy_model
from nncompress_lab.training import (
    Objective,
    Training,
    check_labels,
    given,
    jit_compile,
    keeping_zeros,
)

__all__ = ["FineTune", "jit_compile", "keeping_zeros"]


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
        Training.of(self)

    @property
    def needs(self) -> frozenset[str]:
        """Training data to learn from, validation data to choose the epoch by."""
        return frozenset({"train", "validation"})

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy with its zeros kept, return the best epoch."""
        train, validation = given(context.train), given(context.validation)
        objective = Objective(self.loss)
        if self.loss == "auto":
            check_labels(model, train)
            check_labels(model, validation)
            objective = Objective.classification(model)
        training = Training.of(self)
        tuned = copy_model(model)
        training.fit(
            tuned,
            training.batches(train, context),
            validation=validation,
            objective=objective,
            context=context,
        )
        return copy_model(tuned)
