"""Teaching one model by another: the teacher is run once, then the student is trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras

from nncompress_lab.data.datasets import Data
from nncompress_lab.data.streams import Batch
from nncompress_lab.models.copying import copy_weights
from nncompress_lab.models.inputs import output_names
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.passes import Context
from nncompress_lab.training.logits_and_features import (
    logits_model,
    teacher_and_student_views,
)
from nncompress_lab.training.loop import fit, given
from nncompress_lab.training.output_scale import output_scale
from nncompress_lab.training.per_output import labels_of_outputs, shapes_of_outputs
from nncompress_lab.training.task import Task, named_metrics
from nncompress_lab.training.teacher_losses import OfStudent, TaughtOutput, TeacherLoss
from nncompress_lab.training.teacher_outputs import outputs_once
from nncompress_lab.training.training_pass import TrainingPass
from nncompress_lab.training.while_training import seeded


@dataclass(frozen=True, eq=False)
class Meanwhile:
    """What a pass does to the copy of a model that trains, before and meanwhile.

    Args:
        prepare: Called with the copy before it trains.
        callbacks: Those of `fit`, from the data that the copy is trained on.
        judged_from: As in `Task`.
        judged_by_loss: Whether the loss chooses the epoch, whatever the task says: where
            it counts something beside the task.
    """

    prepare: Callable[[keras.Model], None] = lambda _copy: None
    callbacks: Callable[[Data], Sequence[keras.callbacks.Callback]] = lambda _train: ()
    judged_from: int | None = None
    judged_by_loss: bool = False

    def judging(self, task: Task) -> Task:
        """The task, with what chooses the epoch."""
        if self.judged_by_loss:
            task = replace(task, judged_by="loss", mode="min")
        return replace(task, judged_from=self.judged_from)


NOTHING = Meanwhile()


def teach(
    student: keras.Model,
    teacher: keras.Model,
    loss: TeacherLoss,
    *,
    task: Task,
    step: TrainingPass,
    context: Context,
    meanwhile: Meanwhile = NOTHING,
) -> keras.Model:
    """Train a student on its teacher's outputs and on the labels.

    The teacher runs once over the training and the validation data, before the first
    epoch, and not again for the next pass that teaches on the same data; what it says is
    kept beside the inputs in whatever order they are drawn. Beside a pipeline, which is
    read batch by batch, it runs along.

    Args:
        student: The model to begin with. It is not changed. Its kernel weights that are
            zero stay zero.
        teacher: Of the same inputs and classes. It is not changed.
        loss: How the student learns from its teacher.
        task: The losses on the labels, and what chooses the epoch.
        step: The numbers of the training.
        context: With training and validation data.
        meanwhile: What is done to the copy that trains.

    Returns:
        A new model like `student`, with the weights of the epoch that the task judges the
        best on the validation data, or those before the first.

    Raises:
        ValueError: If the models do not fit each other, or the labels do not fit them.
    """
    check_pair(teacher, student)
    parts = [given(part) for part in (context.train, context.validation)]
    pupil = logits_model(student)
    with seeded(context.seed):
        teacher_view, pupil_view = teacher_and_student_views(
            logits_model(teacher), pupil, loss.features, loss.layers
        )
    outputs = taught_outputs(student, task, loss, parts[0])
    train, validation = _with_answers(
        parts, outputs, teacher_view, teacher=teacher, file=loss.soft_labels
    )
    meanwhile.prepare(pupil)
    fit(
        pupil_view,
        train,
        step=step,
        validation=validation,
        task=_taught_task(task, outputs, loss, pupil_view),
        context=context,
        callbacks=meanwhile.callbacks(train),
    )
    taught = copy_model(student)
    copy_weights(pupil, taught)
    return taught


def taught_outputs(
    student: keras.Model, task: Task, loss: TeacherLoss, train: Data
) -> list[TaughtOutput]:
    """The loss of each output of a student."""
    labels = labels_of_outputs(student, train.take(1).y)
    return [
        TaughtOutput.of(
            loss,
            task.losses[index],
            channels=int(shape[-1] or 1),
            scale=output_scale(student, index),
            labels=labels[index],
        )
        for index, shape in enumerate(shapes_of_outputs(student))
    ]


def _with_answers(
    parts: Sequence[Data],
    outputs: Sequence[TaughtOutput],
    view: keras.Model,
    *,
    teacher: keras.Model,
    file: str | None,
) -> list[Data]:
    """The data with what the teacher puts out beside their labels."""

    def with_answers(x: Any, y: Any, weight: Any, answers: Sequence[Any]) -> Batch:
        labels = labels_of_outputs(teacher, y)
        targets = [
            one.targets(label, answer)
            for one, label, answer in zip(outputs, labels, answers, strict=False)
        ]
        targets += answers[len(outputs) :]
        return x, tuple(targets) if targets[1:] else targets[0], weight

    def asking(x: Any, y: Any, weight: Any) -> Batch:
        return with_answers(x, y, weight, keras.tree.flatten(view.predict_on_batch(x)))

    arrays = [part for part in parts if not part.is_stream]
    known = outputs_once(view, [part.x for part in arrays], teacher=teacher, file=file)
    answers = dict(zip(map(id, arrays), known, strict=True))
    return [
        part.mapped(
            asking
            if part.is_stream
            else partial(with_answers, answers=answers[id(part)])
        )
        for part in parts
    ]


def _taught_task(
    task: Task, outputs: Sequence[TaughtOutput], loss: TeacherLoss, view: keras.Model
) -> Task:
    """The task of a view that returns logits and features."""
    more = len(view.outputs) - len(outputs)
    metrics = [
        [OfStudent(metric, output) for metric in some]
        for output, some in zip(outputs, task.metrics or [()], strict=True)
    ]
    metrics += [[] for _ in range(more)]
    weights = [*(task.weights or [1.0] * len(outputs)), *[loss.feature_weight] * more]
    logged = named_metrics(output_names(view), metrics)
    return replace(
        task,
        losses=[*(one.total for one in outputs), *[loss.compare_features] * more],
        weights=weights if set(weights) != {1.0} else [],
        metrics=metrics,
        judged_by=_renamed(task, list(logged)),
    )


def _renamed(task: Task, logged: list[str]) -> str:
    """What decides, under the name that it has where features are outputs, too."""
    if task.judged_by == "loss":
        return "loss"
    return logged[task.figures.index(task.judged_by)]


def check_pair(teacher: keras.Model, student: keras.Model) -> None:
    """Raise a `ValueError` unless both take the same inputs and return as many classes.

    Raises:
        UnsupportedModelError: Of a teacher whose layers Keras does not connect.
    """
    check_model(teacher)
    for name in ("input_shape", "output_shape"):
        one, other = getattr(teacher, name), getattr(student, name)
        if one != other:
            raise ValueError(
                f"Teacher and student must have the same {name.replace('_', ' ')}. "
                f"Received: {one} of the teacher {teacher.name!r}, {other} of the student "
                f"{student.name!r}. Change the student's first or last layer."
            )
