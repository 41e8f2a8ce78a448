"""How much faster a model is predicted to be, from the times of the layers that change."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import keras

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.measure.latency import Run, race
from nncompress_lab.models.inputs import with_free_batch
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.models.rewrite import rebuilt
from nncompress_lab.planning.changes import Change
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime

ROUNDS: Final = 8


class LayerTimes:
    """Times layers and what stands for them as models of their own, in ONNX Runtime.

    Each is raced against what it replaces, one example at a time on one thread. Weights
    alone change no time: runtimes compute with zeros, and with integers decoded.

    Args:
        model: Built.
        layers: Its layers with weights, by path.
    """

    def __init__(self, model: keras.Model, layers: Mapping[str, Any]) -> None:
        self._model = with_free_batch(model)
        self._layers = layers
        self._known: dict[tuple[Any, ...], float | None] = {}

    def whole(self) -> float | None:
        """Milliseconds of the model; None if ONNX Runtime does not take it."""
        return (_milliseconds(model=self._model) or (None,))[0]

    def more(self, change: Change) -> float | None:
        """Milliseconds by which a model is predicted to change; None if not known."""
        if change.model is not None:
            return _more(self._model, change.model)
        if change.macs == 0:
            return 0.0
        each = [self._more(*one) for one in change.swapped().items()]
        return sum(one or 0.0 for one in each) if each and None not in each else None

    def _more(self, path: str, parts: Sequence[Any]) -> float | None:
        key = (path, *(_shapes(one) for one in parts))
        if key not in self._known:
            self._known[key] = self._raced(path, parts)
        return self._known[key]

    def _raced(self, path: str, parts: Sequence[Any]) -> float | None:
        before, after = _alone([self._layers[path]]), _alone(parts)
        return None if before is None or after is None else _more(before, after)


def _more(before: keras.Model, after: keras.Model) -> float | None:
    times = _milliseconds(before=before, after=after)
    return None if times is None else times[1] - times[0]


def _alone(layers: Sequence[Any]) -> keras.Model | None:
    """A model of a few layers, with inputs as those of the first."""
    shape = (layers[0].get_build_config() or {}).get("input_shape")
    if shape is None or None in shape[1:]:
        return None
    try:
        copies = [rebuilt(one) for one in layers]
        return keras.Sequential([keras.Input(shape[1:]), *copies])
    except (UnsupportedModelError, ValueError, TypeError):
        return None


def _shapes(layer: Any) -> tuple[Any, ...]:
    return (type(layer).__name__, *(tuple(one.shape) for one in layer.weights))


def _milliseconds(**models: keras.Model) -> list[float] | None:
    """Of each model, in turns, also where they take different inputs.

    Returns:
        None if ONNX Runtime does not take one of them.
    """
    try:
        contents = {name: to_onnx(model) for name, model in models.items()}
    except UnsupportedModelError:
        return None
    runs: dict[str, Callable[[], Run]] = {
        name: partial(_prepared, contents[name], model)
        for name, model in models.items()
    }
    times = race(runs, rounds=ROUNDS, threads=1, batch_size=1).milliseconds
    return [times[name] for name in models]


def _prepared(content: bytes, model: keras.Model) -> Run:
    x = random_inputs(model, batch_size=1)
    return OnnxRuntime(content, threads=1).runner(x)
