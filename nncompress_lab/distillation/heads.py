"""Attention heads that get narrower and compute nearly what they did."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.distillation.arrays.heads import nearest_products
from nncompress_lab.models.attention import projections_of

Array = npt.NDArray[Any]
Part = Callable[[Any], Array]

OUTPUT = "attention_output"


def narrow_heads(
    attention: Any, part: Part, *, keys: int, values: int
) -> dict[int, Array]:
    """The weights of the projections with narrower heads.

    Args:
        attention: A MultiHeadAttention or a GroupQueryAttention.
        part: Gives what stays of a weight while the heads keep their width.
        keys: How wide queries and keys become.
        values: How wide the values become.

    Returns:
        New arrays by the id of the variable; none for heads wider than what they read.
    """
    parts = projections_of(attention)
    rows = {name: _rows(parts[name], part) for name in parts if name != OUTPUT}
    kernel = part(parts[OUTPUT].kernel)
    read = kernel.reshape(*kernel.shape[:2], -1)
    found: dict[int, Array] = {}
    if keys <= min(rows["query"].shape[1], rows["key"].shape[1]):
        query, key = _narrow(rows["query"], rows["key"], keys)
        query *= np.sqrt(keys / rows["key"].shape[-1])  # as scores are divided by it
        found |= _weights(parts["query"], query) | _weights(parts["key"], key)
    if "gate" in rows:  # which multiplies the values one by one
        shared = (
            np.square(read).sum(axis=-1).reshape(len(rows["value"]), -1, read.shape[1])
        )
        kept = np.argsort(shared.sum(axis=1), axis=1)[:, -values:]
        for name in ("value", "gate"):
            each = np.repeat(kept, len(rows[name]) // len(kept), axis=0)
            narrow = np.take_along_axis(rows[name], each[:, None], axis=2)
            found |= _weights(parts[name], narrow)
        read = np.take_along_axis(read, each[:, :, None], axis=1)
    elif values <= min(rows["value"].shape[1], read.shape[2]):
        narrow, value = _narrow(np.swapaxes(read, 1, 2), rows["value"], values)
        read = np.swapaxes(narrow, 1, 2)
        found |= _weights(parts["value"], value)
    found[id(parts[OUTPUT].kernel)] = read.reshape(len(read), -1, *kernel.shape[2:])
    return found


def _narrow(many: Array, few: Array, size: int) -> tuple[Array, Array]:
    """Narrower matrices for heads and for those that several of them share, if any do."""
    grouped = many.reshape(len(few), -1, many.shape[-1])
    left, right = nearest_products(grouped, np.swapaxes(few, 1, 2), rank=size)
    return left.reshape(*many.shape[:2], size), np.swapaxes(right, 1, 2)


def _rows(projection: Any, part: Part) -> Array:
    """A projection as a matrix for each head; the bias is its last row."""
    rows = np.moveaxis(part(projection.kernel), 1, 0)
    if projection.bias is not None:
        rows = np.concatenate([rows, part(projection.bias)[:, None]], axis=1)
    return rows


def _weights(projection: Any, rows: Array) -> dict[int, Array]:
    if projection.bias is None:
        return {id(projection.kernel): np.moveaxis(rows, 0, 1)}
    return {
        id(projection.kernel): np.moveaxis(rows[:, :-1], 0, 1),
        id(projection.bias): rows[:, -1],
    }
