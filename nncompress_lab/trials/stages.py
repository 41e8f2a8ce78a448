"""A model in stages: what comes before a changed layer is not computed again."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.models.graph import ModelGraph, Node, maker
from nncompress_lab.models.kernels import walk
from nncompress_lab.quiet import quiet_logger

Array = npt.NDArray[Any]

BATCH_SIZE: Final = 250
MOST_BYTES: Final = 64_000_000  # of all activations that are kept
# Where to cut, in parts of the model's calls: the work that is done again in vain is at
# most as much as that which must be done, and a whole pass takes four calls, not one.
PARTS: Final = (1 / 2, 3 / 4, 7 / 8)


class Stages:
    """One model on one array of inputs, cut where a single tensor passes.

    The stages share the model's layers. Whether a run begins at the inputs or at kept
    activations, it goes through the same stages in the same batches, so the outputs are
    equal to the last bit.

    Args:
        model: Built, with one input and one output.
        x: Its inputs.
    """

    def __init__(self, model: keras.Model, x: Array) -> None:
        self._x = x
        graph = ModelGraph(model)
        cuts = _chosen(graph, examples=len(x))
        tensors = [*graph.inputs, *cuts.values(), *graph.outputs]
        places = [0, *cuts, len(graph.nodes)]
        self._stages = [
            _stage(graph.nodes[slice(*part)], *ends)
            for part, ends in zip(pairwise(places), pairwise(tensors), strict=True)
        ]
        self._stage_of = dict(_stages_of(graph, list(cuts)))
        self._kept: dict[int, dict[int, Array]] = {}

    @property
    def starts(self) -> range:
        """The first example of each batch."""
        return range(0, len(self._x), BATCH_SIZE)

    def changed(self, layers: Iterable[keras.Layer]) -> None:
        """Forget the activations behind layers whose weights have changed."""
        # What no call holds, changes nothing; what is unknown changes everything.
        first = min((self._stage_of.get(id(one), 0) for one in layers), default=None)
        if first is None:
            return
        for kept in self._kept.values():
            for stage in [stage for stage in kept if stage > first]:
                del kept[stage]

    def outputs(self, start: int) -> Array:
        """The model's outputs for the batch that begins at an example."""
        kept = self._kept.setdefault(start, {})
        first = max(kept, default=0)
        value = kept[first] if first else self._x[start : start + BATCH_SIZE]
        for number, stage in enumerate(self._stages[first:], start=first):
            if number:
                kept[number] = value
            # Half the time of `predict`, which sets up a data pipeline each time.
            with quiet_logger("tensorflow"):  # it takes the stages for one that changes
                value = stage.predict_on_batch(value)
        return value


def _stage(nodes: list[Node], source: Any, target: Any) -> keras.Model:
    """The calls that lead from one tensor to another, as a model."""
    entry = keras.Input(batch_shape=source.shape, dtype=source.dtype)
    values = {id(source): entry}
    for node in nodes:
        args, kwargs = node.filled(values)
        outputs = keras.tree.flatten(node.operation(*args, **kwargs))
        values |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
    return keras.Model(entry, values[id(target)])


def _chosen(graph: ModelGraph, *, examples: int) -> dict[int, Any]:
    """Places in the order of the calls, and the tensors that are kept there."""
    possible = dict(_places(graph))
    wanted = [part * len(graph.nodes) for part in PARTS]
    found = {
        min((place for place in possible if place >= least), default=0)
        for least in wanted
    }
    chosen: dict[int, Any] = {}
    left = MOST_BYTES
    for place in sorted(found - {0}, reverse=True):  # late ones save most
        needed = examples * _bytes(possible[place])
        if needed <= left:
            left -= needed
            chosen[place] = possible[place]
    return dict(sorted(chosen.items()))


def _places(graph: ModelGraph) -> Iterator[tuple[int, Any]]:
    """Before which calls a single tensor is all that later calls need."""
    living = {id(tensor): tensor for tensor in graph.inputs}
    users = {
        id(tensor): {id(node) for node in graph.users(tensor)}
        for node in graph.nodes
        for tensor in [*node.inputs, *node.outputs]
    }
    for place, node in enumerate(graph.nodes, start=1):
        for tensor in node.inputs:
            users[id(tensor)].discard(id(node))
        living |= {id(tensor): tensor for tensor in node.outputs}
        living = {
            name: tensor
            for name, tensor in living.items()
            if users.get(name) or graph.returns(tensor)
        }
        if len(living) == 1 and place < len(graph.nodes):
            (tensor,) = living.values()
            if _is_settled(tensor):
                yield place, tensor


def _is_settled(tensor: Any) -> bool:
    """Whether a tensor can be handed on as an array without changing any bit.

    A backend computes a kernel, its bias, the normalization and the activation behind it
    in one go, and an array carries no mask.
    """
    layer = maker(tensor)
    activation = getattr(layer, "activation", keras.activations.linear)
    is_open = getattr(layer, "weights", ()) and activation is keras.activations.linear
    has_mask = getattr(tensor, "_keras_mask", None) is not None
    return not (is_open or has_mask or None in tensor.shape[1:])


def _bytes(tensor: Any) -> int:
    size = np.dtype(keras.backend.standardize_dtype(tensor.dtype)).itemsize
    return int(math.prod(tensor.shape[1:]) * size)


def _stages_of(graph: ModelGraph, cuts: list[int]) -> Iterator[tuple[int, int]]:
    """For each layer by its id the stage that it is first used in."""
    for place, node in reversed(list(enumerate(graph.nodes))):
        stage = sum(place >= cut for cut in cuts)
        if isinstance(node.operation, keras.Layer):
            yield id(node.operation), stage
            yield from ((id(layer), stage) for _, layer in walk(node.operation))
