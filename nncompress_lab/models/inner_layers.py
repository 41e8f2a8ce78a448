"""The layers that a layer or a model consists of, under names that a copy has, too.

Keras numbers the layers that nobody names through the whole process. In a model's
configuration the numbers are kept, but layers that a class makes in its `__init__` get new
ones in every copy. Such a layer goes by the attribute that holds it.
"""

import re
from collections.abc import Iterator
from typing import Any


def layers_below(
    parent: Any, *, prefix: str, seen: set[int], unnamed: bool
) -> Iterator[tuple[str, Any]]:
    """Every layer inside a layer or a model with its path, each before those inside it.

    Args:
        parent: A layer or a model.
        prefix: What the paths begin with.
        seen: The ids of layers that are not to come again; those that come are added.
        unnamed: Whether the names that Keras numbers are replaced from here on.
    """
    unnamed = unnamed or is_made_by_code(parent)
    for name, layer in inner_layers(parent, unnamed=unnamed):
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        path = f"{prefix}{name}"
        yield path, layer
        yield from layers_below(layer, prefix=f"{path}/", seen=seen, unnamed=unnamed)


def inner_layers(parent: Any, *, unnamed: bool) -> list[tuple[str, Any]]:
    """The layers directly inside a layer or a model, each with a name of its own.

    Args:
        parent: A layer or a model.
        unnamed: Whether the names that Keras numbers are to be replaced.
    """
    layers = _inside(parent)
    if not unnamed:
        return [(layer.name, layer) for layer in layers]
    attributes = dict(_attributes(parent)) if is_made_by_code(parent) else {}
    named: dict[str, Any] = {}
    for layer in layers:
        name, automatic = layer.name, _automatic_name(layer)
        if re.fullmatch(rf"{automatic}(_\d+)?", name):
            name = attributes.get(id(layer), automatic)
        named[_unused(name, named)] = layer
    return list(named.items())


def is_made_by_code(parent: Any) -> bool:
    """Whether a class that is not of Keras makes the layers inside, and names them."""
    package = type(parent).__module__.partition(".")[0]
    return package not in {"keras", "nncompress_lab"} and not _has_graph(parent)


def _inside(parent: Any) -> list[Any]:
    if _is_a(parent, "Functional"):  # which may hold its layers as attributes as well
        return list(parent.layers)
    # Keras has no public way to list what a wrapper or an attention layer holds.
    return list(parent._flatten_layers(include_self=False, recursive=False))


def _has_graph(parent: Any) -> bool:
    return _is_a(parent, "Functional") or _is_a(parent, "Sequential")


def _is_a(parent: Any, keras_class: str) -> bool:
    return any(
        one.__name__ == keras_class and one.__module__.startswith("keras.")
        for one in type(parent).__mro__
    )


def _attributes(parent: Any) -> Iterator[tuple[int, str]]:
    """Which attribute of a layer holds another, by its id; the first of several is last."""
    held_by = {**vars(parent).get("_modules", {}), **vars(parent)}  # as torch has them
    for name, held in reversed(held_by.items()):
        if name in {"_layers", "_modules"} or name.startswith("_self_"):
            continue  # where Keras, torch and TensorFlow keep all of them
        own = name.strip("_")
        if isinstance(held, list | tuple):
            yield from ((id(one), f"{own}_{place}") for place, one in enumerate(held))
        elif isinstance(held, dict):
            yield from ((id(one), f"{own}_{key}") for key, one in held.items())
        else:
            yield id(held), own


def _automatic_name(layer: Any) -> str:
    """What Keras calls the first layer of a class."""
    name = re.sub(
        r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", type(layer).__name__)
    )
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _unused(name: str, taken: dict[str, Any]) -> str:
    numbered, number = name, 1
    while numbered in taken:
        numbered, number = f"{name}_{number}", number + 1
    return numbered
