"""What `compile` and `fit` take for several outputs, as one list in their order."""

from collections.abc import Sequence
from typing import Any

import keras

from nncompress_lab.models.inputs import output_names
from nncompress_lab.models.interface import interface


def per_output(model: keras.Model, value: Any, *, for_all: bool = False) -> list[Any]:
    """An entry for each output of a model; None where there is none.

    Args:
        model: A built model.
        value: As `compile` takes it: one, a list in the order of the outputs, or a `dict`
            by their names.
        for_all: Whether one, alone, is for all outputs, as a loss is; else it is for a
            single output.

    Raises:
        ValueError: If it does not fit the outputs.
    """
    names = output_names(model)
    if isinstance(value, dict) and value.keys() <= set(names):
        return [value.get(name) for name in names]
    if value is None or (for_all and not isinstance(value, Sequence | dict)):
        return [value] * len(names)
    if for_all and isinstance(value, str):
        return [value] * len(names)
    if len(names) == 1:
        return list(value) if for_all and len(value) == 1 else [value]
    if isinstance(value, list | tuple) and len(value) == len(names):
        return list(value)
    raise ValueError(
        f"{model.name!r} has the outputs {names}: give a list with an entry for each of "
        f"them, or a dict by these names. Received: {value!r}."
    )


def labels_of_outputs(model: keras.Model, labels: Any) -> list[Any]:
    """The labels of each output of a model.

    Args:
        model: A built model.
        labels: An array; for several outputs a list, a tuple or a `dict` by their names,
            nested as the outputs are.

    Raises:
        ValueError: If there are others than outputs.
    """
    names = output_names(model)
    if isinstance(labels, dict) and labels.keys() == set(names):
        return [labels[name] for name in names]
    flat = keras.tree.flatten(labels)
    if len(flat) != len(names):
        raise ValueError(
            f"{model.name!r} needs labels for each of its outputs {names}. Received: "
            f"{len(flat)}. Pass a list with an array for each, or a dict by these names."
        )
    return list(flat)


def as_outputs(model: keras.Model, entries: Sequence[Any]) -> Any:
    """Entries for each output in the form that `compile` takes: a `dict`, or a list."""
    if len(entries) > 1 and isinstance(interface(model).output, dict):
        return dict(zip(output_names(model), entries, strict=True))
    return list(entries)


def shapes_of_outputs(model: keras.Model) -> list[tuple[int | None, ...]]:
    """The shape of each output, with the axis of examples."""
    return [tuple(one.shape) for one in keras.tree.flatten(interface(model).outputs)]
