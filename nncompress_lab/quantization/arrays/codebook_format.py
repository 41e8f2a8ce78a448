"""How a kernel is stored as codes into tables: its bits, what shares a table, the bytes.

The counterpart of `integer_format` for values that are not evenly spaced, and how a file
tells the two apart. Storey 1: it decodes with NumPy or, inside a layer, with `keras.ops`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import check_choice
from nncompress_lab.quantization.arrays.bitpacking import (
    cast,
    pack_bits,
    packed_size,
    unpack_bits,
)
from nncompress_lab.quantization.arrays.codebook import learned_table, nearest_codes
from nncompress_lab.quantization.arrays.fixed_tables import (
    LEAST_EXPONENT,
    FixedTable,
    check_finite,
)
from nncompress_lab.quantization.arrays.integer_format import KernelFormat, KernelView
from nncompress_lab.quantization.arrays.many_codebooks import learned_tables
from nncompress_lab.quantization.arrays.matrix_view import (
    Granularity,
    MatrixView,
    check_granularity,
)

Weights = npt.NDArray[Any]
MakeTable = Callable[[Weights], npt.NDArray[np.float32]]
MAX_BITS = 8
Scales = Literal["none", "float", "power_of_two"]
POWERS = np.exp2(np.arange(LEAST_EXPONENT, 128, dtype=np.float32))  # of two


def _check_bits(bits: object) -> None:
    if not isinstance(bits, int | np.integer) or not 1 <= bits <= MAX_BITS:
        raise ValueError(
            f"`bits` is the width of a code and must be a whole number from 1 to "
            f"{MAX_BITS}. Received: bits={bits!r}."
        )


@dataclass(frozen=True)
class CodebookFormat:
    """How the codes and tables of a kernel are stored.

    Args:
        bits: Of a code, 1 to 8; they are packed, and a table has `2**bits` values.
        granularity: What shares a table: the whole kernel, an output channel, or
            `group_size` weights of an output channel.
        group_size: Weights that share a table; only with `"per_group"`.
        kind: Tells a file's reader that these are the fields of this format.
        scales: `"none"` if each part has a table of its own; else all have one, whose
            values each multiplies by a scale: a float32 (`"float"`), or a power of two
            whose exponent takes a byte.

    Raises:
        ValueError: If a value is out of range, or `group_size` does not fit the
            granularity.
    """

    bits: int = 4
    granularity: Granularity = "per_tensor"
    group_size: int | None = None
    kind: Literal["codebook"] = "codebook"
    scales: Scales = "none"

    def __post_init__(self) -> None:
        _check_bits(self.bits)
        check_choice("scales", self.scales, Scales)
        check_granularity(self.granularity, self.group_size)
        object.__setattr__(self, "bits", int(self.bits))  # also NumPy's, for JSON

    def view(
        self, shape: tuple[int, ...], channel_axes: tuple[int, ...]
    ) -> "CodebookView":
        """How a kernel of this shape is cut up.

        Args:
            shape: Of the kernel.
            channel_axes: Which of its axes count outputs.
        """
        return CodebookView.of(self, shape, channel_axes)


@dataclass(frozen=True)
class CodebookView(MatrixView):
    """A kernel of one shape in one format; made by `CodebookFormat.view`."""

    format: CodebookFormat = CodebookFormat()

    @property
    def table_size(self) -> int:
        """Values of a table."""
        return 1 << self.format.bits

    @property
    def stored(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of each stored array, by name: q and table, maybe scales."""
        count = math.prod(self.grouped_shape)
        scaled = self.format.scales != "none"
        tables = 1 if scaled else math.prod(self.parts)
        arrays: dict[str, tuple[tuple[int, ...], str]] = {
            "q": ((packed_size(count, bits=self.format.bits),), "uint8"),
            "table": ((tables, self.table_size), "float32"),
        }
        if self.format.scales == "float":
            arrays["scale"] = (self.parts, "float32")
        elif scaled:
            arrays["exponent"] = (self.parts, "int8")
        return arrays

    def encode(self, kernel: Weights, make_table: MakeTable) -> dict[str, Weights]:
        """The arrays to store for a kernel, each weight coded as the nearest value.

        Args:
            kernel: Array of the view's shape. It is not changed.
            make_table: Returns the values, ascending and at most `2**bits`, for weights
                that share a table. It is called for each part of the kernel.

        Returns:
            Arrays as `stored` describes them. A table of fewer values is filled up with
            copies of the last one, which no code uses.
        """
        matrix = self.matrix(kernel)
        padded = self.grouped(matrix)
        codes = np.empty(self.grouped_shape, np.uint8)
        tables = np.empty((*self.parts, self.table_size), np.float32)
        for part in np.ndindex(self.parts):
            where = self._where(part)
            # What fills up the last group is no weight and must not shape its table.
            rows = matrix[part[0] * self.group_size : (part[0] + 1) * self.group_size]
            weights = matrix if where == ... else rows[:, part[1]]
            table = make_table(weights)
            codes[where] = nearest_codes(padded[where], table)
            tables[part] = np.pad(table, (0, self.table_size - table.size), mode="edge")
        return self.pack(codes, tables)

    def encode_learned(self, kernel: Weights) -> dict[str, Weights]:
        """The arrays to store for a kernel, each part with the table that suits it best.

        Args:
            kernel: Array of the view's shape. It is not changed.

        Returns:
            Arrays as `encode` returns them.

        Raises:
            ValueError: If a weight is not finite.
        """
        if self.granularity == "per_tensor":
            return self.encode(kernel, partial(learned_table, size=self.table_size))
        grouped = self.grouped(self.matrix(kernel))
        columns = grouped.transpose(1, 0, 2).reshape(self.group_size, -1)
        rest = self.rows - (self.groups - 1) * self.group_size
        held = np.full(self.parts, self.group_size)
        held[-1] = rest  # what fills up the last group is no weight
        tables = learned_tables(columns, held.reshape(-1), size=self.table_size)
        return self.pack(_nearest(grouped, tables.reshape(*self.parts, -1)), tables)

    def encode_scaled(self, kernel: Weights, table: FixedTable) -> dict[str, Weights]:
        """The arrays to store for a kernel with one table, times a scale for each part.

        Args:
            kernel: Array of the view's shape. It is not changed.
            table: Whose largest value each part's largest magnitude is to become.

        Returns:
            Arrays as `stored` describes them.

        Raises:
            ValueError: If a weight is not finite.
        """
        grouped = self.grouped(self.matrix(kernel))
        check_finite(grouped)
        whole = self.granularity == "per_tensor"
        largest = np.abs(grouped).max(axis=(0, 1, 2) if whole else 1).astype(np.float64)
        scales: dict[str, Weights] = (
            {"scale": table.scale(largest).reshape(self.parts)}
            if self.format.scales == "float"
            else {"exponent": table.exponent(largest).reshape(self.parts)}
        )
        codes = nearest_codes(grouped / self.scale(scales), table.values)
        missing = self.table_size - table.values.size
        return {
            **self.pack(codes, np.pad(table.values, (0, missing), "edge")),
            **scales,
        }

    def scale(self, stored: dict[str, Any], *, xp: Any = np) -> Any:
        """What the values of a part are multiplied by, of `params_shape`; else None."""
        if "exponent" in stored:
            places = cast(stored["exponent"], "int32", xp=xp) - LEAST_EXPONENT
            return xp.reshape(xp.take(POWERS, places), self.params_shape)
        scale = stored.get("scale")
        return None if scale is None else xp.reshape(scale, self.params_shape)

    def pack(self, codes: Weights, tables: Weights) -> dict[str, Weights]:
        """The arrays to store for codes that something else has chosen.

        Args:
            codes: Integers below `2**bits`, uint8, of `grouped_shape`.
            tables: With `2**bits` values for each part, or once where parts have scales.

        Returns:
            Arrays as `stored` describes them, without scales.
        """
        packed = pack_bits(codes, bits=self.format.bits)
        return {"q": packed, "table": tables.reshape(self.stored["table"][0])}

    def decode(self, stored: dict[str, Any], *, xp: Any = np) -> Any:
        """The kernel that stored arrays stand for.

        Args:
            stored: Arrays as `encode` returns them.
            xp: `numpy` or `keras.ops`.

        Returns:
            float32 array of the view's shape, of the kind that `xp` makes.
        """
        count = math.prod(self.grouped_shape)
        codes = unpack_bits(stored["q"], bits=self.format.bits, count=count, xp=xp)
        grouped = xp.reshape(codes, self.grouped_shape)
        values = self.pick(stored["table"], grouped, xp=xp)
        scale = self.scale(stored, xp=xp)
        return self.kernel(values if scale is None else values * scale, xp=xp)

    def pick(self, rows: Any, places: Any, *, xp: Any = np) -> Any:
        """For each weight an entry of the row that its part has.

        Args:
            rows: One for each part, or one for all; of one length, as in a stored table.
            places: In the rows, integers of `grouped_shape`.
            xp: `numpy` or `keras.ops`.

        Returns:
            Array of `grouped_shape`.
        """
        # All rows as one: each part's places begin where its own row does.
        flat = xp.reshape(places, (-1,))
        if rows.shape[0] > 1:
            starts = np.arange(rows.shape[0], dtype=np.int32) * rows.shape[-1]
            flat = xp.reshape(xp.add(places, starts.reshape(self.params_shape)), (-1,))
        return xp.reshape(xp.take(xp.reshape(rows, (-1,)), flat), self.grouped_shape)

    def _where(self, part: tuple[int, ...]) -> Any:
        whole = self.granularity == "per_tensor"
        return ... if whole else (part[0], slice(None), part[1])


def _nearest(grouped: Weights, tables: Weights) -> npt.NDArray[np.uint8]:
    """For each weight the place of the nearest value of its part's table."""
    codes = np.zeros(grouped.shape, np.uint8)
    for low, high in pairwise(np.moveaxis(tables.astype(np.float64), -1, 0)):
        codes += grouped >= ((low + high) / 2)[:, None, :]
    return codes


Format = KernelFormat | CodebookFormat
View = KernelView | CodebookView


def format_of(fields: dict[str, Any]) -> Format:
    """The format that a layer's configuration describes.

    Args:
        fields: Of the format. `"kind": "codebook"` marks a `CodebookFormat`; without a
            kind they are those of a `KernelFormat`.
    """
    is_codebook = fields.get("kind") == "codebook"
    return CodebookFormat(**fields) if is_codebook else KernelFormat(**fields)
