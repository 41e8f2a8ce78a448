"""What a student is told by labels and by its teacher: losses, and gradients on logits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.training.arrays.soft_targets import (
    log_soft_targets,
    logit_loss,
    soft_target_loss,
    soft_targets,
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """The two terms of a loss, weighted, for each example.

    Args:
        labels: The part of the labels, shape `(n,)`.
        teacher: The part of the teacher's logits, shape `(n,)`.
        of_labels: The gradient of the first on the student's logits, `(n, classes)`.
        of_teacher: The gradient of the second.
        factor: The temperature² that is in `teacher` and `of_teacher`; 1 without one.
    """

    labels: Array
    teacher: Array
    of_labels: Array
    of_teacher: Array
    factor: float

    @property
    def balance(self) -> float:
        """The weaker term's share of the gradients' lengths, from 0 to 0.5."""
        lengths = [
            float(np.linalg.norm(one, axis=-1).mean())
            for one in (self.of_labels, self.of_teacher)
        ]
        return min(lengths) / sum(lengths) if sum(lengths) else 0.0


def terms(
    teacher: Any,
    student: Any,
    labels: Any,
    *,
    temperature: float,
    student_loss_weight: float,
    squared: bool = False,
    single: bool = False,
) -> Terms:
    """The loss that `Distillation` makes small, taken apart.

    Args:
        teacher: Logits of shape `(n, classes)`.
        student: Logits of the same shape.
        labels: Class indices, shape `(n,)`.
        temperature: Of the soft targets, above 0.
        student_loss_weight: Of the labels; the rest of 1 is the teacher's.
        squared: Whether the teacher teaches its logits, without any temperature.
        single: Whether a single unit says yes or no, so that the first of two logits is
            always 0; its squared error is that of the other one, nothing taken off.

    Example:
        >>> found = terms(
        ...     np.array([[4.0, 0.0]]), np.array([[0.0, 0.0]]), np.array([0]),
        ...     temperature=4.0, student_loss_weight=0.5,
        ... )
        >>> found.labels.round(3), found.teacher.round(3), found.of_teacher.round(3)
        (array([0.347]), array([0.888]), array([[-0.462,  0.462]]))

    References:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015,
        section 2.1. https://arxiv.org/abs/1503.02531
    """
    teacher, student = (np.asarray(one, np.float64) for one in (teacher, student))
    rows, classes = np.arange(len(labels)), student.shape[-1]
    of_labels = soft_targets(student)
    of_labels[rows, labels] -= 1
    if squared:
        said = logit_loss(teacher, student)
        away = student - teacher
        away = away - away.mean(axis=-1, keepdims=True)
        share = 4 if single else 1  # a half of the difference is in each of two logits
        said = share * said
        of_teacher, factor = share * 2 / classes * away, 1.0
    else:
        said = soft_target_loss(teacher, student, temperature=temperature)
        softened = (
            soft_targets(one, temperature=temperature) for one in (student, teacher)
        )
        of_teacher = temperature * np.subtract(*softened)
        factor = temperature**2
    weight = student_loss_weight
    return Terms(
        labels=-weight * log_soft_targets(student)[rows, labels],
        teacher=(1 - weight) * said,
        of_labels=weight * of_labels,
        of_teacher=(1 - weight) * of_teacher,
        factor=factor,
    )


def others(probabilities: Any) -> float:
    """What the classes but the likeliest have together, on average.

    Example:
        >>> round(others(np.array([[0.9, 0.1], [0.5, 0.5]])), 3)
        0.3
    """
    return float(np.mean(1 - np.max(probabilities, axis=-1)))


def entropies(probabilities: Any) -> Array:
    """How unsure each row of probabilities is, in bits.

    Example:
        >>> entropies(np.array([[0.5, 0.5], [1.0, 0.0]]))
        array([1., 0.])
    """
    surprise = np.log2(np.where(probabilities > 0, probabilities, 1.0))
    bits: Array = np.abs(np.sum(probabilities * surprise, axis=-1))
    return bits
