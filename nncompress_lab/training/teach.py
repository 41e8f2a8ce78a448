"""Teaching one model by another: the teacher is run once, then the student is trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.copying import copy_weights
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.training.logits_and_features import (
    logits_model,
    teacher_and_student_views,
)
from nncompress_lab.training.loop import Objective, fit, given, with_class_indices
from nncompress_lab.training.teacher_losses import TeacherLoss
from nncompress_lab.training.teacher_outputs import outputs_once
from nncompress_lab.training.training_pass import TrainingPass
from nncompress_lab.training.while_training import seeded


@dataclass(frozen=True, eq=False)
class Meanwhile:
    """What a pass does to the copy of a model that trains, before and meanwhile.

    Args:
        prepare: Called with the copy before it trains.
        callbacks: As in `fit`.
        judged_from: As in `Objective`.
    """

    prepare: Callable[[keras.Model], None] = lambda _copy: None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    judged_from: int | None = None


NOTHING = Meanwhile()


def teach(
    student: keras.Model,
    teacher: keras.Model,
    loss: TeacherLoss,
    *,
    step: TrainingPass,
    context: Context,
    soft_labels: str | None = None,
    meanwhile: Meanwhile = NOTHING,
) -> keras.Model:
    """Train a student on its teacher's outputs and on the labels.

    The teacher runs once over the training and the validation data, before the first
    epoch, and not again for the next pass that teaches on the same data; what it says is
    kept beside the inputs in whatever order they are drawn.

    Args:
        student: The model to begin with. It is not changed. Its kernel weights that are
            zero stay zero.
        teacher: Of the same inputs and classes. It is not changed.
        loss: The loss.
        step: The numbers of the training.
        context: With training and validation data.
        soft_labels: An `.npz` file that keeps the teacher's outputs for the next run.
        meanwhile: What is done to the copy that trains.

    Returns:
        A new model like `student`, with the weights of the epoch whose accuracy on the
        validation data was best, or those before the first.

    Raises:
        ValueError: If the models do not fit each other, or the labels do not fit them.
    """
    check_pair(teacher, student)
    parts = [
        with_class_indices(student, given(part))
        for part in (context.train, context.validation)
    ]
    pupil = logits_model(student)
    with seeded(context.seed):
        teacher_view, pupil_view = teacher_and_student_views(
            logits_model(teacher), pupil, loss.features, loss.layers
        )
    inputs = [part.x for part in parts]
    outputs = outputs_once(teacher_view, inputs, teacher=teacher, file=soft_labels)
    train, validation = (
        Data(part.x, np.column_stack([part.y.astype(np.float32), rows]), name=part.name)
        for part, rows in zip(parts, outputs, strict=True)
    )
    meanwhile.prepare(pupil)
    fit(
        pupil_view,
        train,
        step=step,
        validation=validation,
        objective=Objective(
            loss.total,
            [loss.accuracy],
            judged_by="accuracy",
            judged_from=meanwhile.judged_from,
        ),
        context=context,
        callbacks=meanwhile.callbacks,
    )
    taught = copy_model(student)
    copy_weights(pupil, taught)
    return taught


def check_pair(teacher: keras.Model, student: keras.Model) -> None:
    """Raise a `ValueError` unless both take the same inputs and return as many classes."""
    for name in ("input_shape", "output_shape"):
        one, other = getattr(teacher, name), getattr(student, name)
        if one != other:
            raise ValueError(
                f"Teacher and student must have the same {name.replace('_', ' ')}. "
                f"Received: {one} of the teacher {teacher.name!r}, {other} of the student "
                f"{student.name!r}. Change the student's first or last layer."
            )
