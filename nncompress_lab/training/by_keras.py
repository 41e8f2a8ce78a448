"""Models of a user's class that are trained and judged as Keras does it, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import new_class
from typing import Any

import keras

from nncompress_lab.models.cloning import definer, is_foreign

# What a class may do otherwise: learn from a batch, and be compiled and judged.
STEPS = ("train_step", "test_step", "compute_loss")
AROUND = (
    "compute_metrics",
    "get_metrics_result",
    "metrics",
    "compile",
    "fit",
    "evaluate",
)


def trains_itself(model: Any) -> bool:
    """Whether a model's class says how it learns or is judged, and not Keras's."""
    return bool(_own(model, STEPS))


def _own(model: Any, names: tuple[str, ...]) -> list[str]:
    """Those of some methods and properties that a model's class has its own of."""
    kind = type(model)
    return [name for name in names if is_foreign(definer(kind, name))]


@contextmanager
def by_keras(model: keras.Model) -> Iterator[None]:
    """While the block runs, a model learns from batches as a Keras model does.

    What it computes stays what its class says.

    Args:
        model: A copy of one's own.
    """
    kind = type(model)
    usual = {name: getattr(keras.Model, name) for name in _own(model, STEPS + AROUND)}
    if usual:
        usual["metrics"] = property(_metrics)
        named = usual | {"__module__": __name__, "__qualname__": kind.__qualname__}
        model.__class__ = new_class(
            kind.__name__, (kind,), exec_body=lambda body: body.update(named)
        )
    try:
        yield
    finally:
        model.__class__ = kind


def _metrics(model: Any) -> list[Any]:
    """What Keras counts; trackers that the class made for its own steps see nothing."""
    own = {id(one) for one in model._metrics}
    return [one for one in keras.Model.metrics.fget(model) if id(one) not in own]
