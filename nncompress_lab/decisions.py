"""What passes decide about a model, remembered while that model cannot change.

A pass that chooses ranks decomposes every kernel for it, once to work and once to explain
what it did. `compress` wants both of the same model.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Decision = TypeVar("Decision")

# By the ids of a pass and a model; with both, so that no other object gets their ids.
_Known = dict[tuple[int, int], tuple[Any, Any, Any]]
_known: ContextVar[_Known | None] = ContextVar("known", default=None)


@contextmanager
def deciding_once() -> Iterator[None]:
    """Within this block `decided` decides once for a pass and a model.

    Nothing may change the models that passes are given in it.
    """
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def decided(step: Any, model: Any, decide: Callable[[], Decision]) -> Decision:
    """What a pass decides about a model by its settings and the weights alone.

    Args:
        step: The pass.
        model: The model.
        decide: Called for the decision, unless it is known.
    """
    known = _known.get()
    if known is None:
        return decide()
    key = id(step), id(model)
    if key not in known:
        known[key] = step, model, decide()
    decision: Decision = known[key][2]
    return decision
