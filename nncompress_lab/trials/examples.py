"""What a trial is given: examples to judge by, to calibrate on and perhaps to train on."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from nncompress_lab.data.data import CALIBRATION_EXAMPLES
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.data.structures import leaves
from nncompress_lab.models.inputs import check_inputs
from nncompress_lab.passes import Context
from nncompress_lab.training.objective import compiled_objective
from nncompress_lab.trials.answers import as_class_indices

Given = Dataset | Data | Context


def context_for(model: keras.Model, data: Given) -> Context:
    """The context of a trial, with data to judge by and to calibrate on; never to test on.

    Args:
        model: What it was compiled with is the objective where nobody said another one.
        data: A data set, of which the first 512 training examples calibrate; a context
            that holds data to validate; or a single `Data`, which is both.

    Raises:
        TypeError: If `data` is none of these.
    """
    found: Any = data
    if isinstance(data, Data):
        found = Context(validation=data, calibration=data)
    elif isinstance(data, Dataset):
        found = Context.of(data)
    if not isinstance(found, Context) or found.validation is None:
        raise TypeError(
            "A trial needs images with labels, or other examples: a data set such as "
            "ncl.data.fashion_mnist(), a Context(validation=...), or Data(x, y). Received: "
            f"{type(data).__name__}{' without any' * isinstance(data, Context)}."
        )
    source = found.calibration or found.train or found.validation
    return replace(
        found,
        calibration=source.take(CALIBRATION_EXAMPLES),
        objective=found.objective or compiled_objective(model),
        test=None,
        progress=False,
    )


def examples_for(model: keras.Model, data: Data, count: int) -> Data:
    """The first examples to judge a model by, as arrays.

    Raises:
        ValueError: If they do not fit the model.
    """
    first = data.take(count)
    expected = [tuple(tensor.shape) for tensor in model.inputs]
    received = [one.shape for one in leaves(first.x)]
    if len(expected) != 1:
        check_inputs(model, first)
    elif not (len(received) == 1 and _fits(received[0], expected[0])):
        shapes = " and ".join(map(str, received))
        raise ValueError(
            f"The images do not fit the model {model.name!r}. It takes {expected[0]}. "
            f"Received: {shapes}. Reshape the images, or choose the data set that the "
            "model was trained on."
        )
    return first


def images_for(model: keras.Model, context: Context, count: int) -> Data:
    """The first examples to judge a classifier by, with class indices as labels.

    Raises:
        ValueError: If they do not fit the model, or it is no classifier of them.
    """
    judged_by: Any = context.validation
    images = examples_for(model, judged_by, count)
    labels = as_class_indices(model, np.asarray(images.y))
    return Data(images.x, labels, images.sample_weight, images.name)


def _fits(received: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(received) == len(expected) and all(
        size is None or size == given
        for size, given in zip(expected, received, strict=True)
    )
