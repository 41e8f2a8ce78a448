"""Where the bytes of a strongly compressed model are: by stage, and by part of its file."""

import keras
import numpy as np
from packing import tensors_of

from nncompress_lab.models.kernels import (
    kernel_layers,
    other_variables,
    weighted_layers,
)
from nncompress_lab.packing import container, positions, symbols, tensors
from nncompress_lab.packing.model_file import packed

FLOAT, GAP = 4, 1  # bytes of a weight, and of the distance from one to the next


def kept_weights(model: keras.Model) -> int:
    """Weights of kernels that are not zero."""
    return sum(
        int(np.count_nonzero(array))
        for layer in kernel_layers(model)
        for array in layer.arrays()
    )


def steps_in_bytes(model: keras.Model) -> dict[str, float]:
    """Bytes of a coded model without its codes, and without entropy coding.

    Both count what is left after pruning as Deep Compression does, without any overhead:
    each weight with the distance from the one before in a byte, biases as float32.

    Args:
        model: Its kernels are codes into tables.

    Returns:
        `"pruned"` with weights as float32, `"coded"` with codes of the table's bits.
    """
    others = sum(
        FLOAT * int(np.prod(variable.shape))
        for _, layer in weighted_layers(model)
        for variable in other_variables(layer)
    )
    pruned = coded = float(others)
    for layer in kernel_layers(model):
        kept = sum(int(np.count_nonzero(array)) for array in layer.arrays())
        pruned += kept * (FLOAT + GAP)
        for view in layer.layer.views.values():
            table = FLOAT * 2**view.format.bits
            coded += kept * (view.format.bits / 8 + GAP) + table
    return {"pruned": pruned, "coded": coded}


def parts_of_file(model: keras.Model) -> dict[str, int]:
    """Bytes of the packed file by what they say; together they are the file.

    Args:
        model: Its kernels are codes into tables.

    Returns:
        `"positions"` of the weights that are not zero, their `"codes"`, the `"tables"`,
        the `"biases"` with all other floats, and the `"architecture"`: the index and
        checksums.
    """
    parts = dict.fromkeys(("positions", "codes", "tables", "biases"), 0)
    for tensor in tensors_of(model):
        size = len(tensors.encode(tensor.array, tensor.dtype, tensor.layout))
        if tensor.dtype == "uint8":
            where = _bytes_of_positions(tensor)
            parts["positions"] += where
            parts["codes"] += size - where
        else:
            # A table is a matrix with one row for each part of a kernel; biases are flat.
            parts["tables" if tensor.array.ndim == 2 else "biases"] += size
    whole = len(packed(model))
    return {**parts, "architecture": whole - sum(parts.values())}


def _bytes_of_positions(tensor: container.Tensor) -> int:
    bits, size = tensor.layout.bits, tensor.array.size
    codes = tensor.array.reshape(-1)
    if bits:
        codes = symbols.unpack(codes, bits, size * 8 // bits)
    others = codes != np.bincount(codes).argmax()
    if not others.any():
        return 0
    ways = positions.ways(others, tensor.layout.columns)
    return len(positions.encode(ways, all_of_them=True))
