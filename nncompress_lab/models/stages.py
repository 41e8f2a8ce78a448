"""A model in stages: what comes before a changed layer is not computed again."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.models.graph import ModelGraph, Node, is_graph, maker
from nncompress_lab.models.inputs import input_arrays, structured
from nncompress_lab.models.kernels import walk
from nncompress_lab.quiet import quiet_logger

Array = npt.NDArray[Any]
Run = Callable[[keras.Model, Any], Any]

BATCH_SIZE: Final = 250
MOST_BYTES: Final = 64_000_000  # of all activations that are kept
# Where to cut, in parts of the model's calls: the work that is done again in vain is at
# most as much as that which must be done, and a whole pass takes four calls, not one.
PARTS: Final = (1 / 2, 3 / 4, 7 / 8)


class Stages:
    """One model on one set of inputs, cut where a single tensor passes.

    The stages share the model's layers. Whether a run begins at the inputs or at kept
    activations, it goes through the same stages in the same batches, so the outputs are
    equal to the last bit. A model that is no graph of layers is a single stage.

    Args:
        model: Built.
        x: Its inputs, as `input_arrays` takes them.
        batch_size: Examples that run at once.
        parts: Where to cut, in parts of the model's calls.
        most_bytes: Of the activations that are kept; by default 64 MB.
        run: Called with a stage and a batch of its inputs; returns its outputs.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        *,
        batch_size: int = BATCH_SIZE,
        parts: Sequence[float] = PARTS,
        most_bytes: int | None = None,
        run: Run | None = None,
    ) -> None:
        self._x = input_arrays(model, x)
        self._size = batch_size
        self._run = run or _predict
        self._kept: dict[int, dict[int, Array]] = {}
        self._only: int | None = None
        self._stages = [model]
        self._stage_of: dict[int, int] = {}
        if is_graph(model):
            most = MOST_BYTES if most_bytes is None else most_bytes
            self._cut(ModelGraph(model), parts, most)
        else:
            self._x = [structured(model, self._x)]

    @property
    def starts(self) -> range:
        """The first example of each batch."""
        return range(0, len(keras.tree.flatten(self._x)[0]), self._size)

    def keep_only_before(self, layers: Iterable[keras.Layer]) -> None:
        """Keep what goes into the stage of some layers, and what led there till then.

        Whoever changes one layer after the other, from the inputs to the outputs, needs
        no other activations.
        """
        self._only = self._first(layers)

    def changed(self, layers: Iterable[keras.Layer]) -> None:
        """Forget the activations behind layers whose weights have changed."""
        first = self._first(layers)
        if first is None:
            return
        for kept in self._kept.values():
            for stage in [stage for stage in kept if stage > first]:
                del kept[stage]

    def outputs(self, start: int) -> Any:
        """The model's outputs for the batch that begins at an example: one, or a list."""
        kept = self._kept.setdefault(start, {})
        usable = [one for one in kept if self._only is None or one <= self._only]
        first = max(usable, default=0)
        batch = slice(start, start + self._size)
        value: Any = [keras.tree.map_structure(lambda x: x[batch], x) for x in self._x]
        value = kept[first] if first else value[0] if len(value) == 1 else value
        for number, stage in enumerate(self._stages[first:], start=first):
            if number and self._only is None:
                kept[number] = value
            elif number and number == self._only:
                kept.clear()
                kept[number] = value
            value = self._run(stage, value)
        return value

    def _first(self, layers: Iterable[keras.Layer]) -> int | None:
        """The first stage that calls one of some layers; None if no call holds any."""
        # What is unknown may be anywhere.
        return min((self._stage_of.get(id(one), 0) for one in layers), default=None)

    def _cut(self, graph: ModelGraph, parts: Sequence[float], most: int) -> None:
        examples = len(self._x[0])
        cuts = _chosen(graph, parts, examples=examples, most_bytes=most)
        tensors = [graph.inputs, *([one] for one in cuts.values()), graph.outputs]
        places = [0, *cuts, len(graph.nodes)]
        self._stages = [
            _stage(graph.nodes[slice(*part)], *ends)
            for part, ends in zip(pairwise(places), pairwise(tensors), strict=True)
        ]
        self._stage_of = dict(_stages_of(graph, list(cuts)))


def _predict(stage: keras.Model, value: Any) -> Any:
    # Half the time of `predict`, which sets up a data pipeline each time.
    with quiet_logger("tensorflow"):  # it takes the stages for one that changes
        return stage.predict_on_batch(value)


def _stage(nodes: list[Node], sources: list[Any], targets: list[Any]) -> keras.Model:
    """The calls that lead from some tensors to others, as a model."""
    entries = [keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in sources]
    values = {id(one): entry for one, entry in zip(sources, entries, strict=True)}
    for node in nodes:
        args, kwargs = node.filled(values)
        outputs = keras.tree.flatten(node.operation(*args, **kwargs))
        values |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
    ends = [values[id(one)] for one in targets]
    alone = len(entries) == 1, len(ends) == 1
    return keras.Model(
        entries[0] if alone[0] else entries, ends[0] if alone[1] else ends
    )


def _chosen(
    graph: ModelGraph, parts: Sequence[float], *, examples: int, most_bytes: int
) -> dict[int, Any]:
    """Places in the order of the calls, and the tensors that are kept there."""
    possible = dict(_places(graph))
    wanted = [part * len(graph.nodes) for part in parts]
    found = {
        min((place for place in possible if place >= least), default=0)
        for least in wanted
    }
    chosen: dict[int, Any] = {}
    left = most_bytes
    for place in sorted(found - {0}, reverse=True):  # late ones save most
        needed = examples * _bytes(possible[place])
        if needed <= left:
            left -= needed
            chosen[place] = possible[place]
    return dict(sorted(chosen.items()))


def _places(graph: ModelGraph) -> Iterator[tuple[int, Any]]:
    """Before which calls of layers with weights one tensor is all that is still needed.

    What has no weights goes with what comes before it: it never changes alone.
    """
    living = {id(tensor): tensor for tensor in graph.inputs}
    users = {
        id(tensor): {id(node) for node in graph.users(tensor)}
        for node in graph.nodes
        for tensor in [*node.inputs, *node.outputs]
    }
    for place, (node, after) in enumerate(pairwise(graph.nodes), start=1):
        for tensor in node.inputs:
            users[id(tensor)].discard(id(node))
        living |= {id(tensor): tensor for tensor in node.outputs}
        living = {
            name: tensor
            for name, tensor in living.items()
            if users.get(name) or graph.returns(tensor)
        }
        if len(living) == 1 and getattr(after.operation, "weights", False):
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
