"""What a student is taught, output by output: by labels, and by its teacher.

The targets of an output are one array, `[labels | the teacher's logits]` along the last
axis, so that ordinary batches keep them with their inputs in whatever order they are
drawn; the teacher's features are another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from nncompress_lab.training.arrays.features import (
    hint_loss,
    map_loss,
    relational_loss,
)
from nncompress_lab.training.arrays.soft_targets import (
    bernoulli_loss,
    decoupled_loss,
    logit_loss,
    soft_target_loss,
)
from nncompress_lab.training.known_task import on_scale
from nncompress_lab.training.labels import kind_for
from nncompress_lab.training.output_scale import Scale
from nncompress_lab.training.task import labels_for

Loss = Literal["soft_targets", "mse", "decoupled"]
Features = Literal["hint", "attention", "relational"]
Layers = tuple[tuple[str, str], ...]
Head = Literal["classes", "binary", "real"]
Array = npt.NDArray[Any]

# On rows: of the features themselves, or of attention maps.
FEATURE_LOSSES = {
    "hint": hint_loss,
    "attention": map_loss,
    "relational": relational_loss,
}
ACTIVATIONS: dict[Scale, Any] = {
    "softmax": keras.activations.softmax,
    "sigmoid": keras.activations.sigmoid,
}


@dataclass(frozen=True)
class TeacherLoss:
    """How a student learns from its teacher, as a pass says it.

    Args:
        loss: Which loss on the logits.
        temperature: Of the soft targets.
        student_loss_weight: Of the labels; the rest of 1 is the teacher's.
        features: Which loss on the features, None for none.
        feature_weight: Of that loss, beside the two others.
        layers: Where the features are, as `teacher_and_student_views` takes them.
        soft_labels: An `.npz` file that keeps the teacher's outputs for the next run.
    """

    loss: Loss = "soft_targets"
    temperature: float = 4.0
    student_loss_weight: float = 0.1
    features: Features | None = None
    feature_weight: float = 1.0
    layers: Layers = ()
    soft_labels: str | None = None

    def compare_features(self, teacher: Any, student: Any) -> Any:
        """The loss on features, one number an example, or one for the batch."""
        return FEATURE_LOSSES[self.features or "hint"](teacher, student, xp=ops)


@dataclass(frozen=True, eq=False)
class TaughtOutput:
    """The loss of one output of a student on labels and on its teacher's output.

    Args:
        channels: Size of the last axis of the output.
        loss: As in `TeacherLoss`.
        temperature: As in `TeacherLoss`.
        student_loss_weight: As in `TeacherLoss`.
        head: What the output says: one of several classes, yes or no, or a number.
        on_labels: The loss of labels and the student's logits; None for the cross-entropy
            of class indices.
        scale: Of the model that the student is made of: what its metrics expect.
        labels_like: An array of labels like those in the targets; None for class indices.
    """

    channels: int
    loss: Loss = "soft_targets"
    temperature: float = 4.0
    student_loss_weight: float = 0.1
    head: Head = "classes"
    on_labels: Callable[[Any, Any], Any] | None = None
    scale: Scale = "logits"
    labels_like: Array | None = None

    @classmethod
    def of(
        cls,
        loss: TeacherLoss,
        on_labels: Any,
        *,
        channels: int,
        scale: Scale,
        labels: Array,
    ) -> "TaughtOutput":
        """The loss of an output with labels like these, from its loss in the task.

        Raises:
            ValueError: If `loss="decoupled"` and the output is not for classes.
        """
        head = head_of(on_labels, scale)
        if loss.loss == "decoupled" and head != "classes":
            raise ValueError(
                'loss="decoupled" compares the class of the label with the others, and an '
                f"output of {channels} channels is not for classes that exclude each "
                'other. Take loss="soft_targets".'
            )
        if head == "real":
            scale = "logits"
        return cls(
            channels,
            loss.loss,
            loss.temperature,
            loss.student_loss_weight,
            head,
            _on_logits(on_labels, scale),
            scale,
            labels,
        )

    def targets(self, labels: Array, outputs: Array) -> Array:
        """The labels and what the teacher put out, side by side.

        Raises:
            ValueError: If labels and outputs have other positions.
        """
        if labels.ndim == outputs.ndim - 1:
            labels = labels[..., None]
        if labels.shape[:-1] != outputs.shape[:-1]:
            raise ValueError(
                "A teacher teaches beside labels that have a place for each of its "
                f"outputs. Received: labels of shape {labels.shape}, outputs of shape "
                f"{outputs.shape}."
            )
        parts = [labels.astype(np.float32), outputs.astype(np.float32)]
        return np.concatenate(parts, axis=-1)

    def total(self, taught: Any, outputs: Any) -> Any:
        """The loss that training makes small, one number an example or position.

        Args:
            taught: `[labels | logits]` of the teacher.
            outputs: Logits of the student.
        """
        labels, weight = self.labels(taught), self.student_loss_weight
        if self.on_labels is None:
            hard = ops.sparse_categorical_crossentropy(
                labels, outputs, from_logits=True
            )
        else:
            hard = self.on_labels(labels, outputs)
        soft = self._soft(taught[..., -self.channels :], outputs, labels)
        return weight * hard + (1 - weight) * soft

    def labels(self, taught: Any) -> Any:
        """The labels, as they were before they were put beside the teacher's logits."""
        labels = taught[..., : -self.channels]
        like = self.labels_like
        if like is None or like.ndim == len(taught.shape) - 1:
            labels = labels[..., 0]
        whole = like is None or like.dtype.kind in "iub"
        return ops.cast(labels, "int32") if whole else labels

    def answers(self, outputs: Any) -> Any:
        """What the student itself puts out where its logits are these."""
        return ACTIVATIONS.get(self.scale, keras.activations.linear)(outputs)

    def _soft(self, teacher: Any, student: Any, labels: Any) -> Any:
        if self.head == "real" or (self.head == "binary" and self.loss == "mse"):
            return ops.mean(ops.square(teacher - student), axis=-1)
        if self.head == "binary":
            return bernoulli_loss(
                teacher, student, temperature=self.temperature, xp=ops
            )
        if self.loss == "mse":
            return logit_loss(teacher, student, xp=ops)
        if self.loss == "decoupled":
            if len(labels.shape) == len(teacher.shape):  # one-hot, or of shape (n, 1)
                one_hot = labels.shape[-1] != 1
                labels = ops.argmax(labels, axis=-1) if one_hot else labels[..., 0]
            return decoupled_loss(
                teacher, student, labels, temperature=self.temperature, xp=ops
            )
        return soft_target_loss(teacher, student, temperature=self.temperature, xp=ops)


def head_of(loss: Any, scale: Scale) -> Head:
    """What an output says: by its loss if that is a cross-entropy, else by its scale."""
    if kind := kind_for(loss):
        return "binary" if kind == "binary" else "classes"
    heads: dict[Scale, Head] = {"softmax": "classes", "sigmoid": "binary"}
    return heads.get(scale, "real")


class OfStudent(keras.metrics.Metric):
    """A metric of a student's answers and the labels, from its logits and the targets."""

    def __init__(self, metric: Any, output: TaughtOutput) -> None:
        super().__init__(name=metric.name)
        self.metric, self.output = metric, output

    def update_state(
        self, taught: Any, outputs: Any, sample_weight: Any = None
    ) -> None:
        """Count one batch more."""
        self.metric.update_state(
            self.output.labels(taught), self.output.answers(outputs), sample_weight
        )

    def result(self) -> Any:
        """The figure so far."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Begin anew."""
        self.metric.reset_state()


def _on_logits(loss: Any, scale: Scale) -> Callable[[Any, Any], Any]:
    """A loss of labels and outputs as one of labels and logits, for each example."""
    if scale != "logits":
        asks = isinstance(loss, keras.losses.Loss) and hasattr(loss, "get_config")
        if asks and "from_logits" in loss.get_config():
            loss = on_scale(loss, from_logits=True)
        else:
            return lambda y, z: _each(loss)(y, ACTIVATIONS[scale](z))
    return _each(loss)


def _each(loss: Any) -> Callable[[Any, Any], Any]:
    """A loss for each example, before their mean."""
    each: Callable[[Any, Any], Any] = getattr(loss, "call", loss)
    return lambda labels, outputs: each(labels_for(loss, labels, outputs), outputs)
