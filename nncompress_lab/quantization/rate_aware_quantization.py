"""Quantization of kernels for a file that is entropy-coded, as a pass."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import keras
import numpy as np

from nncompress_lab import progress
from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import CompressionError
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.layer_inputs import (
    has_input_rows,
    input_second_moments,
)
from nncompress_lab.packing import model_file
from nncompress_lab.passes import Context
from nncompress_lab.quantization.arrays.affine import AffineParams
from nncompress_lab.quantization.arrays.error_compensation import check_damping
from nncompress_lab.quantization.arrays.integer_format import KernelFormat
from nncompress_lab.quantization.arrays.rate_distortion import RatedCodes, rate_round
from nncompress_lab.quantization.arrays.rate_search import TRIES, made_of_bits
from nncompress_lab.quantization.arrays.weighed import UNSEEN, Weighed
from nncompress_lab.quantization.layers.replace import (
    StoredKernels,
    kernel_view,
    store_kernels,
)
from nncompress_lab.quantization.storing_pass import StoringPass
from nncompress_lab.training.fisher import kernel_fisher
from nncompress_lab.training.loop import given

WIDEST: Final = KernelFormat(8, "per_tensor")

Rounded = dict[str, StoredKernels]  # by the path of a layer


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
    2,000 inputs rather than 500: of what few inputs do not show it knows nothing, and takes
    it for as important as the mean, as if 16 more of them had shown it. Zeros stay zero.
    Outputs count as probabilities where their last activation makes them so; else one alone
    counts as a real number, and several as logits of classes.

    Args:
        bits: What a weight is to take in the packed file on average, above 0 and below 8;
            met within some percent. Exactly one of this, `rate` and `packed_bytes` is
            given.
        rate: What a bit is worth, in nats of divergence of the outputs for an example;
            1e-8 is usual. Larger means smaller files.
        packed_bytes: What the whole file of the model may take, with its architecture and
            all that is no kernel, at least 1. Each rate that is tried is packed; the file
            is smaller by some percent at most, unless 8 bits a weight need less.
        damping: Added to the diagonal of the second moments, as a fraction of its mean.
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If not exactly one of `bits`, `rate` and `packed_bytes` is given, or a
            value is out of range.
        CompressionError: When called, if no file was as small as `packed_bytes`.

    Example:
        >>> RateAwareQuantization(bits=2.0).needs == {"calibration"}
        True

    References:
        As in `rate_round` and `kernel_fisher`.
    """

    varies: ClassVar[frozenset[str]] = frozenset()  # one rate holds for all layers

    bits: float | None = None
    rate: float | None = None
    packed_bytes: int | None = None
    damping: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_damping(self.damping)
        goals = (self.bits, self.rate, self.packed_bytes)
        if sum(one is not None for one in goals) != 1:
            raise ValueError(
                "Exactly one of `bits`, of a weight in the packed file, `rate`, what a bit "
                "is worth, and `packed_bytes`, of the whole file, must be given. Received: "
                f"bits={self.bits!r}, rate={self.rate!r}, "
                f"packed_bytes={self.packed_bytes!r}."
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
        if self.packed_bytes is not None and not 1 <= self.packed_bytes < math.inf:
            raise ValueError(
                "`packed_bytes` is what the whole file may take and must be at least 1. "
                f"Received: packed_bytes={self.packed_bytes!r}."
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
        # Damping does the same to the inputs: only what that leaves is added.
        unseen = max(0.0, UNSEEN / (UNSEEN + len(data)) - self.damping)
        weighed = _weighed(model, layers, data, seed=context.seed, unseen=unseen)
        tries = 1 if self.rate is not None else TRIES
        title = f"quantize {model.name}"
        with progress.bar(title, tries, show=context.progress) as bar:

            def rounded(rate: float) -> Rounded:
                found = {
                    one.path: _rounded(one, weighed[one.path], rate, self.damping)
                    for one in layers
                }
                bar.advance()
                return found

            return self._at_goal(model, layers, rounded)

    def _at_goal(
        self,
        model: keras.Model,
        layers: list[KernelLayer],
        rounded: Callable[[float], "Rounded"],
    ) -> keras.Model:
        """The model at the rate that is given, or at the one that meets the goal."""

        def stored_at(rate: float) -> keras.Model:
            return _stored(model, rounded(rate))

        weights = sum(one.size for one in layers)
        if self.rate is not None:
            return stored_at(self.rate)
        if self.bits is not None:
            found, _ = made_of_bits(
                rounded,
                lambda one: 8 * _bytes_of_codes(layers, one) / weights,
                self.bits,
            )
            return _stored(model, found)
        bits = 8 * (self.packed_bytes or 1) / weights
        small, needed = made_of_bits(
            stored_at,
            lambda one: 8 * model_file.packed_bytes(one) / weights,
            bits,
            at_most=True,
        )
        if needed > bits:
            raise CompressionError(
                f"{model.name!r} cannot be packed into so few bytes by rounding the "
                "selected kernels alone. Received: "
                f"packed_bytes={self.packed_bytes!r}; the smallest file that was found "
                f"has {round(needed * weights / 8)}. Allow that many, or remove weights, "
                "channels or layers before."
            )
        return small


def _weighed(
    model: keras.Model,
    layers: list[KernelLayer],
    data: Data,
    *,
    seed: int,
    unseen: float,
) -> dict[str, dict[str, Weighed]]:
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
            name: Weighed.of(
                (view := kernel_view(WIDEST, one.layer, name)).matrix(kernel),
                view.matrix(information),
                moments.get(one.path, {}).get(name),
                examples=len(data),
                unseen=unseen,
            )
            for name, kernel, information in zip(
                one.kernel_names, one.arrays(), fisher[one.path], strict=True
            )
        }
        for one in layers
    }


def _rounded(
    one: KernelLayer, weighed: dict[str, Weighed], rate: float, damping: float
) -> StoredKernels:
    """What a layer stores: its kernels share a width, and each has a scale of its own."""
    found: dict[str, RatedCodes] = {
        name: rate_round(*kernel, rate=rate, damping=damping)
        for name, kernel in weighed.items()
    }
    largest = max(int(np.abs(codes.astype(int)).max()) for codes, _ in found.values())
    format_ = KernelFormat(max(2, (2 * largest).bit_length()), "per_tensor")
    arrays = {}
    for name, (codes, step) in found.items():
        view = kernel_view(format_, one.layer, name)
        scale = np.full((1, 1, 1), step, np.float32)
        params = AffineParams(scale, np.zeros((1, 1, 1), np.int8))
        arrays[name] = view.pack(view.grouped(codes), params)
    return StoredKernels(format_, arrays)


def _stored(model: keras.Model, rounded: Rounded) -> keras.Model:
    return store_kernels(model, lambda one: rounded.get(one.path))


def _bytes_of_codes(layers: list[KernelLayer], rounded: Rounded) -> int:
    """What the codes of all kernels take in the packed file."""
    return sum(
        model_file.array_bytes(
            arrays["q"],
            str(arrays["q"].dtype),
            model_file.layout_of_codes(kernel_view(stored.format, one.layer, name)),
        )
        for one in layers
        for stored in [rounded[one.path]]
        for name, arrays in stored.arrays.items()
    )
