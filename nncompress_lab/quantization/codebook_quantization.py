"""Non-uniform quantization as a pass: kernels as codes into tables of few values."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import keras
import numpy.typing as npt

from nncompress_lab.passes import Context
from nncompress_lab.quantization.arrays.codebook import learned_table
from nncompress_lab.quantization.arrays.codebook_format import (
    CodebookFormat,
    CodebookView,
)
from nncompress_lab.quantization.arrays.fixed_tables import FixedName, FixedTable
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.replace import Arrays
from nncompress_lab.quantization.storing_pass import StoringPass

Table = Literal["learned", FixedName]


@dataclass(frozen=True)
class CodebookQuantization(StoringPass):
    """Store the kernels of a trained model as codes into tables of few values.

    The values need not be evenly spaced: a learned table has them where the weights are.
    Codes are packed without gaps, so memory and file shrink as with integers of the same
    width; latency stays, because the layer computes with the decoded floats. Weights that
    are zero stay zero, unless `keep_zeros` is False. A layer that would grow, its tables
    counted, is left as it is.

    Args:
        bits: Of a code, 1 to 8; fixed tables need at least 2. With 1 bit a pruned kernel
            has zero and one other value.
        table: `"learned"` minimizes the squared error (optimal one-dimensional k-means),
            `"power_of_two"` has zero and powers of two, `"normal_float"` quantiles of a
            Gaussian (NF4 at 4 bits). Floats of few bits are `"fp4"` (4 bits),
            `"fp8_e4m3"` and `"fp8_e5m2"` (8 bits), and `"mxfp4"`, `"mxfp8_e4m3"` and
            `"mxfp8_e5m2"` with a power of two as their scale.
        granularity: What shares a learned table, or the scale of a fixed one, which
            stands once: `"per_tensor"`, `"per_channel"` or `"per_group"`. A table costs
            `4 * 2**bits` bytes, a scale 4, and one that is a power of two 1.
        group_size: Weights that share it; only with `"per_group"`. NF4 was made for 64,
            the formats that begin with mx for 32.
        keep_zeros: Whether a learned table spends a value on exact zero where there are
            zeros, so that pruned weights stay pruned. The fixed tables have one always.
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> CodebookQuantization(bits=3).format.bits
        3

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.
        https://arxiv.org/abs/1510.00149
        The fixed tables: see `FixedTable`.
    """

    varies: ClassVar[frozenset[str]] = StoringPass.varies | {"table"}

    bits: int = 4
    table: Table = "learned"
    granularity: Granularity = "per_tensor"
    group_size: int | None = None
    keep_zeros: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self._fixed  # checks the bits

    @property
    def format(self) -> CodebookFormat:
        """How each kernel is stored."""
        fixed = self._fixed
        apart = fixed is None or self.granularity == "per_tensor"
        return CodebookFormat(
            self.bits,
            self.granularity,
            self.group_size,
            scales="none" if fixed is None or apart else fixed.scales,
        )

    @property
    def independent(self) -> bool:
        """Always."""
        return True

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        return self.with_stored(model, type(self).encode)

    def encode(self, view: CodebookView, kernel: npt.NDArray[Any]) -> Arrays:
        """What is stored for a kernel that is cut up in this pass's format."""
        fixed = self._fixed
        if fixed is None and self.keep_zeros:
            return view.encode_learned(kernel)
        if fixed is None:
            table = partial(learned_table, size=view.table_size, keep_zeros=False)
            return view.encode(kernel, table)
        if view.format.scales == "none":
            return view.encode(kernel, fixed.fitted)
        return view.encode_scaled(kernel, fixed)

    @property
    def _fixed(self) -> FixedTable | None:
        return None if self.table == "learned" else FixedTable.of(self.table, self.bits)
