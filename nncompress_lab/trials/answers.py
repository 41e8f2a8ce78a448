"""Which class a model answers with, and the labels in the same form."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.measure.accuracy import check_classes
from nncompress_lab.training.logits_and_features import logits_model
from nncompress_lab.training.output_scale import output_scale
from nncompress_lab.training.teacher_outputs import teacher_logits

Array = npt.NDArray[Any]


def answers(model: keras.Model, outputs: Array) -> Array:
    """The class that each example is taken for, from what a model returns.

    Args:
        model: Returns one number a class, or a single one for yes or no.
        outputs: Of that model, shape `(n, classes)` or `(n, 1)`.

    Returns:
        Class indices of shape `(n,)`.
    """
    if outputs.shape[-1] > 1:
        found: Array = np.argmax(outputs, axis=1)
        return found
    return np.asarray(outputs[:, 0] > middle(model), np.int64)


def class_logits(model: keras.Model, x: Array) -> Array:
    """A logit for each class, before any softmax or sigmoid.

    Args:
        model: A classifier.
        x: Inputs.

    Returns:
        Shape `(n, classes)`; of a single unit, 0 for no beside its logit for yes.

    Raises:
        ValueError: If the model does not tell two classes or more from each other.
    """
    if model.output_shape[-1] != 1:
        return teacher_logits(model, x)
    yes = logits_model(model).predict(x, batch_size=256, verbose=0)
    return np.concatenate([np.zeros_like(yes), yes], axis=1)


def middle(model: keras.Model) -> float:
    """The output of a single unit above which it says yes."""
    return 0.5 if output_scale(model) == "sigmoid" else 0.0


def as_class_indices(model: keras.Model, labels: Array) -> Array:
    """Labels of classes as indices: these, a column of them, yes or no, or one-hot rows.

    Raises:
        ValueError: If they are none, or the model does not return one number a class.
    """
    outputs = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    shape = tuple(getattr(outputs, "shape", ()))
    indices = labels
    if labels.ndim == 2 and labels.shape[1] == 1:
        indices = labels[:, 0]
    elif labels.ndim == 2 and labels.shape[1:] == shape[1:] and _is_one_hot(labels):
        indices = np.argmax(labels, axis=1)
    if shape[1:] == (1,) and indices.ndim == 1 and np.isin(indices, (0, 1)).all():
        return indices.astype(np.int64)
    check_classes(indices, outputs)
    return indices


def _is_one_hot(labels: Array) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())
