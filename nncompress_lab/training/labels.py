"""What labels and outputs tell of a task: classes, yes or no, or real numbers."""

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from nncompress_lab.training.output_scale import Scale

Kind = Literal["classes", "one_hot", "binary", "real"]
Labels = npt.NDArray[Any]
TOKENS, PIXELS = 3, 4  # axes of outputs with a label for each

WORDS: dict[Kind, str] = {
    "classes": "class indices, so the cross-entropy of classes",
    "one_hot": "one class a row, so the cross-entropy of classes",
    "binary": "yes or no, so the binary cross-entropy",
    "real": "real numbers, so the mean squared error",
}


def kind_of(labels: Labels, shape: tuple[int | None, ...], scale: Scale) -> Kind:
    """What the labels of an output are.

    Args:
        labels: The labels of all examples, or of some.
        shape: Of the output, with the axis of examples.
        scale: Of the output.

    Raises:
        ValueError: If they do not fit the output.
    """
    whole = labels.dtype.kind in "iub"
    channels = shape[-1] if len(shape) > 1 else None
    a_position = _fits(labels, shape[:-1]) or _fits(labels, (*shape[:-1], 1))
    if channels == 1 and a_position:
        yes_or_no = scale == "sigmoid" or (whole and _zero_or_one(labels))
        return "binary" if yes_or_no else "real"
    if a_position and whole and channels:
        check_class_indices(labels, channels)
        return "classes"
    if not _fits(labels, shape) or channels == 1:
        raise ValueError(misfit(labels, shape))
    if scale == "sigmoid":
        return "binary"
    if scale == "softmax":
        return "one_hot"
    if not _zero_or_one(labels):
        return "real"
    return "one_hot" if (np.sum(labels, axis=-1) == 1).all() else "binary"


def check_class_indices(labels: Labels, classes: int) -> None:
    """Raise a `ValueError` unless labels are in `0..classes - 1`."""
    if not labels.size:
        return
    lowest, highest = labels.min(), labels.max()
    if lowest < 0 or highest >= classes:
        raise ValueError(
            f"Labels must be class indices in 0..{classes - 1}, or one-hot rows, because "
            f"the model has {classes} outputs. Received: labels from {lowest} to "
            f"{highest}. Number the classes from 0."
        )


def loss_of(kind: Kind, scale: Scale) -> Any:
    """The loss for labels of a kind."""
    if kind == "real":
        return keras.losses.MeanSquaredError()
    if kind == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=scale != "sigmoid")
    logits = scale != "softmax"
    if kind == "classes":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return keras.losses.CategoricalCrossentropy(from_logits=logits)


def metrics_of(kind: Kind, shape: tuple[int | None, ...], *, logits: bool) -> list[Any]:
    """The metrics for labels of a kind, the one to speak of first.

    Args:
        kind: Of the labels.
        shape: Of the output.
        logits: Whether the output is on the scale of logits.
    """
    if kind == "real":
        return [keras.metrics.MeanAbsoluteError()]
    if kind == "binary":
        middle = 0.0 if logits else 0.5
        right = keras.metrics.BinaryAccuracy(name="accuracy", threshold=middle)
        overlap = keras.metrics.BinaryIoU(name="mean_iou", threshold=middle)
        return [overlap, right] if len(shape) >= PIXELS else [right]
    if kind == "one_hot":
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]
    right = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    if len(shape) >= PIXELS:
        overlap = keras.metrics.MeanIoU(shape[-1], name="mean_iou", sparse_y_pred=False)
        return [overlap, right]
    if len(shape) == TOKENS:
        return [right, Perplexity(from_logits=logits)]
    return [right]


@dataclass(frozen=True)
class _Family:
    """What the name of a loss tells of the labels that it takes."""

    ending: str
    kind: Kind


FAMILIES = (
    _Family("sparse_categorical_crossentropy", "classes"),
    _Family("categorical_crossentropy", "one_hot"),
    _Family("categorical_focal_crossentropy", "one_hot"),
    _Family("binary_crossentropy", "binary"),
    _Family("binary_focal_crossentropy", "binary"),
)


def kind_for(loss: Any) -> Kind | None:
    """The kind of labels that one of Keras's cross-entropies takes; None of any other."""
    names = [getattr(loss, "__name__", ""), getattr(loss, "name", "")]
    for family in FAMILIES:
        if any(str(one).startswith(family.ending) for one in names):
            return family.kind
    return None


OF_CLASSES: dict[Any, Kind] = {
    keras.losses.SparseCategoricalCrossentropy: "classes",
    keras.losses.sparse_categorical_crossentropy: "classes",
    keras.losses.CategoricalCrossentropy: "one_hot",
    keras.losses.categorical_crossentropy: "one_hot",
}


def check_labels_for(
    loss: Any, labels: Labels, shape: tuple[int | None, ...], *, weighed: bool
) -> None:
    """Raise a `ValueError` where one of Keras's losses of classes cannot take labels.

    On TensorFlow it would fail in the midst of the training, and on JAX a class that does
    not exist would count as none.

    Args:
        loss: Of an output. Other losses take what they take.
        labels: The labels of all examples, or of some.
        shape: Of the output, with the axis of examples.
        weighed: Whether examples have weights, under which labels of no class may be 0.
    """
    plain = inspect.unwrap(loss) if inspect.isfunction(loss) else type(loss)
    kind = OF_CLASSES.get(plain)
    if kind is None or len(shape) < 2 or not shape[-1]:
        return
    name, classes = getattr(loss, "name", None) or loss.__name__, shape[-1]
    indices = _fits(labels, shape[:-1]) or _fits(labels, (*shape[:-1], 1))
    rows = _fits(labels, shape)
    received = f"Received: labels of type {labels.dtype} and shape {labels.shape}"
    if kind == "one_hot" and not rows:
        fix = (
            ". Compile the model with sparse_categorical_crossentropy, or take "
            f"keras.utils.to_categorical(y, {classes})."
        )
        raise ValueError(
            f"The loss {name} takes a row of {classes} numbers for each label, such as "
            f"one-hot rows. {received}{fix if indices else '.'}"
        )
    if kind == "classes" and not indices:
        fix = (
            ", which look like one-hot rows. Compile the model with "
            "categorical_crossentropy, or take numpy.argmax(y, axis=-1)."
        )
        raise ValueError(
            f"The loss {name} takes class indices in 0..{classes - 1} of shape "
            f"{shape[:-1]}. {received}{fix if rows else '.'}"
        )
    if kind == "classes" and not weighed and len(shape) < TOKENS:  # else padding's
        ignored = getattr(loss, "ignore_class", None)
        check_class_indices(labels[labels != ignored], classes)


@keras.saving.register_keras_serializable(package="nncompress_lab")
class Perplexity(keras.metrics.SparseCategoricalCrossentropy):
    """The exponential of the mean cross-entropy: among how many tokens a model wavers."""

    def __init__(self, name: str = "perplexity", **settings: Any) -> None:
        super().__init__(name=name, **settings)

    def result(self) -> Any:
        """The perplexity so far, at least 1."""
        return ops.exp(super().result())


def _fits(labels: Labels, shape: tuple[int | None, ...]) -> bool:
    return len(labels.shape) == len(shape) and all(
        size in {None, given}
        for size, given in zip(shape[1:], labels.shape[1:], strict=True)
    )


def _zero_or_one(labels: Labels) -> bool:
    return bool(((labels == 0) | (labels == 1)).all())


def misfit(labels: Labels, shape: tuple[int | None, ...]) -> str:
    """What is wrong with labels that do not fit an output."""
    channels = shape[-1] if len(shape) > 1 else None
    classes = f"class indices in 0..{channels - 1}" if channels else "class indices"
    return (
        f"Labels must be {classes} of shape {shape[:-1]}, one-hot rows, or numbers of "
        f"shape {shape}, because these are the outputs. Received: labels of type "
        f"{labels.dtype} and shape {labels.shape}. For other targets say the loss, as in "
        "Context(objective=Objective(my_loss))."
    )
