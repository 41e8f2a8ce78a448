"""A teacher and a student side by side: what the one tells the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab import measure
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.distillation.distillation import Distillation
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.passes import Context
from nncompress_lab.report.metrics import ACCURACY
from nncompress_lab.training.arrays.features import hint_loss
from nncompress_lab.training.arrays.soft_targets import soft_targets
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.logits_and_features import (
    logits_model,
    teacher_and_student_views,
)
from nncompress_lab.training.output_scale import output_scale
from nncompress_lab.training.teach import check_pair
from nncompress_lab.training.teacher_losses import head_of
from nncompress_lab.training.while_training import seeded
from nncompress_lab.trials.answers import class_logits
from nncompress_lab.trials.arrays.teaching import Terms, entropies, others, terms
from nncompress_lab.trials.examples import Given, context_for, images_for
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES
from nncompress_lab.trials.student_training import Heard, StudentTraining
from nncompress_lab.trials.trial import Measured

EPOCHS: Final = 5  # of a training that somebody waits for
UNLIMITED: Final = 1e6  # the temperature whose limit the squared error of the logits is
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Seen:
    """One image as teacher and student see it under a choice.

    Args:
        image: The input itself.
        label: Its class.
        teacher: Probabilities of the classes at the choice's temperature.
        student: Likewise.
        terms: The loss of this image and its gradients.
        features: The loss on the features, weighted, the mean over the images; 0 without.
    """

    image: Array
    label: int
    teacher: Array
    student: Array
    terms: Terms
    features: float


class DistillationTrial:
    """A teacher, a student, and any way in which the one teaches the other.

    A choice is a `Distillation` whose student is the trial's, and so is its setting. What
    needs no training is computed from the logits of both at once. The figures of a choice
    are those of the student as it was handed over; its accuracy, and the probabilities in
    `seen`, are those after the training as soon as the choice has been trained.

    The trial may be used from several threads at once. `pair` are the copies of teacher and
    student that it works with.

    Args:
        teacher: A built functional or sequential classifier. It is not changed.
        student: Of the same inputs and classes, not changed either; each training begins
            with its weights.
        data: As `ModelTrial` takes it; only a data set has images to train on.
        examples: How many of the validation images, from the first on.
        epochs: Of a training.

    Raises:
        UnsupportedModelError: If a model cannot be copied.
        TypeError: If `data` is none of what `ModelTrial` takes.
        ValueError: If the two models do not fit each other or the images.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> teacher, student = zoo.lenet5(), zoo.lenet5(pretrained=False)
        >>> images = data.fashion_mnist().validation
        >>> trial = DistillationTrial(teacher, student, images, examples=100)
        >>> cold, warm = (trial.counted(trial.choice(temperature=t)) for t in (1.0, 4.0))
        >>> cold["others"] < 0.1 < warm["others"]
        True
    """

    metric = ACCURACY

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        data: Given,
        *,
        examples: int = EXAMPLES,
        epochs: int = EPOCHS,
    ) -> None:
        check_model(student)
        check_pair(teacher, student)
        self.name: str = teacher.name
        self.student = student
        self.context = context_for(teacher, data)
        self.data = images_for(teacher, self.context, examples)
        labels: Any = self.context.validation
        _check_classes(teacher, student, labels.take(len(self.data)))
        self.pair = copy_model(teacher), copy_model(student)
        self._epochs = epochs
        self._said = class_logits(self.pair[0], self.data.x)
        self._answers = class_logits(self.pair[1], self.data.x)
        named = data.class_names if isinstance(data, Dataset) else ()
        classes = self._said.shape[1]
        self.class_names = (
            named
            if len(named) >= classes
            else tuple(f"class {one}" for one in range(classes))
        )
        self._training = (
            StudentTraining(*self.pair, self.context, self.data)
            if self.context.train is not None
            else None
        )
        self._taught: dict[Distillation, tuple[float, Array]] = {}

    @property
    def examples(self) -> int:
        """How many images the accuracy is measured on."""
        return len(self.data)

    @property
    def can_train(self) -> bool:
        """Whether there are training images."""
        return self._training is not None

    @cached_property
    def unsure_first(self) -> list[int]:
        """The places of the images, from the one of which the teacher is least sure."""
        bits = entropies(soft_targets(self._said))
        return [int(place) for place in np.argsort(-bits, kind="stable")]

    @cached_property
    def original(self) -> Figures:
        """Those of the teacher, and of its word at temperature 1."""
        sizes = measure.file_sizes(self.pair[0])
        return {
            "accuracy": self._right(self._said),
            **self.counted(self.choice(temperature=1.0)),
            "macs": measure.macs(self.pair[0]),
            "parameters": measure.parameters(self.pair[0]),
            "keras_bytes": sizes.keras,
            "packed_bytes": sizes.packed,
        }

    def choice(self, **settings: Any) -> Distillation:
        """A pass that teaches the trial's student."""
        return Distillation(student=self.student, epochs=self._epochs, **settings)

    def setting(self, choice: Distillation) -> Distillation:
        """The pass that does what a choice says: the choice itself."""
        return choice

    def counted(self, choice: Distillation) -> Figures:
        """How soft the targets are, how the terms balance, and the student's size.

        The squared error of the logits is the limit of soft targets at high temperature.
        """
        targets = soft_targets(self._said, temperature=_temperature(choice))
        return {
            "others": others(targets),
            "soft_entropy": float(entropies(targets).mean()),
            "balance": self._terms(choice, slice(None), self._answers).balance,
            **self._size,
        }

    def measured(self, choice: Distillation) -> Iterator[Measured]:
        """The student's accuracy: after its training, if the choice has been trained."""
        accuracy = self._now(choice)[0]
        yield Measured(accuracy, self._right(self._said) - accuracy, self.examples)

    def weighed(self, choice: Distillation) -> Figures:
        """Bytes of the student's file, before any training."""
        return self._bytes

    def is_trained(self, choice: Distillation) -> bool:
        """Whether the student has been trained under a choice."""
        return choice in self._taught

    def seen(self, choice: Distillation, place: int) -> Seen:
        """One of the images as the two see it.

        Args:
            choice: The temperature and the weights.
            place: Of the image, in the order of the data.
        """
        rows = slice(place, place + 1)
        answers = self._now(choice)[1]
        teacher, student = (
            soft_targets(logits[place], temperature=_temperature(choice))
            for logits in (self._said, answers)
        )
        hint = choice.feature_weight * self._hint if choice.features == "hint" else 0.0
        return Seen(
            self.data.x[place],
            int(self.data.y[place]),
            teacher,
            student,
            self._terms(choice, rows, answers),
            hint,
        )

    def trained(self, choice: Distillation, heard: Heard) -> Mapping[str, float]:
        """Train the student under a choice, and its two controls.

        Args:
            choice: How the teacher teaches.
            heard: Called with the name of the way, the fraction that is done and the
                accuracies after its epochs so far; what it raises ends the training.

        Returns:
            The accuracy of each way at the end.

        Raises:
            ValueError: If the trial was made without training images.
        """
        if self._training is None:
            raise ValueError(
                "Training needs training images. Received: a single Data. Make the "
                "control with a data set, such as ncl.data.fashion_mnist()."
            )
        step = replace(choice, student=self.pair[1])
        accuracies, student = self._training.run(step, heard)
        answers = class_logits(student, self.data.x)
        self._taught[choice] = self._right(answers), answers
        return accuracies

    @cached_property
    def _size(self) -> Figures:
        return {
            "macs": measure.macs(self.pair[1]),
            "parameters": measure.parameters(self.pair[1]),
        }

    @cached_property
    def _bytes(self) -> Figures:
        sizes = measure.file_sizes(self.pair[1])
        return {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}

    @cached_property
    def _hint(self) -> float:
        """The loss on features with which a training begins."""
        with seeded(0):
            teacher, student = map(logits_model, self.pair)
            views = teacher_and_student_views(teacher, student, "hint", ())
        rows = [view.predict(self.data.x, verbose=0)[-1] for view in views]
        return float(hint_loss(*rows).mean())

    def _now(self, choice: Distillation) -> tuple[float, Array]:
        return self._taught.get(choice) or (self._right(self._answers), self._answers)

    def _right(self, logits: Array) -> float:
        return float(np.mean(np.argmax(logits, axis=-1) == self.data.y))

    def _terms(self, choice: Distillation, rows: slice, answers: Array) -> Terms:
        return terms(
            self._said[rows],
            answers[rows],
            self.data.y[rows],
            temperature=choice.temperature,
            student_loss_weight=choice.student_loss_weight,
            squared=choice.loss == "mse",
            single=self.pair[0].output_shape[-1] == 1,
        )


def _check_classes(teacher: keras.Model, student: keras.Model, data: Data) -> None:
    """Raise a `ValueError` of a single unit that the pass would teach a real number."""
    if teacher.output_shape[-1] != 1:
        return
    (loss,) = task_of(student, data, context=Context(original=teacher)).losses
    if head_of(loss, output_scale(student)) != "binary":
        raise ValueError(
            "A single unit says yes or no where it has a sigmoid, whole numbers for "
            f"labels or a binary cross-entropy for its loss. Received: {teacher.name!r} "
            "with none of these, as in a regression, for which there are no "
            "probabilities to show. Use the pass itself: Distillation takes any model."
        )


def _temperature(choice: Distillation) -> float:
    return UNLIMITED if choice.loss == "mse" else choice.temperature
