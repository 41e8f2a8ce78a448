"""Teaching one model by another: the teacher is run once, then the student is trained."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.atomic import replace_file
from nncompress_lab.data.datasets import Data
from nncompress_lab.data.npz import read_npz
from nncompress_lab.distillation.lessons import Lesson
from nncompress_lab.distillation.student import seeded
from nncompress_lab.distillation.views import logits_model, teacher_and_student_views
from nncompress_lab.kernels import to_numpy
from nncompress_lab.passes import Context
from nncompress_lab.quiet import quiet_logger
from nncompress_lab.rewrite import copy_model, copy_weights
from nncompress_lab.training import (
    Objective,
    Training,
    given,
    jit_compile,
    with_class_indices,
)

Outputs = npt.NDArray[np.float32]


def teacher_logits(
    model: keras.Model, x: npt.NDArray[Any], *, batch_size: int = 256
) -> Outputs:
    """What a teacher says about each example, before any softmax.

    Args:
        model: A classifier that returns logits or probabilities. It is not changed, and
            runs as in inference: dropout does nothing, normalization uses its statistics.
        x: Inputs, in the order in which the rows of the result are to be.
        batch_size: Examples a forward pass.

    Returns:
        Logits of shape `(n, classes)`, float32: half as many bits would round away
        differences between classes that the soft targets are made of.

    Raises:
        ValueError: If the model does not return one number for each of several classes.
    """
    return _outputs(logits_model(model), x, batch_size=batch_size)


@dataclass(frozen=True, eq=False)
class Meanwhile:
    """What a pass does to the copy of a model that trains, before and meanwhile.

    Args:
        prepare: Called with the copy before it trains.
        callbacks: As in `Training.fit`.
        judged_from: As in `Objective`.
    """

    prepare: Callable[[keras.Model], None] = lambda _copy: None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    judged_from: int | None = None


NOTHING = Meanwhile()


def teach(
    student: keras.Model,
    teacher: keras.Model,
    lesson: Lesson,
    *,
    training: Training,
    context: Context,
    soft_labels: str | None = None,
    meanwhile: Meanwhile = NOTHING,
) -> keras.Model:
    """Train a student on its teacher's outputs and on the labels.

    The teacher runs once over the training and the validation data, before the first
    epoch; what it says is kept beside the inputs in whatever order they are drawn.

    Args:
        student: The model to begin with. It is not changed. Its kernel weights that are
            zero stay zero.
        teacher: Of the same inputs and classes. It is not changed.
        lesson: The loss.
        training: The numbers of the training.
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
            logits_model(teacher), pupil, lesson.features, lesson.layers
        )
    outputs = _outputs_once(teacher_view, [part.x for part in parts], soft_labels)
    train, validation = (
        Data(part.x, np.column_stack([part.y.astype(np.float32), rows]), part.name)
        for part, rows in zip(parts, outputs, strict=True)
    )
    meanwhile.prepare(pupil)
    training.fit(
        pupil_view,
        training.batches(train, context),
        validation=validation,
        objective=Objective(
            lesson.total,
            [lesson.accuracy],
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


def _outputs(view: keras.Model, x: npt.NDArray[Any], *, batch_size: int) -> Outputs:
    view.compile(jit_compile=jit_compile())
    with quiet_logger("tensorflow"):  # it takes several teachers for one that changes
        outputs = view.predict(x, batch_size=batch_size, verbose=0)
    return np.asarray(outputs, np.float32)


def _outputs_once(
    view: keras.Model, inputs: list[npt.NDArray[Any]], file: str | None
) -> list[Outputs]:
    """The outputs for each of the inputs: from the file, if it holds just these."""
    names = ("fingerprint", *(f"outputs{index}" for index in range(len(inputs))))
    fingerprint = _fingerprint(view, inputs) if file else b""
    if file and Path(file).exists():
        found, *outputs = read_npz(Path(file), names)
        if found.tobytes() == fingerprint:
            return outputs
    outputs = [_outputs(view, x, batch_size=256) for x in inputs]
    if file:
        arrays = [np.frombuffer(fingerprint, np.uint8), *outputs]
        with replace_file(file) as temporary, temporary.open("wb") as stream:
            named = dict(zip(names, arrays, strict=True))
            np.savez(stream, allow_pickle=False, **named)
    return outputs


def _fingerprint(view: keras.Model, inputs: list[npt.NDArray[Any]]) -> bytes:
    """Equal only for the same teacher, the same features and the same inputs in order."""
    digest = hashlib.blake2b(view.to_json().encode())
    for array in [*map(to_numpy, view.weights), *inputs]:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
