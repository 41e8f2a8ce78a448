"""Random inputs of the shapes and types that a model takes."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.models.graph import ModelGraph, is_graph
from nncompress_lab.models.inputs import STRING
from nncompress_lab.models.interface import interface
from nncompress_lab.models.kernels import walk
from nncompress_lab.models.unchanged import keeps_values

# What layers and operations call the number of integers that they know, from 0 on.
COUNTS = ("input_dim", "num_tokens", "num_classes")
BY_TYPE = {"bool": 2, "uint8": 256}
UNKNOWN = 2  # 0 and 1 are also right for masks and segments


def random_inputs(model: keras.Model, *, batch_size: int) -> list[npt.NDArray[Any]]:
    """Random values for each input of a model, of those that it can take.

    Numbers are in `[0, 1)`. Where an input is looked up, as in an Embedding, they are
    integers of the whole vocabulary; other integers are 0 and 1, of uint8 0 to 255.
    Strings are words that a lookup in the model knows.

    Raises:
        ValueError: If a size of an input is not fixed.
    """
    generator, graph = np.random.default_rng(0), interface(model)
    arrays = []
    for place, tensor in enumerate(keras.tree.flatten(graph.inputs)):
        shape = tuple(tensor.shape[1:])
        if None in shape:
            raise ValueError(
                f"Only inputs of a fixed size can be random. Received: {model.name!r} "
                f"with an input of shape {tuple(tensor.shape)}. Give some inputs of "
                "your own where the function takes them."
            )
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        users, size = list(_users(graph, place)), (batch_size, *shape)
        if dtype == STRING:
            arrays.append(generator.choice(_words(users), size))
            continue
        count = _count(users, dtype)
        if count is None:
            numbers: npt.NDArray[Any] = generator.random(size)
        else:
            numbers = generator.integers(count, size=size)
        arrays.append(numbers.astype(dtype))
    return arrays


def _users(model: Any, place: int) -> Iterator[Any]:
    """What an input, the one at `place`, reaches before anything changes its values."""
    graph = ModelGraph(model)
    waiting = [graph.inputs[place]]
    while waiting:
        current = waiting.pop()
        for node in graph.users(current):
            one = node.operation
            if is_graph(one):
                entry = [id(given) for given in node.inputs].index(id(current))
                yield from _users(one, entry)
                continue
            yield one
            if keeps_values(one):
                waiting += node.outputs


def _count(users: list[Any], dtype: str) -> int | None:
    """How many integers, from 0 on, an input may be; None if it is not integers."""
    whole = "int" in dtype or dtype == "bool"
    # A layer that takes floats may look up something else inside, say positions.
    readers = [
        one for user in users for one in (_with_inner(user) if whole else [user])
    ]
    counts = [getattr(one, name, None) for one in readers for name in COUNTS]
    if known := [int(count) for count in counts if count]:
        return min(known)
    return BY_TYPE.get(dtype, UNKNOWN) if whole else None


def _words(users: list[Any]) -> list[str]:
    lookups = (user for user in users if hasattr(user, "get_vocabulary"))
    known = [str(word) for lookup in lookups for word in lookup.get_vocabulary()]
    return known or ["some", "words"]


def _with_inner(user: Any) -> list[Any]:
    inner = [one for _, one in walk(user)] if isinstance(user, keras.Layer) else []
    return [user, *inner]
