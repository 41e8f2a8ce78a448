"""What a student is taught: the teacher's outputs, run once, and the loss on them.

The arrays of `soft_targets` and `features` are the reference for the losses here, which
are the same formulas on the tensors of any backend. The targets of an example are one row,
`[label | the teacher's logits | the teacher's features]`, so that ordinary batches keep
them with their inputs in whatever order they are drawn.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from keras import ops

from nncompress_lab.training.arrays.soft_targets import OTHERS_WEIGHT

Loss = Literal["soft_targets", "mse", "decoupled"]
Features = Literal["hint", "attention", "relational"]
Layers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TeacherLoss:
    """The loss of a student on its teacher's outputs and on the labels.

    Args:
        classes: How many logits there are.
        loss: Which loss on the logits.
        temperature: Of the soft targets.
        student_loss_weight: Of the labels; the rest of 1 is the teacher's.
        features: Which loss on the features, None for none.
        feature_weight: Of that loss, beside the two others.
        layers: Where the features are, as `teacher_and_student_views` takes them.
    """

    classes: int
    loss: Loss = "soft_targets"
    temperature: float = 4.0
    student_loss_weight: float = 0.1
    features: Features | None = None
    feature_weight: float = 1.0
    layers: Layers = ()

    def total(self, taught: Any, outputs: Any) -> Any:
        """The loss that training makes small, one number an example.

        Args:
            taught: `[label | logits | features]` of the teacher, one row an example.
            outputs: `[logits | features]` of the student.
        """
        labels, logits = self._one_hot(taught), outputs[:, : self.classes]
        teacher = taught[:, 1 : 1 + self.classes]
        hard = -ops.sum(labels * ops.log_softmax(logits), axis=-1)
        loss = self.student_loss_weight * hard
        loss += (1 - self.student_loss_weight) * self._soft(teacher, logits, labels)
        if self.features is not None:
            loss += self.feature_weight * FEATURE_LOSSES[self.features](
                taught[:, 1 + self.classes :], outputs[:, self.classes :]
            )
        return loss

    def accuracy(self, taught: Any, outputs: Any) -> Any:
        """1 where the student's largest logit is the label, else 0."""
        right = ops.argmax(outputs[:, : self.classes], axis=-1)
        return ops.cast(right == ops.cast(taught[:, 0], right.dtype), "float32")

    def _one_hot(self, taught: Any) -> Any:
        return ops.one_hot(ops.cast(taught[:, 0], "int32"), self.classes)

    def _soft(self, teacher: Any, student: Any, labels: Any) -> Any:
        if self.loss == "mse":
            return logit_loss(teacher, student)
        log_teacher = ops.log_softmax(teacher / self.temperature)
        log_student = ops.log_softmax(student / self.temperature)
        if self.loss == "decoupled":
            loss = decoupled_loss(log_teacher, log_student, labels)
        else:
            loss = _divergence(log_teacher, log_student)
        return self.temperature**2 * loss


def logit_loss(teacher: Any, student: Any) -> Any:
    """As `soft_targets.logit_loss`."""
    difference = teacher - student
    difference -= ops.mean(difference, axis=-1, keepdims=True)
    return ops.mean(ops.square(difference), axis=-1)


def decoupled_loss(log_teacher: Any, log_student: Any, labels: Any) -> Any:
    """As `soft_targets.decoupled_loss`, without temperature² and with its default weights.

    Args:
        log_teacher: Logarithms of the soft targets, shape `(n, classes)`.
        log_student: The same of the student.
        labels: One-hot, of the same shape.
    """
    target, others = zip(
        _decoupled(log_teacher, labels), _decoupled(log_student, labels), strict=True
    )
    # The label's own share among the others is 0 but for rounding: exp(-1e9).
    return _divergence(*target) + OTHERS_WEIGHT * _divergence(*others)


def _decoupled(log: Any, labels: Any) -> tuple[Any, Any]:
    of_label = ops.sum(labels * log, axis=-1)
    others = ops.where(labels > 0, -1e9, log)
    of_others = ops.logsumexp(others, axis=-1)
    shares = ops.where(labels > 0, -1e9, log - of_others[:, None])
    return ops.stack([of_label, of_others], axis=-1), shares


def _divergence(log_teacher: Any, log_student: Any) -> Any:
    return ops.sum(ops.exp(log_teacher) * (log_teacher - log_student), axis=-1)


def hint_loss(teacher: Any, student: Any) -> Any:
    """As `features.hint_loss`, of rows."""
    return ops.mean(ops.square(teacher - student), axis=-1)


def attention_loss(teacher: Any, student: Any) -> Any:
    """As `features.attention_loss`, of attention maps."""
    return ops.sum(ops.square(teacher - student), axis=-1)


def relational_loss(teacher: Any, student: Any) -> Any:
    """As `features.relational_loss`, of rows; one number for the batch."""
    (distances, angles), (other_distances, other_angles) = map(
        _relations, (teacher, student)
    )
    return _huber(distances - other_distances) + 2 * _huber(angles - other_angles)


def _relations(rows: Any) -> tuple[Any, Any]:
    """Distances and cosines from inner products, without an array of (n, n, width)."""
    rows = rows - ops.mean(rows, axis=0, keepdims=True)
    products = ops.matmul(rows, ops.transpose(rows))
    squares = ops.sum(ops.square(rows), axis=-1)
    distances = squares[:, None] + squares[None, :] - 2 * products
    # What rounding leaves of a distance of 0 is no direction, and its root has no slope.
    apart = distances > 1e-6 * ops.mean(squares)
    distances = ops.sqrt(ops.where(apart, distances, 1.0))
    apart = ops.cast(apart, distances.dtype)
    mean = ops.sum(apart * distances) / ops.maximum(ops.sum(apart), 1.0)
    inner = products[None, :, :] - products[:, :, None] - products[:, None, :]
    inner += squares[:, None, None]
    unit = apart / distances
    cosines = inner * unit[:, :, None] * unit[:, None, :]
    return apart * distances / ops.maximum(mean, 1e-12), cosines


def _huber(difference: Any) -> Any:
    size = ops.abs(difference)
    return ops.mean(ops.where(size <= 1, ops.square(size) / 2, size - 0.5))


FEATURE_LOSSES = {
    "hint": hint_loss,
    "attention": attention_loss,
    "relational": relational_loss,
}


def attention_map(features: Any) -> Any:
    """As `features.attention_map`, of tensors; differentiable at 0."""
    energy = ops.mean(ops.square(features), axis=-1)
    energy = ops.reshape(energy, (-1, math.prod(energy.shape[1:])))
    length = ops.sqrt(ops.sum(ops.square(energy), axis=-1, keepdims=True) + 1e-24)
    return energy / length
