"""Non-uniform quantization as a pass: kernels as codes into tables of few values."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import keras
import numpy as np

from nncompress_lab.models.kernels import KernelLayer, Skip, to_numpy
from nncompress_lab.models.selection import EVERY_LAYER, Selection
from nncompress_lab.passes import Context, Pass
from nncompress_lab.quantization.arrays.codebook import learned_table
from nncompress_lab.quantization.arrays.codebook_format import CodebookFormat, MakeTable
from nncompress_lab.quantization.arrays.fixed_tables import (
    normal_float_table,
    power_of_two_table,
)
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.replace import (
    StoredKernels,
    explain_storing,
    kernel_view,
    store_kernels,
)

Table = Literal["learned", "power_of_two", "normal_float"]


@dataclass(frozen=True)
class CodebookQuantization(Pass):
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
    select: Selection = EVERY_LAYER

    def __post_init__(self) -> None:
        _ = self.format  # checks the numbers
        if self.table != "learned":
            self._make_table(np.ones(1))  # checks the bits

    @property
    def format(self) -> CodebookFormat:
        """How each kernel is stored."""
        return CodebookFormat(self.bits, self.granularity, self.group_size)

    def explain(self, model: keras.Model) -> dict[str, Skip | None]:
        """Which layers are quantized, and why the others are not."""
        return explain_storing(model, self.select, self.format)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        reasons = self.explain(model)

        def store(one: KernelLayer) -> StoredKernels | None:
            return self._coded(one) if reasons[one.path] is None else None

        return store_kernels(model, store)

    def _coded(self, one: KernelLayer) -> StoredKernels:
        arrays = {}
        for name in one.kernel_names:
            view = kernel_view(self.format, one.layer, name)
            kernel = to_numpy(getattr(one.layer, name))
            try:
                arrays[name] = view.encode(kernel, self._make_table)
            except ValueError as error:
                raise ValueError(f"Cannot quantize {one.path}: {error}") from error
        return StoredKernels(self.format, arrays)

    @property
    def _make_table(self) -> MakeTable:
        if self.table == "learned":
            return partial(learned_table, size=2**self.bits)
        makers = {
            "power_of_two": power_of_two_table,
            "normal_float": normal_float_table,
        }
        return partial(makers[self.table], bits=self.bits)
