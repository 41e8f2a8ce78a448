"""The options of single layers as passes for a whole model, as few as there can be."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import keras

from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pipelines import Pipeline, pipeline
from nncompress_lab.planning.choices import Choices
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning

Kind = tuple[type[Pass], int]  # the class of a pass, and its how manieth in an option


def applied(
    model: keras.Model,
    options: tuple[Pass, ...],
    choices: Choices,
    context: Context,
) -> tuple[Pipeline, keras.Model]:
    """Apply to each unit of a model the option that is chosen for it.

    Passes of one class become one pass where they differ in nothing but what may differ
    from layer to layer, so that a pass that looks at all layers together still does.
    They go in the order that they have in the options.

    Args:
        model: It is not changed.
        options: Passes, and pipelines of them.
        choices: For each unit an index into `options`, or None.
        context: What the passes need.

    Returns:
        The passes, and the model that they make.
    """
    context = replace(context, original=context.original or model, test=None)
    wanted: dict[Kind, dict[str, Pass]] = {}
    for unit, option in choices.items():
        for kind, step in () if option is None else _steps_of(options[option]):
            wanted.setdefault(kind, {})[unit] = step
    places = _places(options)
    passes: list[Pass] = []
    current = model
    names = {unit: [unit] for unit in choices}
    for kind in sorted(wanted, key=lambda one: places[one]):
        steps = {
            name: step for unit, step in wanted[kind].items() for name in names[unit]
        }
        before = _kernel_paths(current)
        for one in joined(steps, current, context):
            passes.append(one)
            current = one(current, context)
        names |= _replaced(names, sorted(_kernel_paths(current) - before))
    return pipeline(*passes), current if passes else pipeline()(model, context)


def joined(
    steps: Mapping[str, Pass], model: keras.Model, context: Context
) -> list[Pass]:
    """Passes that treat each layer as its own pass would, as few as there can be.

    Args:
        steps: Of one class, by the path of the layer.
        model: That they are for.
        context: What they need.
    """
    groups: dict[Any, dict[str, Pass]] = {}
    for path, step in steps.items():
        groups.setdefault(_unvaried(step), {})[path] = step
    return [_one_pass(group, model, context) for group in groups.values()]


def _one_pass(steps: dict[str, Pass], model: keras.Model, context: Context) -> Pass:
    first = next(iter(steps.values()))
    if isinstance(first, ChannelPruning):
        return _narrowing(steps, model, context)
    if not isinstance(first, LayerPass):
        return first
    most: Any = Counter(steps.values()).most_common(1)[0][0]
    others = {
        path: {
            name: getattr(step, name)
            for name in sorted(_varied(first))
            if getattr(step, name) != getattr(most, name)
        }
        for path, step in steps.items()
        if step != most
    }
    every = {path for path, reason in first.explain(model).items() if reason is None}
    select = first.select
    if set(steps) != every:
        select = replace(select, names=tuple(steps), exclude=(), types=())
    varied = {"per_layer": others} if others else {}
    joint: Pass = replace(most, select=select, **varied)
    return joint


def _narrowing(steps: dict[str, Pass], model: keras.Model, context: Context) -> Pass:
    """One pass for the widths of all groups of channels, by a layer that makes each."""
    kept: dict[Pass, Any] = {
        step: step.kept_outputs(model, context)
        for step in set(steps.values())
        if isinstance(step, ChannelPruning)
    }
    widths = tuple((path, int(kept[step][path].sum())) for path, step in steps.items())
    first: Any = next(iter(steps.values()))
    narrow: Pass = replace(first, sparsity=None, channels=widths)
    return narrow


def _steps_of(option: Pass) -> Iterator[tuple[Kind, Pass]]:
    seen: Counter[type[Pass]] = Counter()
    for step in pipeline(option).passes:
        yield (type(step), seen[type(step)]), step
        seen[type(step)] += 1


def _places(options: tuple[Pass, ...]) -> dict[Kind, int]:
    """When each kind of pass is applied: behind all that come before it in an option."""
    places: dict[Kind, int] = {}
    for option in options:
        for place, (kind, _) in enumerate(_steps_of(option)):
            places[kind] = max(places.get(kind, 0), place)
    return places


def _unvaried(step: Pass) -> Any:
    """What steps that can be one pass have in common."""
    varied = _varied(step)
    return tuple(
        getattr(step, one.name) for one in fields(step) if one.name not in varied
    )


def _varied(step: Pass) -> frozenset[str]:
    """The fields of a pass that may differ from layer to layer."""
    if isinstance(step, ChannelPruning):
        return frozenset({"sparsity"})
    varied: frozenset[str] = getattr(step, "varies", frozenset())
    return varied


def _kernel_paths(model: keras.Model) -> set[str]:
    return {one.path for one in kernel_layers(model)}


def _replaced(names: dict[str, list[str]], new: list[str]) -> dict[str, list[str]]:
    """For each unit whose layers were replaced, those that were put in their place.

    Their names begin with that of the layer, of which the longest is meant.
    """
    found: dict[str, list[str]] = {}
    for one in new:
        units = [
            (len(path), unit)
            for unit, paths in names.items()
            for path in paths
            if one.startswith(f"{path}_")
        ]
        if units:
            found.setdefault(max(units)[1], []).append(one)
    return found
