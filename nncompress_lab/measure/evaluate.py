"""What a model is worth at its own task, measured by Keras's metrics."""

from typing import Any

import keras

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.graph import check_is_model, has_graph
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.quiet import quiet_logger
from nncompress_lab.training.batches import evaluation
from nncompress_lab.training.by_keras import trains_itself
from nncompress_lab.training.objective import Objective
from nncompress_lab.training.own_task import task_to_train
from nncompress_lab.training.per_output import shapes_of_outputs
from nncompress_lab.training.task import Task

BATCH_SIZE = 256
FLOAT32 = 1e-6  # more than a fraction in float32 is off


def evaluate(
    model: keras.Model, data: Data, objective: Objective | None = None
) -> dict[str, float]:
    """The loss and the metrics of a model, as its own `evaluate` shows them.

    Args:
        model: A built model. It is not changed, and need not be compiled.
        data: Inputs and labels, as a `Context` takes them; a pipeline is read batch by
            batch.
        objective: What to measure; None takes what the model was compiled with, else what
            the labels tell.

    Returns:
        The loss and each metric by name.

    Raises:
        UnsupportedModelError: If it is no Keras 3 model.
        ValueError: If the labels do not tell the task, or do not fit the outputs.
    """
    check_is_model(model)
    data = Data.of(data)
    task = task_to_train(model, data, context=Context(objective=objective))
    return evaluated(model, data, task)


def evaluated(model: keras.Model, data: Data, task: Task) -> dict[str, float]:
    """The loss and the metrics of a model for a task that is known.

    Args:
        model: A built model. It is not changed.
        data: Inputs and labels.
        task: As `task_of` returns it for this model, or for one with the same outputs.
    """
    view = _view(model)  # which can be compiled for this task
    # TensorFlow takes several models for one that changes.
    with task.steps(view), quiet_logger("tensorflow"):
        task.compile(view)
        found: Any = view.evaluate(
            **evaluation(data, batch_size=BATCH_SIZE), verbose=0, return_dict=True
        )
    figures = {name: float(value) for name, value in found.items()}
    for name in figures.keys() & {"accuracy"}:
        figures[name] = exact_fraction(figures[name], model, data)
    return figures


def _view(model: keras.Model) -> keras.Model:
    """A model of the same layers, or a copy of one whose class does more than these."""
    if not has_graph(model) or trains_itself(model):
        return copy_model(model)
    inputs = model.inputs if isinstance(model, keras.Sequential) else model.input
    outputs = model.outputs if isinstance(model, keras.Sequential) else model.output
    if isinstance(model, keras.Sequential):
        inputs, outputs = inputs[0], outputs[0]
    return keras.Model(inputs, outputs, name=model.name)


def exact_fraction(fraction: float, model: keras.Model, data: Data) -> float:
    """The fraction of all examples that Keras has rounded to float32, not rounded."""
    shapes = shapes_of_outputs(model)
    counted = len(shapes) == 1 and len(shapes[0]) == 2
    weighted = not data.is_stream and data.sample_weight is not None
    if not counted or weighted or not data.size:
        return fraction
    exact = round(fraction * data.size) / data.size
    return exact if abs(exact - fraction) < FLOAT32 else fraction  # of each label
