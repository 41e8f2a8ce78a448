"""Uniform quantization of a trained model's kernels, as a pass."""

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy.typing as npt

from nncompress_lab.passes import Context
from nncompress_lab.quantization.arrays.clipping import Clipping, ClippingMethod
from nncompress_lab.quantization.arrays.integer_format import KernelFormat, KernelView
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.replace import Arrays
from nncompress_lab.quantization.storing_pass import StoringPass


@dataclass(frozen=True)
class UniformQuantization(StoringPass):
    """Store the kernels of a trained model as integers of 2 to 8 bits.

    Each kernel weight becomes the nearest of `2**bits` evenly spaced values. The result
    computes with the decoded floats: memory and file shrink, latency stays. Weights
    that are zero stay zero, so a pruned model stays pruned. Biases and normalization
    weights stay floats. A layer that would grow is left as it is.

    Args:
        bits: Width of the integers, 2 to 8. Below 8 they are packed without gaps.
        granularity: What shares a scale: `"per_tensor"`, `"per_channel"` (one for each
            output) or `"per_group"` (one for each `group_size` weights of an output).
        group_size: Only with `"per_group"`: 32, 64 and 128 are usual.
        symmetric: Whether the integers mirror around 0. False stores a zero point with
            each scale and suits kernels whose weights lean to one side.
        clipping: Which range the integers cover: `"absmax"`, every weight;
            `"percentile"`; or `"mse"`, the range with the least squared error.
        percentile: Only with `"percentile"`: the part of the weights in the range, above
            0 and at most 100.
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> UniformQuantization(bits=4, granularity="per_group", group_size=32).bits
        4

    References:
        Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference:
        A whitepaper", 2018, sections 2 and 3.1. https://arxiv.org/abs/1806.08342
        Banner, Nahshan, Soudry, "Post training 4-bit quantization of convolutional
        networks for rapid-deployment", NeurIPS 2019, section 3 (clipping).
        https://arxiv.org/abs/1810.05723
    """

    varies: ClassVar[frozenset[str]] = StoringPass.varies | {
        "symmetric",
        "clipping",
        "percentile",
    }

    bits: int = 8
    granularity: Granularity = "per_channel"
    group_size: int | None = None
    symmetric: bool = True
    clipping: ClippingMethod = "absmax"
    percentile: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self._clipping  # checks its numbers

    @property
    def format(self) -> KernelFormat:
        """How each kernel is stored."""
        return KernelFormat(
            self.bits, self.granularity, self.group_size, self.symmetric
        )

    @property
    def independent(self) -> bool:
        """Always."""
        return True

    @property
    def _clipping(self) -> Clipping:
        return Clipping(self.clipping, self.percentile)

    def encode(self, view: KernelView, kernel: npt.NDArray[Any]) -> Arrays:
        """What is stored for a kernel that is cut up in this pass's format."""
        return view.encode(kernel, self._clipping)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        return self.with_stored(model, type(self).encode)
