"""A student trained while somebody watches, beside the two controls of the experiment."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import keras
import numpy as np

from nncompress_lab import progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.data.streams import Batch
from nncompress_lab.distillation.distillation import Distillation
from nncompress_lab.passes import Context
from nncompress_lab.trials.answers import class_logits

LABELS: Final = "labels only"
HARD: Final = "hard labels"
TAUGHT: Final = "as set above"
WAYS: Final = (LABELS, HARD, TAUGHT)
# Called with a way, the fraction of it that is done, and its accuracies so far.
Heard = Callable[[str, float, tuple[float, ...]], object]


class StudentTraining:
    """Trains one student in three ways, from the same weights, in the same order.

    The two controls, labels only and the teacher's hard labels, depend on nothing that a
    control sets, so that each is trained once.

    Args:
        teacher: A classifier.
        student: What each training begins with.
        data: With images to train on.
        judged_on: The first validation images, on which epochs are chosen and accuracies
            measured, with class indices.
        seed: Of the order of the images.
    """

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        data: Context,
        judged_on: Data,
        *,
        seed: int = 0,
    ) -> None:
        self._teacher, self._student = teacher, student
        self._train: Any = data.train
        validation: Any = data.validation
        self._validation = validation.take(len(judged_on))  # labels as they came
        self._judged_on = judged_on
        self._seed = seed
        self._curves: dict[tuple[str, int], tuple[tuple[float, ...], float]] = {}

    def run(
        self, step: Distillation, heard: Heard
    ) -> tuple[Mapping[str, float], keras.Model]:
        """Train in all ways.

        Args:
            step: The third way.
            heard: Called while it goes on; what it raises ends it.

        Returns:
            The accuracy of each way, and the student of the third.
        """
        found = {}
        labels = Distillation(
            student=self._student, student_loss_weight=1.0, epochs=step.epochs
        )
        for way in (LABELS, HARD):
            key = way, step.epochs
            if key not in self._curves:
                train = self._train if way == LABELS else self._train.mapped(self._hard)
                curve, student = self._trained(way, labels, train, heard)
                self._curves[key] = curve, self._accuracy(student)
            curve, found[way] = self._curves[key]
            heard(way, 1.0, curve)
        _, student = self._trained(TAUGHT, step, self._train, heard)
        found[TAUGHT] = self._accuracy(student)
        return found, student

    def _trained(
        self, way: str, step: Distillation, train: Data, heard: Heard
    ) -> tuple[tuple[float, ...], keras.Model]:
        curve: list[float] = []

        def keep(figures: Mapping[str, float]) -> None:
            curve.extend(one for name, one in figures.items() if "accuracy" in name)

        context = Context(
            train=train, validation=self._validation, seed=self._seed, progress=False
        )
        step = replace(step, patience=step.epochs)
        with progress.heard_by(lambda done: heard(way, done, tuple(curve)), keep):
            student = step(self._teacher, context)
        heard(way, 1.0, tuple(curve))
        return tuple(curve), student

    def _accuracy(self, student: keras.Model) -> float:
        answers = np.argmax(class_logits(student, self._judged_on.x), axis=-1)
        return float(np.mean(answers == self._judged_on.y))

    def _hard(self, x: Any, y: Any, weight: Any) -> Batch:
        """The images with what the teacher finds likeliest, in the form of their labels."""
        labels = np.argmax(class_logits(self._teacher, x), axis=-1)
        if y.ndim == 2:
            labels = np.eye(y.shape[1])[labels] if y.shape[1] > 1 else labels[:, None]
        return x, labels.astype(y.dtype), weight
