"""What an option makes of one unit of a model: other weights, or a model, and its costs."""

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras

from nncompress_lab import measure
from nncompress_lab.errors import UnsupportedModelError, first_line
from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.kernels import (
    Reasons,
    computes_with_floats,
    kernel_layers,
    own_variables,
    to_numpy,
    weighted_layers,
)
from nncompress_lab.packing.model_file import layer_bytes
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.planning.chains import Values, values_for, values_of

Parts = dict[str, dict[str, Any]]  # by the path of a layer, what has come of it by path
Bytes = tuple[int, int]  # in memory and packed
UNCHANGED = "it stays as it is"


@dataclass(frozen=True, eq=False)
class Change:
    """One unit under one option.

    Args:
        unit: Its name.
        layers: Paths of the layers that change.
        values: By path, what the layers of the original would have to compute with; None
            where no such weights are known.
        costs: Finds the changes of the bytes in memory and of those of the packed tensors,
            which takes its time.
        model: The result of the pass, where `values` is None.
        macs: Change of the multiply-accumulates; None where they are not known.
        swapped: Makes what each layer becomes, by path; nothing where that is not known.
    """

    unit: str
    layers: tuple[str, ...]
    values: Mapping[str, Values] | None
    costs: Callable[[], Bytes]
    macs: int | None
    model: keras.Model | None = None
    swapped: Callable[[], Mapping[str, Sequence[Any]]] = dict


class Costs:
    """What the layers of a model cost, each counted once.

    Args:
        model: Built.
    """

    def __init__(self, model: keras.Model) -> None:
        self.layers = dict(weighted_layers(model))
        self._model = model
        self._known: dict[str, Bytes] = {}

    @cached_property
    def macs(self) -> dict[str, int] | None:
        """Multiply-accumulates by layer; None where they cannot be counted."""
        try:
            return measure.layer_macs(self._model)
        except UnsupportedModelError:
            return None

    def of(self, path: str) -> Bytes:
        """Bytes of a layer in memory, and of its packed tensors."""
        if path not in self._known:
            self._known[path] = _costs_of(self.layers[path])
        return self._known[path]


class LayerChanges:
    """What one option makes of each layer of a model alone.

    Args:
        model: It is not changed.
        option: A `LayerPass`, or a pipeline of them.
        context: What the option may use.
        costs: Of the model.
    """

    def __init__(
        self, model: keras.Model, option: Pass, context: Context, costs: Costs
    ) -> None:
        self._model = model
        self._option = option
        self._context = context
        self._costs = costs

    @cached_property
    def reasons(self) -> Reasons:
        """For each kernel layer None if the option treats it, else why it does not."""
        steps = pipeline(self._option).passes
        together = is_independent(self._option)
        each = [step.explain(self._model) if together else {} for step in steps]
        found: Reasons = {}
        for one in kernel_layers(self._model):
            reasons = (
                known[one.path] if together else self._reason(step, one.path)
                for step, known in zip(steps, each, strict=True)
            )
            first, *others = reasons
            found[one.path] = None if None in others else first
        return found

    def _reason(self, step: Pass, path: str) -> str | None:
        """Why a step leaves a layer as it is where it treats no other; None if not."""
        selected = (
            step.select.explain(self._model) if isinstance(step, LayerPass) else {}
        )
        try:
            return (
                selected.get(path) or only_on(step, [path]).explain(self._model)[path]
            )
        except ValueError as error:  # a budget that this layer alone cannot meet, say
            return first_line(error)

    def change(self, path: str) -> Change | str:
        """What becomes of one layer, or why it stays as it is."""
        result, parts = self._result(path)
        if parts is None or not parts[path]:
            return self._whole(path, result)
        layer, found = self._costs.layers[path], list(parts[path].values())
        values = values_for(layer, found) if computes_with_floats(layer) else None
        if values is None:
            return self._whole(path, result)
        if found[0].name == layer.name and _same_weights(layer, found[0]):
            return UNCHANGED
        return Change(
            unit=path,
            layers=(path,),
            values={path: values},
            costs=lambda: _difference(
                [self._costs.of(path)], [_costs_of(one) for one in found]
            ),
            macs=self._more_macs(path, result, parts[path]),
            swapped=lambda: {path: found},
        )

    def _result(self, path: str) -> tuple[keras.Model, Parts | None]:
        return self._together if is_independent(self._option) else self._alone(path)

    @cached_property
    def _together(self) -> tuple[keras.Model, Parts | None]:
        result = self._option(self._model, self._context)
        parts = parts_of(self._costs.layers, result)
        return result, parts

    def _alone(self, path: str) -> tuple[keras.Model, Parts | None]:
        """The steps of the option, one after the other, on what has come of a layer."""
        context = replace(self._context, original=self._model)
        current, paths = self._model, [path]
        parts: Parts | None = None
        for step in pipeline(self._option).passes:
            if all(one.is_float for one in kernel_layers(current)):
                context = replace(context, unquantized=current)
            current = only_on(step, paths)(current, context)
            parts = parts_of(self._costs.layers, current)
            if parts is not None and parts[path]:
                paths = list(parts[path])
        return current, parts

    def _more_macs(
        self, path: str, result: keras.Model, parts: Mapping[str, Any]
    ) -> int | None:
        if self._costs.macs is None:
            return None
        if path in parts:  # in its own shape
            return 0
        if result is not self._together_or_none:
            counts = measure.layer_macs(result)
        else:
            counts = self._counts_together
        return sum(counts.get(one, 0) for one in parts) - self._costs.macs.get(path, 0)

    @property
    def _together_or_none(self) -> keras.Model | None:
        return self._together[0] if is_independent(self._option) else None

    @cached_property
    def _counts_together(self) -> dict[str, int]:
        return measure.layer_macs(self._together[0])

    def _whole(self, path: str, result: keras.Model) -> Change | str:
        """A change of which only the resulting model is known."""
        if is_independent(self._option):
            result = self._alone(path)[0]
        costs, macs = Costs(result), None
        if self._costs.macs is not None and costs.macs is not None:
            macs = sum(costs.macs.values()) - sum(self._costs.macs.values())
        before = _paths_beside(self._costs.layers, costs.layers)
        after = _paths_beside(costs.layers, self._costs.layers)
        if not (before or after):
            return UNCHANGED
        return Change(
            unit=path,
            layers=(path,),
            values=None,
            costs=lambda: _difference(
                map(self._costs.of, before), map(costs.of, after)
            ),
            macs=macs,
            model=result,
        )


def is_independent(option: Pass) -> bool:
    """Whether all layers may be changed at once to see what becomes of each."""
    steps = pipeline(option).passes
    # What looks at data sees what the steps before have made of all other layers.
    return all(getattr(one, "independent", False) for one in steps) and not any(
        one.needs for one in steps[1:]
    )


def only_on(step: Pass, paths: Sequence[str]) -> Pass:
    """A pass of layers that treats those of some paths and no others.

    Args:
        step: A `LayerPass`; it treats the kernels of a layer that it did before.
        paths: Of layers of the model that it will be called on.
    """
    if not isinstance(step, LayerPass):
        return step
    names = tuple(map(glob.escape, paths))
    whole = type(step.select)(depthwise=step.select.depthwise)
    return replace(step, select=replace(whole, names=names))


def parts_of(before: Mapping[str, Any], result: keras.Model) -> Parts | None:
    """Which layers of a result have come of which layers of the original.

    Args:
        before: The layers of the original that own weights, by path.
        result: What passes made of it. Layers that stand for one are called like it, with
            something behind.

    Returns:
        None if some layers have come of nothing that is known.
    """
    after = dict(weighted_layers(result))
    parts: Parts = {path: {} for path in before}
    gone = sorted((path for path in before if path not in after), key=len)
    for path, layer in after.items():
        owners = [path] if path in before else [*_owners(path, gone)]
        if not owners:
            return None
        parts[owners[-1]][path] = layer
    return parts


def _owners(path: str, gone: Sequence[str]) -> Iterator[str]:
    return (one for one in gone if path.startswith((f"{one}_", f"{one}/")))


def _costs_of(layer: Any) -> Bytes:
    held = sum(to_numpy(one).nbytes for one in own_variables(layer))
    return held, layer_bytes(layer)


def _difference(before: Iterable[Bytes], after: Iterable[Bytes]) -> Bytes:
    signed = [(-1, *one) for one in before] + [(1, *one) for one in after]
    return (
        sum(sign * held for sign, held, _ in signed),
        sum(sign * packed for sign, _, packed in signed),
    )


def _paths_beside(some: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """Paths of the layers that are not, as they are, among others."""
    return [
        path
        for path, layer in some.items()
        if path not in others or not _same_weights(layer, others[path])
    ]


def _same_weights(layer: Any, other: Any) -> bool:
    """Whether two layers hold the same bits, in the same types."""
    if type(layer) is not type(other):
        return False
    pairs = zip(values_of(layer), values_of(other), strict=True)
    return all(one.tobytes() == two.tobytes() for one, two in pairs)
