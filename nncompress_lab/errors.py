"""The errors this library raises beside `ValueError` and `TypeError`.

A bad number is a `ValueError` and a wrong kind of thing a `TypeError`, as
everywhere in Python. The classes here are for what only this library can know:
that a model cannot be rewritten, that a pass lacks data, that a file is broken.
Every message says what is wrong, what was received and how to fix it.
"""

from collections.abc import Mapping
from os import PathLike
from typing import get_args


def check_choice(name: str, value: object, choices: object) -> None:
    """Raise a `ValueError` unless a field holds one of the values of a `Literal`.

    Args:
        name: Of the field.
        value: What it holds.
        choices: The `Literal` type that lists what it may hold.
    """
    if value not in get_args(choices):
        raise ValueError(
            f"`{name}` must be one of {get_args(choices)}. Received: {name}={value!r}."
        )


class CompressionError(Exception):
    """Any error that this library raises about a model, a recipe or a file."""


class UnsupportedModelError(CompressionError):
    """The model cannot be treated: it is unbuilt, no graph of layers, or not Keras 3."""


class MissingContextError(CompressionError):
    """A pass needs data (say training images) that the context does not hold."""


class RecipeError(CompressionError):
    """A recipe names an unknown pass, an unknown field or another version."""


class DataNotFoundError(CompressionError):
    """A data set is not on this machine and could not be downloaded."""


class ModelFileError(CompressionError):
    """A file is missing, is not a Keras model or is damaged."""


class CorruptFileError(ModelFileError):
    """A packed file is truncated, damaged or made to mislead; nothing of it was used."""


def check_named(name: str, value: object) -> None:
    """Raise a `TypeError` unless an argument holds things by their names.

    Args:
        name: Of the argument.
        value: What it holds.
    """
    if not isinstance(value, Mapping):
        raise TypeError(
            f"`{name}` are held by their names, as in {{'original': ...}}. Received: "
            f"{type(value).__name__}. Give each a name in a dict."
        )


def no_model(received: object) -> UnsupportedModelError:
    """The error for something that is to be a model, and is none."""
    kind = type(received)
    what = f"an object of type {kind.__module__}.{kind.__qualname__}"
    fix = (
        "Load the model with keras.saving.load_model, or build it again from "
        "keras.layers."
    )
    if isinstance(received, type):
        what = f"the class {received.__qualname__} itself, not a model of it"
    elif hasattr(received, "stages") and hasattr(received, "model"):
        fix = "Take the model in it, as in result.model."
    return UnsupportedModelError(
        f"Only Keras 3 models can be compressed and measured. Received: {what}. {fix}"
    )


def check_path(path: object, *, after: str) -> None:
    """Raise a `TypeError` unless an argument is a path.

    Args:
        path: What somebody gave.
        after: What comes before it, as in `"export(model, path)"`.
    """
    if not isinstance(path, str | PathLike):
        raise TypeError(
            f"A path is a string or a pathlib.Path. Received: {type(path).__name__}. The "
            f"order is {after}."
        )


def first_line(error: Exception) -> str:
    """The first line of an error, or what it is."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
