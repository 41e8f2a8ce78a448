"""How the values of a learner are told in a sentence."""

from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

LONGEST, FEW = 80, 4


def in_words(value: Any) -> str:
    """A value in a few words: arrays by their shape, what is long by its type.

    Example:
        >>> in_words(np.zeros((2, 3))), in_words(0.5), in_words(int)
        ('an array of shape (2, 3)', '0.5', 'the class int')
    """
    if kind := _of_arrays(value):
        return kind
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        shapes = ", ".join(str(np.shape(each)) for each in value)
        few = len(value) <= FEW
        return f"a list of {len(value)} arrays" + f" of the shapes {shapes}" * few
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, FunctionType | MethodType | BuiltinFunctionType):
        return f"the function {value.__name__} itself (to call it takes brackets)"
    text = repr(value)
    if isinstance(value, list | tuple) and not _is_short(text):
        kinds = [type(each).__name__ for each in value]
        named = " and ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))
        inside = named if len(kinds) <= FEW else f"{len(kinds)} objects"
        return f"a {type(value).__name__} of {inside}"
    return text if _is_short(text) else f"an object of the type {type(value).__name__}"


def _of_arrays(value: Any) -> str:
    """An array, a tensor of any backend or a model, without an import of Keras."""
    kind = type(value)
    is_model = any(each.__qualname__ == "Model" for each in kind.__mro__)
    if is_model and hasattr(value, "name"):  # a learner's own class may have none
        return f"a model, {value.name!r}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    is_tensor = kind.__name__.endswith(("Tensor", "Array", "ArrayImpl"))
    return f"a tensor of shape {tuple(value.shape)}" if is_tensor else ""


def _is_short(text: str) -> bool:
    return len(text) <= LONGEST and "\n" not in text and "<" not in text[:2]


def because(received: float, causes: Mapping[Any, str]) -> str:
    """What is likely to have led to a wrong number, to end a message with.

    Nothing where the number is none of those that a known mistake leads to: a wrong
    guess at the cause sends a learner astray.

    Args:
        received: The wrong number.
        causes: A sentence by the number that its mistake leads to.
    """
    found = (text for number, text in causes.items() if np.isclose(received, number))
    return f" {text}" if (text := next(found, "")) else ""
