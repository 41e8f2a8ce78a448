"""Figures of the arrays in a file, and of the weights that packed ones stand for."""

import math
from typing import Protocol

import numpy as np

from nncompress_lab.quantization.arrays.affine import integer_range
from nncompress_lab.quantization.arrays.bitpacking import unpack_bits
from nncompress_lab.server.model_config import ConfigNode
from nncompress_lab.server.statistics import (
    Array,
    as_numbers,
    deflated_bytes,
    zeros_of,
)


class StoredArray(Protocol):
    """An array of a file, of which as much is read as is asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the array."""

    @property
    def size(self) -> int:
        """Numbers in the array."""

    @property
    def dtype(self) -> str:
        """The name of its type."""

    @property
    def raw_bytes(self) -> int:
        """Bytes of the array in memory."""

    def read(self, most: int) -> Array | None:
        """At most so many of the numbers, flat; None if they are none or elsewhere."""


class Figures:
    """Figures of one array, as far as its sample tells them."""

    def __init__(self, weight: StoredArray, name: str, most: int) -> None:
        self.weight, self.name = weight, name
        self.shape, self.dtype = weight.shape, weight.dtype
        self.numbers: Array | None = None
        self.deflated, self.deflated_sampled = weight.raw_bytes, False
        self.fraction = 1.0
        self.parameters = weight.size
        self.upper_bound = False
        stored = weight.read(most)
        if stored is None:
            return
        self.fraction = stored.size / max(weight.size, 1)
        deflated, exact = deflated_bytes(stored)
        self.deflated, self.deflated_sampled = self.estimate(deflated), not exact
        self.numbers = as_numbers(stored, weight.dtype)

    @property
    def is_kernel(self) -> bool:
        """Whether this is what a layer multiplies with, by its name and its axes."""
        if "bias" in self.name:
            return False
        return len(self.shape) > 1 or self.name.endswith("_q")

    @property
    def sampled(self) -> bool:
        """Whether only a part of the array was read."""
        return self.fraction < 1 and self.weight.size > 0

    @property
    def zeros(self) -> int:
        """How many of the weights are zero, as far as the sample tells."""
        if self.numbers is None:
            return 0
        return min(self.parameters, self.estimate(zeros_of(self.numbers)))

    def estimate(self, counted: int) -> int:
        """A count of the sample, for the whole array."""
        return round(counted / self.fraction) if self.fraction else counted


def unpacked_kernels(figures: list[Figures], node: ConfigNode) -> list[Figures]:
    """Put the weights of packed kernels in place, and drop what they were packed with.

    A zero weight is an integer that equals its zero point; that is subtracted, so the
    figures are those of whole steps. Codes are looked up in their tables.
    """
    by_name = {one.name: one for one in figures}
    for name in node.kernel_names:
        q, table = by_name.get(f"{name}_q"), by_name.get(f"{name}_table")
        if q is not None and table is not None:
            _look_up(q, table, node)
        elif q is not None:
            _decode(q, by_name.get(f"{name}_zero_point"), node)
    unpacked = ("_scale", "_exponent", "_zero_point", "_table")
    return [one for one in figures if not one.name.endswith(unpacked)]


def _count(q: Figures, bits: int, node: ConfigNode) -> None:
    name = q.name.removesuffix("_q")
    shape = node.kernel_shape(name)
    held = q.weight.raw_bytes * 8 // bits
    q.upper_bound = shape is None
    q.parameters = held
    if shape is not None:
        q.name, q.shape = name, shape
        q.parameters = min(math.prod(shape), held)


def _unpacked(packed: Array, bits: int) -> Array:
    whole = packed.size - packed.size % bits
    codes: Array = unpack_bits(
        packed[:whole].astype(np.uint8), bits=bits, count=whole * 8 // bits
    )
    return codes


def _look_up(q: Figures, table: Figures, node: ConfigNode) -> None:
    format_ = node.quantization or {}
    bits = int(format_["bits"])
    _count(q, bits, node)
    q.dtype = f"{bits}-bit codes"
    values = table.numbers
    by_group = format_.get("granularity") == "per_group"
    scaled = format_.get("scales", "none") != "none"  # which are read for no figure
    if q.numbers is None or values is None or table.sampled or by_group or scaled:
        q.numbers, q.upper_bound = None, True
        return
    tables = values.reshape(-1, 1 << bits)
    codes = _unpacked(q.numbers, bits)
    codes = codes[: codes.size - codes.size % len(tables)].reshape(-1, len(tables))
    weights = tables[np.arange(len(tables)), codes].reshape(-1)
    q.numbers = weights if q.sampled else weights[: q.parameters]


def _decode(q: Figures, zero_point: Figures | None, node: ConfigNode) -> None:
    format_ = node.quantization or {}
    bits, symmetric = int(format_["bits"]), zero_point is None
    qmin, _ = integer_range(bits=bits, symmetric=symmetric)
    _count(q, bits, node)
    q.dtype = f"{bits}-bit integers"
    if q.numbers is None:
        return
    codes = q.numbers.astype(np.int32)
    if bits < 8:
        codes = _unpacked(q.numbers, bits) + qmin
    if zero_point is not None and zero_point.numbers is not None and not q.sampled:
        codes = _steps(codes, zero_point.numbers.astype(np.int32), zero_point.weight)
    q.numbers = codes if q.sampled else codes[: q.parameters]


def _steps(codes: Array, zero_point: Array, weight: StoredArray) -> Array:
    groups, channels = weight.shape if len(weight.shape) == 2 else (1, 1)
    count = groups * channels
    rows = codes.size // count if count else 0
    if rows == 0:
        return codes
    grouped = codes[: rows * count].reshape(groups, rows, channels)
    steps: Array = grouped - zero_point.reshape(groups, 1, channels)
    return steps.reshape(-1)
