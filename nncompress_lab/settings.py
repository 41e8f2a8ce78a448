"""The fields of a dataclass, checked and completed by the types they are annotated with.

So that a wrong kind of setting is refused where it is written, in one way for all passes
and for those of one's own, and before any comparison of a string with a number.
"""

import dataclasses
import os
from collections.abc import Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from nncompress_lab.printable import shortened

NUMBERS = (int, float)
LARGEST = 2**63 - 1  # whole number that arrays hold
NAMES: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple: "a tuple",
    NoneType: "None",
}


def check_settings(holder: Any) -> None:
    """Check the fields of a dataclass by their types, and make them of these types.

    A number of NumPy becomes one of Python, a path a string, and a list a tuple where one
    is asked for. For a dataclass a `dict` of its fields will do, as in a recipe, and for a
    class with a method `of` whatever that takes, as in `Selection.of("conv*")`.

    Args:
        holder: A dataclass instance, frozen or not.

    Raises:
        TypeError: If a field is of another type.
        ValueError: If it is not one of its `Literal` values, or a number of the wrong kind.

    Example:
        >>> from nncompress_lab.models.selection import Selection
        >>> Selection(names=["conv1", "conv2"]).names
        ('conv1', 'conv2')
    """
    owner: Any = type(holder)
    try:
        kinds = _field_types(owner)
    except NameError:  # imported for type checkers only, or local to a function
        return
    for name, kind in kinds.items():
        value = getattr(holder, name)
        try:
            fitting = _fitted(value, kind)
        except TypeError as error:
            raise _refusal(name, value, kind, str(error)) from error
        object.__setattr__(holder, name, fitting)


@cache
def _field_types(kind: type[Any]) -> dict[str, Any]:
    """The types of a dataclass's fields by name; a `NameError` if one is not there.

    Resolved once a class: a control makes a pass at every move of a slider.
    """
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in dataclasses.fields(kind) if one.init}


def _fitted(value: Any, kind: Any) -> Any:
    """The value as the type has it; a `TypeError`, which may say more, if it is another."""
    if isinstance(value, np.generic):
        value = value.item()
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return _fitted_to_one(value, inner)
    if origin is Literal:
        good = any(type(value) is type(one) and value == one for one in inner)
    elif origin is tuple:
        return _fitted_tuple(value, inner)
    elif kind in NUMBERS:
        good = isinstance(value, kind if kind is int else NUMBERS)
        good = good and not isinstance(value, bool) and not _is_huge(value)
    elif kind is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    else:
        return _fitted_object(value, origin or kind)
    if not good:
        raise TypeError
    return value


def _fitted_to_one(value: Any, kinds: Sequence[Any]) -> Any:
    if value is None and NoneType in kinds:  # before `of` makes something of it
        return value
    reasons = []
    for kind in kinds:
        try:
            return _fitted(value, kind)
        except TypeError as error:
            reasons.append(str(error))
    raise TypeError(" ".join(filter(None, reasons)))


def _fitted_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    if kinds[1:] == (...,):
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise TypeError
    return tuple(_fitted(one, kind) for one, kind in zip(value, kinds, strict=True))


def _fitted_object(value: Any, kind: Any) -> Any:
    unchecked = not isinstance(kind, type) or getattr(kind, "_is_protocol", False)
    if kind is Any or unchecked or isinstance(value, kind):
        return value
    if isinstance(value, dict) and dataclasses.is_dataclass(kind):
        make: Any = kind
        return make(**value)
    if hasattr(kind, "of"):
        return kind.of(value)
    raise TypeError


def _refusal(name: str, value: Any, kind: Any, more: str) -> Exception:
    """The error for a field that holds what its type does not allow."""
    if more:
        return TypeError(f"`{name}`: {more}")
    members = _members(kind)
    message = f"`{name}` must be {_names(kind)}. Received: {name}={shortened(value)}."
    if isinstance(value, str) and not set(NUMBERS).isdisjoint(members):
        message += " Write numbers without quotes."
    if isinstance(value, list | tuple) and any(isinstance(one, type) for one in value):
        message += " Write the names of classes, as in types=('Dense', 'Conv2D')."
    if _is_huge(value):
        message += f" No whole number may be beyond {LARGEST}."
    if hasattr(value, "get_config"):
        message += (
            " Settings are plain, so that a recipe can hold them; what a pass learns from "
            "goes into the context, as in Context(teacher=model)."
        )
    number = isinstance(value, NUMBERS) and not isinstance(value, bool)
    chosen = any(get_origin(one) is Literal for one in members)
    wrong_number = number and not set(NUMBERS).isdisjoint(members)
    return ValueError(message) if chosen or wrong_number else TypeError(message)


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > LARGEST


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)


def _names(kind: Any) -> str:
    # None first: it is the shortest, and what follows may be a list.
    members = sorted(_members(kind), key=lambda one: one is not NoneType)
    wider = [one for one in members if one is not int or float not in members]
    return " or ".join(map(_name, wider))


def _name(kind: Any) -> str:
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return f"one of {inner}"
    if inner[1:] == (...,):
        return f"a tuple of which each element is {_names(inner[0])}"
    plain = get_origin(kind) or kind
    return NAMES.get(plain, getattr(plain, "__name__", str(plain)))
