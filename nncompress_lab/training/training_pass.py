"""Training a copy of a model on labels, and on a teacher's soft targets if there is one.

What the passes share that train a model which they did not make: fine-tuning, gradual
pruning and the training of tables differ in what they do to the copy before and meanwhile.
"""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import keras

from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.training.loop import Objective, Training, given, with_class_indices
from nncompress_lab.training.teach import NOTHING, Meanwhile, teach
from nncompress_lab.training.teacher_losses import TeacherLoss, check_weighing

Teacher = Literal["original", "context"]
_FIELDS = {"original": "original", "context": "teacher"}  # of the context


@dataclass(frozen=True)
class Taught:
    """Whom a pass learns from, by its fields of the same names.

    Args:
        teacher: `"original"`, `"context"` or None, as in `FineTune`.
        temperature: Of the soft targets, above 0.
        student_loss_weight: Of the labels beside the soft targets, in [0, 1].
        loss: Name of a Keras loss, or `"auto"`.

    Raises:
        ValueError: If a value is out of range, or there is a teacher and a named loss.
    """

    teacher: Teacher | None = None
    temperature: float = 4.0
    student_loss_weight: float = 0.1
    loss: str = "auto"

    def __post_init__(self) -> None:
        check_weighing(self.temperature, self.student_loss_weight)
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

    @classmethod
    def of(cls, step: Pass) -> "Taught":
        """The settings of a pass: its fields that have the names of these here."""
        names = [field.name for field in fields(cls) if hasattr(step, field.name)]
        return cls(**{name: getattr(step, name) for name in names})

    @property
    def needs(self) -> frozenset[str]:
        """Training data, validation data to choose the epoch by, and the teacher."""
        teacher = {_FIELDS[self.teacher]} if self.teacher else set()
        return frozenset({"train", "validation"} | teacher)


def train_copy(
    step: Pass,
    model: keras.Model,
    context: Context,
    meanwhile: Meanwhile = NOTHING,
) -> keras.Model:
    """Train a copy of a model as a pass says.

    Args:
        step: Its fields are those of `Training` and `Taught`.
        model: It is not changed.
        context: What `Taught.needs` names.
        meanwhile: What is done to the copy.

    Returns:
        A new model with the weights of the best epoch, or those before the first.
    """
    training, taught = Training.of(step), Taught.of(step)
    if taught.teacher is not None:
        return teach(
            model,
            getattr(context, _FIELDS[taught.teacher]),
            TeacherLoss(
                classes=model.output_shape[-1],
                temperature=taught.temperature,
                student_loss_weight=taught.student_loss_weight,
            ),
            training=training,
            context=context,
            meanwhile=meanwhile,
        )
    train, validation = given(context.train), given(context.validation)
    first = meanwhile.judged_from
    objective = Objective(taught.loss, judged_from=first)
    if taught.loss == "auto":
        train = with_class_indices(model, train)
        validation = with_class_indices(model, validation)
        objective = Objective.classification(model, judged_from=first)
    tuned = copy_model(model)
    meanwhile.prepare(tuned)
    training.fit(
        tuned,
        training.batches(train, context),
        validation=validation,
        objective=objective,
        context=context,
        callbacks=meanwhile.callbacks,
    )
    return copy_model(tuned)
