"""Training that recovers accuracy and keeps the zeros of a pruned model."""

from dataclasses import dataclass
from typing import Literal, get_args

import keras

from nncompress_lab.distillation.distill import check_lesson
from nncompress_lab.distillation.lessons import Lesson
from nncompress_lab.distillation.teaching import teach
from nncompress_lab.passes import Context, Pass
from nncompress_lab.rewrite import copy_model
from nncompress_lab.training import Objective, Training, given, with_class_indices

Teacher = Literal["original", "context"]


@dataclass(frozen=True)
class FineTune(Pass):
    """Train a model further, usually after a pass that cost accuracy.

    Kernel weights that are zero stay zero. Kernels stored as integers do not train; the
    biases and normalization weights beside them do. BatchNormalization forgets the means
    and variances of before within an epoch. The model is judged on the validation data
    after each epoch, training stops when that gets no better, and the weights of the best
    epoch are returned.

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
        check_lesson(self.temperature, self.student_loss_weight)
        if self.teacher is not None and self.teacher not in get_args(Teacher):
            raise ValueError(
                f"`teacher` must be None or one of {get_args(Teacher)}. Received: "
                f"teacher={self.teacher!r}. Pass a model as Context(teacher=model) and "
                "set teacher='context'."
            )
        if self.teacher is not None and self.loss != "auto":
            raise ValueError(
                "A teacher's soft targets go with the cross-entropy of class indices. "
                f"Received: loss={self.loss!r} with teacher={self.teacher!r}. Leave one "
                "of the two out."
            )

    @property
    def needs(self) -> frozenset[str]:
        """Training data to learn from, validation data to choose the epoch by."""
        teacher = {"original": "original", "context": "teacher"}
        taught = {teacher[self.teacher]} if self.teacher else set()
        return frozenset({"train", "validation"} | taught)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy with its zeros kept, return the best epoch."""
        training = Training.of(self)
        if self.teacher is not None:
            lesson = Lesson(
                classes=model.output_shape[-1],
                temperature=self.temperature,
                student_loss_weight=self.student_loss_weight,
            )
            original = self.teacher == "original"
            teacher = context.original if original else context.teacher
            return teach(model, teacher, lesson, training=training, context=context)
        train, validation = given(context.train), given(context.validation)
        objective = Objective(self.loss)
        if self.loss == "auto":
            train = with_class_indices(model, train)
            validation = with_class_indices(model, validation)
            objective = Objective.classification(model)
        tuned = copy_model(model)
        training.fit(
            tuned,
            training.batches(train, context),
            validation=validation,
            objective=objective,
            context=context,
        )
        return copy_model(tuned)
