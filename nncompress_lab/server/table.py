"""The table of a model file: a row for each layer with weights, and the totals.

Plain data for JSON, the same for every kind of file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nncompress_lab.server.figures import Figures
from nncompress_lab.server.statistics import (
    MOST_DISTINCT,
    distinct_of,
    histogram_of,
    not_finite,
)

MOST_NUMBERS = 4 * 2**20  # read of one array
ALL_NUMBERS = 16 * 2**20  # read of all arrays together, about 3 s
MAX_ROWS = 5000
MAX_NAME = 200

Row = dict[str, Any]


def most_numbers(sizes: list[int]) -> int:
    """How many numbers of each array to read: small arrays whole, large ones in part.

    Args:
        sizes: Of all arrays.

    Returns:
        The largest limit with which all arrays together give at most `ALL_NUMBERS`, and
        `MOST_NUMBERS` at most.

    Example:
        >>> most_numbers([10, 3 * ALL_NUMBERS]) == MOST_NUMBERS
        True
    """
    left = ALL_NUMBERS
    for place, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - place)
        if size > share:
            return max(1, min(MOST_NUMBERS, share))
        left -= size
    return MOST_NUMBERS


def row(
    name: str,
    class_name: str,
    stored: Sequence[Figures],
    counted: Sequence[Figures] | None = None,
) -> Row:
    """The row of one layer.

    Args:
        name: Of the layer.
        class_name: Of the layer, or the operator that it is.
        stored: Figures of all that the file holds for the layer.
        counted: Figures of the weights that this stands for, if not the same.
    """
    weights = stored if counted is None else counted
    kernels = [one for one in weights if one.is_kernel] or weights
    return {
        "name": name[:MAX_NAME],
        "class": class_name[:MAX_NAME],
        "weights": [
            {"name": one.name[:MAX_NAME], "shape": list(one.shape), "dtype": one.dtype}
            for one in stored
        ],
        "parameters": sum(one.parameters for one in weights),
        "at_most": any(one.upper_bound for one in weights),
        "zeros": sum(one.zeros for one in weights),
        "bytes": sum(one.weight.raw_bytes for one in stored),
        "deflated": sum(one.deflated for one in stored),
        "sampled": any(one.sampled for one in weights),
        "deflated_sampled": any(one.deflated_sampled for one in stored),
        **_spread(kernels),
    }


def totals(
    rows: Sequence[Row],
    file_bytes: int,
    *,
    weights: int,
    optimizer: int = 0,
    config: int = 0,
    weights_are_stored: bool = True,
    left_out: bool = False,
) -> dict[str, Any]:
    """The figures of a whole file.

    Args:
        rows: Of its layers.
        file_bytes: Its size.
        weights: Bytes of them in the file.
        optimizer: Bytes of an optimizer's state in the file.
        config: Bytes of what describes the model.
        weights_are_stored: Whether they lie in the file as they are in memory.
        left_out: Whether there are more layers than rows.
    """
    described = weights + optimizer + config
    return {
        "parameters": _sum(rows, "parameters"),
        "zeros": _sum(rows, "zeros"),
        "weight_bytes": _sum(rows, "bytes"),
        "deflated_bytes": _sum(rows, "deflated"),
        "sampled": any(row["sampled"] for row in rows),
        "deflated_sampled": any(row["deflated_sampled"] for row in rows),
        "weights_are_stored": weights_are_stored,
        "layers_left_out": left_out,
        "file_bytes": file_bytes,
        "parts": {
            "weights": weights,
            "optimizer": optimizer,
            "config": config,
            "other": max(0, file_bytes - described),
        },
    }


def about(class_name: str, name: str, made_by: str, saved: str = "") -> dict[str, str]:
    """What a file says about its model; each is cut where no name is that long.

    Args:
        class_name: The model's class, or the kind of file.
        name: The model's name.
        made_by: Software and version.
        saved: When.
    """
    told = {"class": class_name, "name": name, "made_by": made_by, "saved": saved}
    return {key: text[:MAX_NAME] for key, text in told.items()}


def _sum(rows: Iterable[Row], key: str) -> int:
    return sum(row[key] for row in rows)


def _spread(kernels: Sequence[Figures]) -> Row:
    """Distinct values and histogram of a layer's kernels."""
    parts = [one.numbers.reshape(-1) for one in kernels if one.numbers is not None]
    numbers = np.concatenate(parts) if parts else np.empty(0)
    distinct = distinct_of(numbers)
    histogram = histogram_of(numbers)
    return {
        "distinct": min(distinct, MOST_DISTINCT),
        "distinct_is_more": distinct > MOST_DISTINCT,
        "not_finite": not_finite(numbers),
        "histogram": asdict(histogram) if histogram else None,
    }
