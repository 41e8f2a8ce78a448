"""Quantization of kernels for a file that is entropy-coded, as a pass."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab import progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.layer_inputs import (
    has_input_rows,
    input_second_moments,
)
from nncompress_lab.packing.tensors import Layout, encode
from nncompress_lab.passes import Context
from nncompress_lab.quantization.arrays.affine import AffineParams
from nncompress_lab.quantization.arrays.error_compensation import check_damping
from nncompress_lab.quantization.arrays.integer_format import KernelFormat
from nncompress_lab.quantization.arrays.rate_distortion import RatedCodes, rate_round
from nncompress_lab.quantization.layers.replace import (
    StoredKernels,
    kernel_view,
    store_kernels,
)
from nncompress_lab.quantization.storing_pass import StoringPass
from nncompress_lab.training.fisher import kernel_fisher
from nncompress_lab.training.loop import given

WIDEST: Final = KernelFormat(8, "per_tensor")
TRIES: Final = 8  # rates that are tried for a number of bits
NEAR: Final = 0.01  # how near to the bits is near enough
FIRST_RATE: Final = 1e-8
FARTHEST: Final = 3.5  # by what the logarithm of a rate may differ from the one before

Array = npt.NDArray[Any]


class Weighing(NamedTuple):
    """How much errors of a kernel matter, as `rate_round` takes it.

    Args:
        moments: Second moments of the inputs, shape `(groups, rows, rows)`.
        importance: Of each output, shape `(channels,)`.
    """

    moments: Array
    importance: Array

    @classmethod
    def of(cls, information: Array, moments: Array | None, examples: int) -> "Weighing":
        """That of a kernel, as a matrix, of known Fisher information.

        A kernel without rows of inputs, as that of an Embedding, is weighed by its own
        information.

        Args:
            information: Shape `(rows, channels)`.
            moments: Sums over the examples of the outer products of its inputs, or None.
            examples: How many they are.
        """
        if moments is None:
            moment = np.diag(information.mean(axis=1))
            return cls(moment[None], np.ones(information.shape[1]))
        means = moments / examples
        sizes = np.trace(means, axis1=1, axis2=2)
        sizes[sizes == 0] = 1.0
        groups = np.array_split(information.sum(axis=0), len(means))
        parts = [one / size for one, size in zip(groups, sizes, strict=True)]
        return cls(means, np.concatenate(parts))


@dataclass(frozen=True)
class RateAwareQuantization(StoringPass):
    """Store kernels as integers that are few bits in the packed file, at little loss.

    The file that `pack` writes is entropy-coded: what a weight takes in it is not the width
    of its integer but how rare that integer is. This pass makes `loss + rate * bits` small
    with one `rate` for the whole model, so that bits go where the outputs need them. How
    much an error matters is known from calibration inputs, without labels: from the second
    moments of each layer's inputs and from the Fisher information of its outputs. Each
    kernel has one scale, and integers as wide as its largest needs.

    Without training it takes a quarter to three fifths fewer packed bytes than `GPTQ` at
    its accuracy (docs/measured-techniques.md). In memory the integers may be wider. Give it
    2,000 inputs rather than 500: directions that none of them shows cost it nothing.
    Zeros stay zero. Where labels of several classes are not what a model predicts, its
    outputs are taken for real numbers if there is one, and else for logits.

    Args:
        bits: What a weight is to take in the packed file on average, above 0 and below 8;
            met within some percent. Exactly one of this and `rate` is given.
        rate: What a bit is worth, in nats of divergence of the outputs for an example;
            1e-8 is usual. Larger means smaller files.
        damping: Added to the diagonal of the second moments, as a fraction of its mean.
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If not exactly one of `bits` and `rate` is given, or a value is out of
            range.

    Example:
        >>> RateAwareQuantization(bits=2.0).needs == {"calibration"}
        True

    References:
        As in `rate_round` and `kernel_fisher`.
    """

    varies: ClassVar[frozenset[str]] = frozenset()  # one rate holds for all layers

    bits: float | None = None
    rate: float | None = None
    damping: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_damping(self.damping)
        if (self.bits is None) == (self.rate is None):
            raise ValueError(
                "Exactly one of `bits`, of a weight in the packed file, and `rate`, what a "
                f"bit is worth, must be given. Received: bits={self.bits!r}, "
                f"rate={self.rate!r}."
            )
        if self.bits is not None and not 0 < self.bits < WIDEST.bits:
            raise ValueError(
                "`bits` is what a weight takes in the packed file on average and must be "
                f"above 0 and below {WIDEST.bits}. Received: bits={self.bits!r}."
            )
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(
                "`rate` is what a bit is worth and must be above 0. Received: "
                f"rate={self.rate!r}. 1e-8 is usual."
            )

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data, for inputs and outputs of the layers."""
        return frozenset({"calibration"})

    @property
    def format(self) -> KernelFormat:
        """The widest that a kernel may be stored in."""
        return WIDEST

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        layers = self.treated(model)
        if not layers:
            return store_kernels(model, lambda _: None)
        data = given(context.calibration)
        weighing = _weighing(model, layers, data, context.seed)
        tries = 1 if self.bits is None else TRIES
        title = f"quantize {model.name}"
        with progress.bar(title, tries, show=context.progress) as bar:

            def rounded(rate: float) -> Rounded:
                found = {
                    one.path: _rounded(one, weighing[one.path], rate, self.damping)
                    for one in layers
                }
                bar.advance()
                return found

            if self.bits is None:
                stored = rounded(self.rate or FIRST_RATE)
            else:
                bits_of = partial(_bits_a_weight, layers)
                stored = _at_bits(rounded, bits_of, self.bits)
        return store_kernels(model, lambda one: stored.get(one.path))


Rounded = dict[str, StoredKernels]


def _weighing(
    model: keras.Model, layers: list[KernelLayer], data: Data, seed: int
) -> dict[str, dict[str, Weighing]]:
    """How much errors of each kernel matter, by path and name."""
    seen = [
        KernelLayer(one.path, one.layer, names)
        for one in layers
        if (names := tuple(n for n in one.kernel_names if has_input_rows(one.layer, n)))
    ]
    moments = input_second_moments(model, seen, data) if seen else {}
    fisher = kernel_fisher(model, layers, data, seed=seed)
    return {
        one.path: {
            name: Weighing.of(
                kernel_view(WIDEST, one.layer, name).matrix(information),
                moments.get(one.path, {}).get(name),
                len(data),
            )
            for name, information in zip(
                one.kernel_names, fisher[one.path], strict=True
            )
        }
        for one in layers
    }


def _rounded(
    one: KernelLayer, weighing: dict[str, Weighing], rate: float, damping: float
) -> StoredKernels:
    """What a layer stores: its kernels share a width, and each has a scale of its own."""
    found: dict[str, RatedCodes] = {}
    for name, kernel in zip(one.kernel_names, one.arrays(), strict=True):
        matrix = kernel_view(WIDEST, one.layer, name).matrix(kernel)
        moments, importance = weighing[name]
        found[name] = rate_round(
            matrix, moments, importance, rate=rate, damping=damping
        )
    largest = max(int(np.abs(codes.astype(int)).max()) for codes, _ in found.values())
    format_ = KernelFormat(max(2, (2 * largest).bit_length()), "per_tensor")
    arrays = {}
    for name, (codes, step) in found.items():
        view = kernel_view(format_, one.layer, name)
        scale = np.full((1, 1, 1), step, np.float32)
        params = AffineParams(scale, np.zeros((1, 1, 1), np.int8))
        arrays[name] = view.pack(view.grouped(codes), params)
    return StoredKernels(format_, arrays)


def _at_bits(
    rounded: Callable[[float], Rounded],
    bits_of: Callable[[Rounded], float],
    bits: float,
) -> Rounded:
    """What takes about that many bits a weight, by one rate after the other."""
    rate = FIRST_RATE
    tried: list[tuple[float, Rounded]] = []
    for _ in range(TRIES):
        stored = rounded(rate)
        found = bits_of(stored)
        tried.append((abs(found - bits), stored))
        if abs(found - bits) <= NEAR * bits:
            break
        # Four times the rate is a bit less where there are many, and a factor of two
        # where there are few.
        slope = math.log(4) * (found - bits) / max(min(found, bits), 1.0)
        rate *= math.exp(max(-FARTHEST, min(FARTHEST, slope)))
    return min(tried, key=lambda one: one[0])[1]


def _bits_a_weight(layers: list[KernelLayer], stored: Rounded) -> float:
    """What the codes of all kernels take in the packed file, over their weights."""
    size = 0
    for one in layers:
        for name, arrays in stored[one.path].arrays.items():
            view = kernel_view(stored[one.path].format, one.layer, name)
            width = view.format.bits if view.format.bits < WIDEST.bits else 0
            codes = arrays["q"]
            layout = Layout(columns=view.channels, bits=width)
            size += len(encode(codes, str(codes.dtype), layout))
    return 8 * size / sum(one.size for one in layers)
