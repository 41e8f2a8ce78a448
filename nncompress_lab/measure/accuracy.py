"""How often a classifier is right."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.graph import check_is_model
from nncompress_lab.training.batches import predicted
from nncompress_lab.training.labels import check_class_indices


def accuracy(model: keras.Model, data: Data, *, batch_size: int = 256) -> float:
    """Fraction of examples whose largest output is the label.

    Args:
        model: A classifier; it returns one logit or probability a class.
        data: Inputs and class indices of shape `(n,)`, as a `Context` takes them.
        batch_size: The most examples a forward pass.

    Returns:
        A fraction in `[0, 1]`.

    Raises:
        UnsupportedModelError: If it is no Keras 3 model.
        ValueError: If the labels are not class indices, or not of the model's classes,
            or the model does not return one number a class.
    """
    check_is_model(model)
    data = Data.of(data)
    right = examples = 0
    for x, labels, _weights in data.batches(data.size or batch_size):
        outputs = predicted(model, x, batch_size=batch_size)
        check_classes(labels, outputs)
        check_class_indices(labels, outputs.shape[1])
        right += int((np.argmax(outputs, axis=1) == labels).sum())
        examples += len(labels)
    return right / examples


def check_classes(labels: npt.NDArray[Any], outputs: Any) -> None:
    """Raise a `ValueError` unless labels are class indices and outputs one a class.

    Args:
        labels: Any array.
        outputs: What a model returns, as arrays or as Keras tensors.
    """
    shape: tuple[int | None, ...] = getattr(outputs, "shape", ())
    fits = len(shape) == 2 and (shape[1] or 0) > 1
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or not fits:
        raise ValueError(
            "Accuracy needs class indices of shape (n,) and a model that returns "
            "(n, classes). Received: labels of shape "
            f"{labels.shape} and type {labels.dtype}, outputs of shape "
            f"{getattr(outputs, 'shape', type(outputs).__name__)}."
        )
