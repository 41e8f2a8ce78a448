"""What a student is taught: the teacher's outputs, run once, and the loss on them.

The targets of an example are one row, `[label | the teacher's logits | the teacher's
features]`, so that ordinary batches keep them with their inputs in whatever order they are
drawn.
"""

from dataclasses import dataclass
from typing import Any, Literal

from keras import ops

from nncompress_lab.training.arrays.features import (
    hint_loss,
    map_loss,
    relational_loss,
)
from nncompress_lab.training.arrays.soft_targets import (
    decoupled_loss,
    logit_loss,
    soft_target_loss,
)

Loss = Literal["soft_targets", "mse", "decoupled"]
Features = Literal["hint", "attention", "relational"]
Layers = tuple[tuple[str, str], ...]

# On rows: of the features themselves, or of attention maps.
FEATURE_LOSSES = {
    "hint": hint_loss,
    "attention": map_loss,
    "relational": relational_loss,
}


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
        labels = ops.cast(taught[:, 0], "int32")
        teacher, teacher_rows = self._split(taught[:, 1:])
        student, student_rows = self._split(outputs)
        hard = ops.sparse_categorical_crossentropy(labels, student, from_logits=True)
        soft = self._soft(teacher, student, labels)
        weight = self.student_loss_weight
        loss = weight * hard + (1 - weight) * soft
        if self.features is not None:
            compare = FEATURE_LOSSES[self.features]
            loss += self.feature_weight * compare(teacher_rows, student_rows, xp=ops)
        return loss

    def accuracy(self, taught: Any, outputs: Any) -> Any:
        """1 where the student's largest logit is the label, else 0."""
        right = ops.argmax(outputs[:, : self.classes], axis=-1)
        return ops.cast(right == ops.cast(taught[:, 0], right.dtype), "float32")

    def _split(self, rows: Any) -> tuple[Any, Any]:
        return rows[:, : self.classes], rows[:, self.classes :]

    def _soft(self, teacher: Any, student: Any, labels: Any) -> Any:
        if self.loss == "mse":
            return logit_loss(teacher, student, xp=ops)
        if self.loss == "decoupled":
            return decoupled_loss(
                teacher, student, labels, temperature=self.temperature, xp=ops
            )
        return soft_target_loss(teacher, student, temperature=self.temperature, xp=ops)
