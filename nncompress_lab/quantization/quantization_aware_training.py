"""Quantization-aware training as a pass: floats train through their own rounding."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal

import keras

from nncompress_lab.passes import Context
from nncompress_lab.quantization.activation_quantization import ActivationQuantization
from nncompress_lab.quantization.arrays.affine import check_bits
from nncompress_lab.quantization.arrays.integer_format import KernelFormat
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.rounding import EvenRounding
from nncompress_lab.quantization.rounded_training import RoundedTraining
from nncompress_lab.quantization.storing_pass import StoringPass

StepSize = Literal["absmax", "learned"]


@dataclass(frozen=True)
class QuantizationAwareTraining(RoundedTraining):
    """Train a float model while its kernels are rounded, then store the integers.

    The loss is that of the rounded model, so the weights move to where rounding costs
    least: worth its time at 4 bits and below. What comes out is what `UniformQuantization`
    makes, integers with scales, and predicts as the rounded model did: as that of the epoch
    that was best on the validation data, or as at the start, which is rounding alone, if
    every epoch was worse. Weights that are zero stay zero. It starts from a float model:
    apply it instead of `UniformQuantization`, not after it. A training loop of your own
    trains `rounded(model)`, of which `stored` makes the result.

    Args:
        bits: Width of the integers, 2 to 8.
        activation_bits: Of the inputs of each selected layer, 2 to 8, with ranges from
            the calibration data (see `ActivationQuantization`); None leaves them floats.
        step_size: `"absmax"` lets the scale follow the largest weight, `"learned"` trains
            it (LSQ), by its logarithm and from the scale with the least squared error;
            that needs `symmetric=True`.
        granularity: What shares a scale: `"per_tensor"`, `"per_channel"` or `"per_group"`.
        group_size: Only with `"per_group"`.
        symmetric: Whether the integers mirror around 0.
        select: Which layers to quantize; all kernel layers by default.
        rate: What a bit in the packed file is worth; see `RoundedTraining`. It also trains
            learned scales.
        **training: As in `RetrainingPass`. Rounded weights begin near where they end, so
            `learning_rate` is smaller than for pruned ones.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> QuantizationAwareTraining(bits=2, step_size="learned").bits
        2

    References:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", CVPR 2018, section 3.
        https://arxiv.org/abs/1712.05877
        Esser et al., "Learned Step Size Quantization", ICLR 2020, section 2.
        https://arxiv.org/abs/1902.08153
        Jain et al., "Trained Quantization Thresholds for Accurate and Efficient
        Fixed-Point Inference of Deep Neural Networks", MLSys 2020, appendix B (why the
        logarithm). https://arxiv.org/abs/1903.08066
        The rate: see `bits_of_codes`.
    """

    varies: ClassVar[frozenset[str]] = StoringPass.varies | {"symmetric"}

    bits: int = 8
    activation_bits: int | None = None
    step_size: StepSize = "absmax"
    granularity: Granularity = "per_channel"
    group_size: int | None = None
    symmetric: bool = True
    _: KW_ONLY
    learning_rate: float = 3e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation_bits is not None:
            check_bits(self.activation_bits)
        if self.step_size == "learned" and not self.symmetric:
            raise ValueError(
                "A learned step size has no zero point. Received: step_size='learned' "
                "with symmetric=False. Leave one of the two out."
            )

    @property
    def needs(self) -> frozenset[str]:
        """Data to train on and to choose the epoch by, the teacher, and calibration."""
        activations = {"calibration"} if self.activation_bits else set()
        return super().needs | activations

    @property
    def format(self) -> KernelFormat:
        """How each kernel is stored in the end."""
        return KernelFormat(
            self.bits, self.granularity, self.group_size, self.symmetric
        )

    @property
    def rounding(self) -> EvenRounding:
        """How each kernel is rounded while it trains."""
        return EvenRounding(
            self.format, learned=self.step_size == "learned", rate=self.rate
        )

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with rounded kernels, train it, and store what it rounds to."""
        if self.activation_bits is not None:
            rounds = ActivationQuantization(self.activation_bits, select=self.select)
            model = rounds(model, context)
        return super().transform(model, context)
