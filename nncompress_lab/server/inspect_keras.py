"""What a `.keras` file holds, read without Keras and without running any of its code.

The time it takes is bounded: of a large model's weights an even sample is read, and the
summary says so.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server.archive import (
    CONFIG,
    METADATA,
    WEIGHTS,
    Archive,
    open_archive,
)
from nncompress_lab.server.figures import Figures, unpacked_kernels
from nncompress_lab.server.model_config import ConfigNode
from nncompress_lab.server.statistics import (
    MOST_DISTINCT,
    distinct_of,
    histogram_of,
    not_finite,
)
from nncompress_lab.server.weights_file import (
    MAX_NAME,
    Contents,
    StoredLayer,
    contents_of,
)

MOST_NUMBERS = 4 * 2**20  # read of one array
ALL_NUMBERS = 16 * 2**20  # read of all arrays together, about 3 s

Row = dict[str, Any]


def summarize(path: Path) -> dict[str, Any]:
    """Look into a model file.

    Args:
        path: A `.keras` file.

    Returns:
        Plain data for JSON: `file`, `model`, `totals` and `layers`, a row for each layer
        with weights.

    Raises:
        ModelFileError: If the file is not a Keras model, is damaged, or declares what
            it does not hold. The message is one for its owner.
    """
    try:
        with open_archive(path) as archive:
            return _summary(path.name, archive)
    except ModelFileError:
        raise
    except MemoryError as error:
        raise ModelFileError(
            "There is not enough memory to look into this file."
        ) from error
    except Exception as error:  # zipfile, zlib and HDF5 raise many kinds
        reason = str(error).strip().partition("\n")[0][:MAX_NAME]
        raise ModelFileError(
            f"This file is damaged ({reason or type(error).__name__}). Copy or save it "
            "again."
        ) from error


def _summary(name: str, archive: Archive) -> dict[str, Any]:
    import h5py

    config, metadata = archive.config(), archive.metadata()
    model = ConfigNode.of(config)
    with archive.weights() as file, h5py.File(file, "r") as root:
        contents = contents_of(root, model)
        sizes = [w.size for layer in contents.layers for w in layer.weights]
        most = most_numbers(sizes)
        rows = [_row(layer, most) for layer in contents.layers]
        totals = _totals(archive, contents, rows)
    return {
        "file": name,
        "model": {
            "class": model.class_name[:MAX_NAME],
            "name": model.name[:MAX_NAME],
            "keras_version": str(metadata.get("keras_version", ""))[:MAX_NAME],
            "saved": str(metadata.get("date_saved", ""))[:MAX_NAME],
        },
        "totals": totals,
        "layers": rows,
    }


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


def _totals(archive: Archive, contents: Contents, rows: list[Row]) -> dict[str, Any]:
    stored = sum(w.stored_bytes for layer in contents.layers for w in layer.weights)
    optimizer = contents.optimizer_bytes
    config = archive.packed_bytes(CONFIG) + archive.packed_bytes(METADATA)
    if not archive.weights_are_stored:  # HDF5's parts shrink together
        member = archive.packed_bytes(WEIGHTS)
        whole = max(archive.unpacked_bytes(WEIGHTS), stored + optimizer, 1)
        stored, optimizer = stored * member // whole, optimizer * member // whole
    return {
        "parameters": sum(row["parameters"] for row in rows),
        "zeros": sum(row["zeros"] for row in rows),
        "weight_bytes": sum(row["bytes"] for row in rows),
        "deflated_bytes": sum(row["deflated"] for row in rows),
        "sampled": any(row["sampled"] for row in rows),
        "weights_are_stored": archive.weights_are_stored,
        "layers_left_out": contents.left_out,
        "file_bytes": archive.size,
        "parts": {
            "weights": stored,
            "optimizer": optimizer,
            "config": config,
            "other": max(0, archive.size - stored - optimizer - config),
        },
    }


def _row(layer: StoredLayer, most: int) -> Row:
    weights, node = layer.weights, layer.node
    names = node.weight_names(len(weights)) or [weight.key for weight in weights]
    figures = [
        Figures(weight, name, most) for weight, name in zip(weights, names, strict=True)
    ]
    if node.quantization is not None:
        figures = unpacked_kernels(figures, node)
    kernels = [one for one in figures if _is_kernel(one)] or figures
    return {
        "name": layer.path,
        "class": node.class_name[:MAX_NAME],
        "weights": [
            {"name": name, "shape": list(weight.shape), "dtype": weight.dtype}
            for weight, name in zip(weights, names, strict=True)
        ],
        "bits": node.quantization["bits"] if node.quantization else None,
        "parameters": sum(one.parameters for one in figures),
        "at_most": any(one.upper_bound for one in figures),
        "zeros": sum(one.zeros for one in figures),
        "bytes": sum(weight.raw_bytes for weight in weights),
        "deflated": sum(one.deflated for one in figures),
        "sampled": any(one.sampled for one in figures),
        **_spread(kernels),
    }


def _is_kernel(figures: Figures) -> bool:
    if "bias" in figures.name:
        return False
    return len(figures.weight.shape) > 1 or figures.name.endswith("_q")


def _spread(kernels: list[Figures]) -> Row:
    """Distinct values and histogram of a layer's kernels."""
    parts = [one.numbers for one in kernels if one.numbers is not None]
    numbers = np.concatenate(parts) if parts else np.empty(0)
    distinct = distinct_of(numbers)
    histogram = histogram_of(numbers)
    return {
        "distinct": min(distinct, MOST_DISTINCT),
        "distinct_is_more": distinct > MOST_DISTINCT,
        "not_finite": not_finite(numbers),
        "histogram": asdict(histogram) if histogram else None,
    }
