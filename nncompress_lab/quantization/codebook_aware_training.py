"""Codebook-aware training as a pass: floats train through the nearest value of a table."""

from dataclasses import KW_ONLY, dataclass

from nncompress_lab.quantization.arrays.codebook_format import CodebookFormat
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.rounding import TableRounding
from nncompress_lab.quantization.rounded_training import RoundedTraining


@dataclass(frozen=True)
class CodebookAwareTraining(RoundedTraining):
    """Train a float model while each weight counts as the nearest value of a table.

    The loss is that of the model with codes, so weights go over from one value to another
    where that helps, and the values train with them; `FineTuneCodebook` trains the values
    alone and keeps the codes. What comes out is what `CodebookQuantization` makes, codes
    and tables, and predicts as the model did in the epoch that was best on the validation
    data, or as at the start, which is `CodebookQuantization` alone, if every epoch was
    worse. Weights that are zero stay zero. It starts from a float model: apply it instead
    of `CodebookQuantization`, not after it.

    Args:
        bits: Of a code, 1 to 8.
        granularity: What shares a table: `"per_tensor"`, `"per_channel"` or `"per_group"`.
            A table costs `4 * 2**bits` bytes.
        group_size: Weights that share a table; only with `"per_group"`.
        select: Which layers to quantize; all kernel layers by default.
        rate: What a bit in the packed file is worth; see `RoundedTraining`.
        **training: As in `RetrainingPass`.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> CodebookAwareTraining(bits=3).format.bits
        3

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.3 (the values).
        https://arxiv.org/abs/1510.00149
        van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning",
        NeurIPS 2017, section 3.2 (the gradient straight through the nearest value).
        https://arxiv.org/abs/1711.00937
        The rate: see `bits_of_codes`.
    """

    bits: int = 4
    granularity: Granularity = "per_tensor"
    group_size: int | None = None
    _: KW_ONLY
    learning_rate: float = 3e-4

    @property
    def format(self) -> CodebookFormat:
        """How each kernel is stored in the end."""
        return CodebookFormat(self.bits, self.granularity, self.group_size)

    @property
    def rounding(self) -> TableRounding:
        """How each kernel is rounded while it trains."""
        return TableRounding(self.format, self.rate)
