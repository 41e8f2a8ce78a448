"""The task of a model whose class says how it learns: that, as the user compiled it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import keras

from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import first_line
from nncompress_lab.models.cloning import definer, is_foreign
from nncompress_lab.models.inputs import output_names
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.training.batches import evaluation
from nncompress_lab.training.by_keras import trains_itself
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.objective import Objective
from nncompress_lab.training.task import Task, fresh, jit_compile

EXAMPLES = 32  # on which a model is judged once, to see what it logs
SAID = ("loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly")


@dataclass(frozen=True, eq=False)
class OwnTask(Task):
    """What a model's own `train_step`, `test_step` and `compute_loss` do.

    Args:
        said: What its `compile` was given, beside the optimizer.
        **task: As in `Task`.
    """

    said: Mapping[str, Any] = field(default_factory=dict)

    def compile(self, model: keras.Model, optimizer: Any = "sgd") -> None:
        """Compile a copy of the model as the user compiled it."""
        again = keras.tree.map_structure(fresh, dict(self.said))
        model.compile(optimizer, **again, jit_compile=jit_compile())

    def steps(self, model: keras.Model) -> AbstractContextManager[None]:
        """Those of the model's class."""
        return nullcontext()


def task_to_train(
    model: keras.Model,
    *parts: Data,
    context: Context | None = None,
    loss: str = "auto",
) -> Task:
    """The task of a model, which is its own affair where its class trains itself.

    Args:
        model: A built model.
        *parts: Data with labels, the last of them what it is judged by.
        context: As in `task_of`.
        loss: As in `task_of`.

    Raises:
        ValueError: As in `task_of` and `own_task`.
    """
    own = own_task(model, parts[-1], context or Context()) if loss == "auto" else None
    return own or task_of(model, *parts, context=context, loss=loss)


def own_task(model: keras.Model, validation: Data, context: Context) -> Task | None:
    """How a model trains itself, if its class says that and the user compiled it.

    Args:
        model: A built model. It is not changed.
        validation: What it is to be judged by.
        context: An objective in it goes before what the model was compiled with.

    Returns:
        None where the model trains as Keras does.

    Raises:
        ValueError: If it cannot be compiled again, or tells no loss of the validation
            data.
    """
    original, objective = context.original or model, context.objective or Objective()
    said_by_user = original.compiled and objective.loss is None
    if not (trains_itself(model) and said_by_user):
        return None
    kind = type(model).__qualname__
    if is_foreign(definer(type(model), "compile")):
        raise ValueError(
            f"{kind} trains in its own way and has a compile() of its own, whose arguments "
            "nobody else knows. Train it in your own loop, with keeping_zeros or "
            "GradualPruningCallback, or say Context(objective=Objective(loss))."
        )
    config = getattr(getattr(original, "_compile_config", None), "config", {})
    said = {name: config[name] for name in SAID if config.get(name) is not None}
    if objective.metrics:
        said["metrics"] = objective.metrics
    if objective.weighted_metrics:
        said["weighted_metrics"] = objective.weighted_metrics
    judged_by, mode = objective.judged_by or "loss", objective.mode or "min"
    none = [()] * len(output_names(model))  # that Keras would count by itself
    task = OwnTask([None], metrics=none, judged_by=judged_by, mode=mode, said=said)
    logged, reason = _logged(model, task, validation)
    if judged_by not in logged:
        raise ValueError(
            f"{kind} trains in its own way, and its epochs are chosen by {judged_by!r} on "
            f"the validation data, which it does not tell{reason}. Let its test_step "
            f"return a dict with {judged_by!r}, or say Context(objective=Objective(loss))."
        )
    return task


def _logged(model: keras.Model, task: Task, validation: Data) -> tuple[set[str], str]:
    """The names of what a model says of data, or why it says nothing."""
    judged = copy_model(model)
    task.compile(judged)
    try:
        found: Any = judged.evaluate(
            **evaluation(validation.take(EXAMPLES)), verbose=0, return_dict=True
        )
    except Exception as error:  # of whoever wrote the class
        return set(), f": {first_line(error)}".rstrip(".")
    return set(found), ""
