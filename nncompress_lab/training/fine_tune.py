"""Training that recovers accuracy and keeps the zeros of a pruned model."""

from dataclasses import dataclass

import keras

from nncompress_lab.passes import Context, Pass
from nncompress_lab.training.loop import Training
from nncompress_lab.training.training_pass import Taught, Teacher, train_copy


@dataclass(frozen=True)
class FineTune(Pass):
    """Train a model further, usually after a pass that cost accuracy.

    Kernel weights that are zero stay zero. Kernels stored as integers do not train; the
    biases and normalization weights beside them do. BatchNormalization forgets the means
    and variances of before within an epoch. The model is judged on the validation data
    after each epoch, training stops when that gets no better, and the weights of the best
    epoch are returned, or those of the start if every epoch was worse.

    Args:
        epochs: Passes over the training data at most, at least 1.
        batch_size: Examples a step, at least 1.
        learning_rate: Peak of the learning rate, above 0; it falls to zero along half a
            cosine over `epochs`.
        optimizer: Name of a Keras optimizer.
        loss: Name of a Keras loss; `"auto"` is the cross-entropy of class indices, from
            logits or probabilities as the model's last activation tells.
        patience: Epochs without improvement after which training stops, at least 1.
        teacher: Whose soft targets to learn from as well, beside the labels:
            `"original"` is the model as it was before the first pass of the pipeline,
            `"context"` the one in `Context(teacher=...)`. None learns from labels alone.
        temperature: Of the soft targets, above 0.
        student_loss_weight: Of the labels beside the soft targets, in [0, 1].

    Raises:
        ValueError: If a value is out of range, or there is a teacher and a named loss.

    Example:
        >>> FineTune(epochs=3).needs == {"train", "validation"}
        True

    References:
        Han et al. 2015, section 3 (retraining the weights that are left).
        https://arxiv.org/abs/1506.02626
        With a teacher: Hinton, Vinyals, Dean 2015. https://arxiv.org/abs/1503.02531
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    loss: str = "auto"
    patience: int = 3
    teacher: Teacher | None = None
    temperature: float = 4.0
    student_loss_weight: float = 0.1

    def __post_init__(self) -> None:
        Training.of(self)
        Taught.of(self)

    @property
    def needs(self) -> frozenset[str]:
        """Training data to learn from, validation data to choose the epoch by."""
        return Taught.of(self).needs

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy with its zeros kept, return the best epoch."""
        return train_copy(self, model, context)
