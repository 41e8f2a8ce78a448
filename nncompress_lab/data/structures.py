"""Arrays as Keras takes them: one, or several in lists, tuples and dicts, nested."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def as_arrays(value: Any, *, examples: int | None = None) -> Any:
    """The same structure with an array at each leaf.

    A list of numbers, also of lists of numbers, is one array; a list that holds arrays is
    a structure of them, unless each of them is one example.

    Args:
        value: Arrays or tensors of any library, or lists, tuples and dicts of them.
        examples: How many there are, if that is known.

    Raises:
        ValueError: If lists of numbers are not equally long, or something is no array.
    """
    if not _is_structure(value):
        return _array(value)
    if isinstance(value, list) and len(value) == examples:
        lengths = {np.shape(one)[0] for one in value if np.ndim(one)}
        if lengths != {examples}:
            return _array(value)
    from keras import tree

    return tree.traverse(lambda one: None if _is_structure(one) else _array(one), value)


def leaves(structure: Any) -> list[Array]:
    """The arrays of a structure in Keras's order; of one array that array."""
    if isinstance(structure, np.ndarray):
        return [structure]
    if structure is None:
        return []
    from keras import tree

    found: list[Array] = tree.flatten(structure)
    return found


def mapped(function: Callable[[Array], Any], structure: Any) -> Any:
    """A structure with a function of each array in its place; None stays."""
    if structure is None or isinstance(structure, np.ndarray):
        return None if structure is None else function(structure)
    from keras import tree

    return tree.map_structure(function, structure)


def joined(parts: Sequence[Any]) -> Any:
    """Structures of the same kind, one after the other along the first axis.

    Where they differ in another axis, as batches of sentences do, zeros fill the end.
    """
    if len(parts) == 1 or parts[0] is None:
        return parts[0]
    columns = zip(*map(leaves, parts), strict=True)
    arrays = iter([_concatenated(column) for column in columns])
    return mapped(lambda _: next(arrays), parts[0])


def described(structure: Any) -> str:
    """Types and shapes, such as `float32 (3, 2)`."""
    shown = [f"{one.dtype} {one.shape}" for one in leaves(structure)]
    return shown[0] if isinstance(structure, np.ndarray) else f"[{', '.join(shown)}]"


def _is_structure(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_arrays, value))
    return isinstance(value, dict)


def _holds_arrays(one: Any) -> bool:
    if isinstance(one, list | tuple):
        return len(one) > 0 and _holds_arrays(one[0])
    return isinstance(one, dict) or len(getattr(one, "shape", ())) > 0


def _array(value: Any) -> Array:
    if hasattr(value, "detach"):  # a torch tensor, which may be elsewhere
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            "Arrays are made of lists of equal lengths. Received: lists of different "
            "lengths. Fill them up, for example by keras.utils.pad_sequences."
        ) from error
    if array.dtype == object and not array.shape:
        raise ValueError(
            "Data are dense arrays, or lists, tuples and dicts of them. Received: "
            f"{type(value).__name__}. Make it dense, for example by .to_tensor() or "
            ".toarray()."
        )
    return array


def _concatenated(arrays: Sequence[Array]) -> Array:
    largest = np.max([one.shape[1:] for one in arrays], axis=0, initial=0)
    filled = [
        np.pad(one, [(0, 0), *((0, more) for more in largest - one.shape[1:])])
        if (largest > one.shape[1:]).any()
        else one
        for one in arrays
    ]
    return np.concatenate(filled)
