"""Pipelines that give batch after batch, read through one function.

A pipeline is whatever `fit` takes as `x` alone: a `tf.data.Dataset`, a
`keras.utils.PyDataset`, a torch `DataLoader`; or a function that returns a fresh iterator.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncompress_lab.data.structures import as_arrays, leaves

Batch = tuple[Any, Any, Any]
INFINITE = -1  # what tf.data says of the number of batches


def is_stream(value: Any) -> bool:
    """Whether a value gives batches, and is no array or structure of arrays."""
    whole = isinstance(value, np.ndarray | list | tuple | dict | str | bytes | range)
    if whole or hasattr(value, "shape") or hasattr(value, "__array__"):
        return False
    return callable(value) or hasattr(value, "__iter__")


def check_stream(stream: Any) -> None:
    """Raise a `TypeError` for what can be read a single time, or not at all."""
    if hasattr(stream, "__next__"):
        raise TypeError(
            "Data are read several times, and an iterator is used up by the first. "
            f"Received: {type(stream).__name__}. Pass the function that makes it, as in "
            "Data(batches) in place of Data(batches())."
        )
    try:
        if not hasattr(stream, "__iter__"):
            inspect.signature(stream).bind()
    except TypeError as error:
        raise TypeError(
            "A function that makes data is called without arguments. Received: "
            f"{type(stream).__name__}, which has {error}. Pass one that returns a fresh "
            "iterator over batches (x, y), or the data themselves."
        ) from error


def read(stream: Any) -> Iterator[Batch]:
    """Inputs, labels and weights, batch by batch, as NumPy arrays; None where missing."""
    from keras.utils import unpack_x_y_sample_weight

    for batch in stream if hasattr(stream, "__iter__") else stream():
        parts = unpack_x_y_sample_weight(batch)
        x, y, weight = (None if one is None else as_arrays(one) for one in parts)
        shapes = [np.shape(one) for part in (x, y, weight) for one in leaves(part)]
        if len({shape[:1] for shape in shapes}) != 1 or () in shapes:
            raise ValueError(
                "A pipeline gives batches, whose arrays have equally many examples. "
                f"Received: arrays of shape {' and '.join(map(str, shapes))}. Batch it, "
                "for example by .batch(32)."
            )
        yield x, y, weight


def count_of(batch: Batch) -> int:
    """How many examples a batch has."""
    return len(leaves(batch[0])[0])


def known_batches(stream: Any) -> int | None:
    """How many batches one epoch has, if the pipeline says so.

    Raises:
        ValueError: If it never ends.
    """
    cardinality = getattr(stream, "cardinality", None)
    never_ends = (callable(cardinality) and int(cardinality()) == INFINITE) or getattr(
        stream, "num_batches", 0
    ) is None
    if never_ends:
        raise ValueError(
            "The pipeline never ends, so that it has no epochs. Received: "
            f"{type(stream).__name__}. Leave out .repeat(), or end it, for example by "
            ".take(100) batches."
        )
    try:
        return len(stream)
    except TypeError:
        return None


@dataclass(frozen=True, eq=False)
class Changed:
    """A pipeline whose batches go through a function when they are read."""

    stream: Any
    function: Callable[[Any, Any, Any], Batch]

    def __iter__(self) -> Iterator[Batch]:
        for batch in read(self.stream):
            yield self.function(*batch)

    def __len__(self) -> int:
        if (known := known_batches(self.stream)) is None:
            raise TypeError("The number of batches is not known.")
        return known
