"""Non-uniform quantization as a pass: kernels as codes into tables of few values."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.passes import Context
from nncompress_lab.quantization.arrays.codebook import learned_table
from nncompress_lab.quantization.arrays.codebook_format import (
    CodebookFormat,
    CodebookView,
    MakeTable,
)
from nncompress_lab.quantization.arrays.fixed_tables import (
    normal_float_table,
    power_of_two_table,
)
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.replace import Arrays
from nncompress_lab.quantization.storing_pass import StoringPass

Table = Literal["learned", "power_of_two", "normal_float"]


@dataclass(frozen=True)
class CodebookQuantization(StoringPass):
    """Store the kernels of a trained model as codes into tables of few values.

    The values need not be evenly spaced: a learned table has them where the weights are.
    Codes are packed without gaps, so memory and file shrink as with integers of the same
    width; latency stays, because the layer computes with the decoded floats. Weights that
    are zero stay zero. A layer that would grow, its tables counted, is left as it is.

    Args:
        bits: Of a code, 1 to 8; fixed tables need at least 2. With 1 bit a pruned kernel
            has zero and one other value.
        table: `"learned"` minimizes the squared error (optimal one-dimensional k-means),
            `"power_of_two"` has zero and powers of two, `"normal_float"` quantiles of a
            Gaussian (NF4 at 4 bits).
        granularity: What shares a table: `"per_tensor"`, `"per_channel"` or `"per_group"`.
            A table costs `4 * 2**bits` bytes.
        group_size: Weights that share a table; only with `"per_group"`.
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> CodebookQuantization(bits=3).format.bits
        3

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.
        https://arxiv.org/abs/1510.00149
        The fixed tables: see `power_of_two_table` and `normal_float_table`.
    """

    bits: int = 4
    table: Table = "learned"
    granularity: Granularity = "per_tensor"
    group_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.table != "learned":
            self._make_table(np.ones(1))  # checks the bits

    @property
    def format(self) -> CodebookFormat:
        """How each kernel is stored."""
        return CodebookFormat(self.bits, self.granularity, self.group_size)

    def encode(self, view: CodebookView, kernel: npt.NDArray[Any]) -> Arrays:
        """What is stored for a kernel that is cut up in this pass's format."""
        return view.encode(kernel, self._make_table)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        return self.with_stored(
            model, lambda view, kernel, _: self.encode(view, kernel)
        )

    @property
    def _make_table(self) -> MakeTable:
        if self.table == "learned":
            return partial(learned_table, size=2**self.bits)
        makers = {
            "power_of_two": power_of_two_table,
            "normal_float": normal_float_table,
        }
        return partial(makers[self.table], bits=self.bits)
