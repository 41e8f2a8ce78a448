"""Training that recovers accuracy and keeps the zeros of a pruned model."""

from dataclasses import dataclass

import keras

from nncompress_lab.passes import Context
from nncompress_lab.training.retraining_pass import RetrainingPass


@dataclass(frozen=True)
class FineTune(RetrainingPass):
    """Train a model further, usually after a pass that cost accuracy.

    Kernel weights that are zero stay zero. Kernels stored as integers do not train; the
    biases and normalization weights beside them do. BatchNormalization forgets the means
    and variances of before within an epoch. The model is judged on the validation data
    after each epoch, training stops when that gets no better, and the weights of the best
    epoch are returned, or those of the start if every epoch was worse.

    Args:
        **training: As in `RetrainingPass`.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> FineTune(epochs=3).needs == {"train", "validation"}
        True

    References:
        Han et al. 2015, section 3 (retraining the weights that are left).
        https://arxiv.org/abs/1506.02626
        With a teacher: Hinton, Vinyals, Dean 2015. https://arxiv.org/abs/1503.02531
    """

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy with its zeros kept, return the best epoch."""
        return self.retrain(model, context)
