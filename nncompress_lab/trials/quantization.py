"""Uniform quantization tried out on scratch copies, fast enough for a slider."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.layer_calls import layer_calls
from nncompress_lab.quantization.activation_quantization import ActivationQuantization
from nncompress_lab.quantization.arrays.activation_ranges import (
    HistogramObserver,
    RangeChoice,
)
from nncompress_lab.quantization.arrays.affine import params_of_range
from nncompress_lab.quantization.arrays.histogram import Histogram
from nncompress_lab.quantization.arrays.integer_format import KernelFormat
from nncompress_lab.quantization.layers.replace import kernel_view
from nncompress_lab.quantization.uniform_quantization import UniformQuantization
from nncompress_lab.trials.arrays.staircase import Staircase
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.kernels import Choice
from nncompress_lab.trials.storing import StoringTrial

Floats = npt.NDArray[Any]
FLOAT_BITS: Final = 32


@dataclass(frozen=True, eq=False)
class Part:
    """The weights of one kernel that share a scale.

    Args:
        staircase: Of its weights.
        scale: Between two levels.
        place: Which one of all it is, from 0, by the size of its scale.
        scales: Of all parts, ascending.
        weights: How many share the scale.
    """

    staircase: Staircase
    scale: float
    place: int
    scales: npt.NDArray[np.float32]
    weights: int


@dataclass(frozen=True, eq=False)
class Channels:
    """The range of each output channel, and the levels that it is rounded to.

    Args:
        lowest: The smallest weight of each channel, shape `(channels,)`.
        highest: The largest.
        levels: Ascending, shape `(channels, levels)`.
        snr_db: Of the kernel.
    """

    lowest: Floats
    highest: Floats
    levels: Floats
    snr_db: float


class QuantizationTrial(StoringTrial):
    """One model under any uniform quantization, without a new model for each.

    A choice has a `UniformQuantization` for the whole model or for each of some layers,
    and maybe an `ActivationQuantization`. See `StoringTrial` for the arguments.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> images = data.fashion_mnist()
        >>> trial = QuantizationTrial(zoo.lenet5(), images, examples=100)
        >>> choice = Choice({"*": UniformQuantization(bits=8)})
        >>> [round(one.more["snr_db"]) for one in trial.measured(choice)]
        [41]
    """

    def counted(self, choice: Choice) -> Figures:
        """Bytes in memory, parameters, and the bits of what goes into the layers."""
        rounds = choice.activations
        bits = FLOAT_BITS if rounds is None else rounds.bits
        return {**super().counted(choice), "activation_bits": bits}

    def part(self, choice: Choice, path: str) -> Part | None:
        """The weights that share the scale in the middle of all scales of a kernel.

        Returns:
            None if the layer stays as it is.
        """
        held = self.kernels.stored(choice, path)
        if held is None:
            return None
        one, kernel = self.kernels.layers[path], self.kernels.floats[path][0]
        name = one.kernel_names[0]
        view = kernel_view(_format(held.step), one.layer, name)
        stored = held.stored[name]
        scales = stored["scale"].reshape(-1)
        order = np.argsort(scales, kind="stable")
        middle = int(order[len(order) // 2])
        group, channel = divmod(middle, view.parts[1])
        whole = view.granularity == "per_tensor"
        rows = slice(group * view.group_size, (group + 1) * view.group_size)
        matrix = view.matrix(kernel)
        weights = matrix if whole else matrix[rows, channel]
        shift = (
            stored["zero_point"].reshape(-1)[middle] if "zero_point" in stored else 0
        )
        return Part(
            Staircase.of(weights, levels_of(view.format, scales[middle], shift)),
            float(scales[middle]),
            len(order) // 2,
            scales[order],
            weights.size,
        )

    def channels(self, step: UniformQuantization, path: str) -> Channels:
        """What a kernel's channels look like under a step with a scale for all or each.

        Raises:
            ValueError: If the step has a scale for each group.
        """
        if step.granularity == "per_group":
            raise ValueError(
                "Channels are compared with one scale for all or for each of them. "
                f"Received: granularity={step.granularity!r}."
            )
        one, kernel = self.kernels.layers[path], self.kernels.floats[path][0]
        view = kernel_view(step.format, one.layer, one.kernel_names[0])
        stored, matrix = step.encode(view, kernel), view.matrix(kernel)
        scales = np.broadcast_to(stored["scale"].reshape(-1), view.channels)
        shifts = stored.get("zero_point", np.zeros(1, np.uint8)).reshape(-1)
        levels = levels_of(
            view.format,
            scales[:, None],
            np.broadcast_to(shifts, view.channels)[:, None],
        )
        error = np.sum((kernel - view.decode(stored)) ** 2, dtype=np.float64)
        signal = np.sum(kernel.astype(np.float64) ** 2)
        ratio = 10 * np.log10(signal / error) if error else np.inf
        return Channels(matrix.min(axis=0), matrix.max(axis=0), levels, float(ratio))

    def input_staircase(
        self, activations: ActivationQuantization | None, path: str
    ) -> Staircase | None:
        """What a layer is called with on the calibration images, and its levels.

        Args:
            activations: What rounds it; the ranges are those of the pass.
            path: Of the layer.

        Returns:
            None if nothing rounds it.
        """
        if activations is None:
            return None
        bits, symmetric = activations.bits, activations.symmetric
        rule = RangeChoice(
            activations.calibration, activations.percentile, activations.momentum
        )
        observer: Any = rule.observer(bits=bits, symmetric=symmetric)
        seen = self._inputs[path]
        if isinstance(observer, HistogramObserver):
            observer.histogram = seen
        else:
            observer.add(np.array([seen.lowest, seen.highest]))
        low, high = np.array(observer.range(), np.float32)
        scale, shift = params_of_range(low, high, bits=bits, symmetric=symmetric)
        levels = levels_of(KernelFormat(bits, symmetric=symmetric), scale, shift)
        return Staircase.of_counts(seen.centres, seen.counts, levels)

    @cached_property
    def _inputs(self) -> dict[str, Histogram]:
        found = {path: Histogram() for path in self.layers}
        layers: list[KernelLayer] = list(self.kernels.layers.values())
        for call in layer_calls(self._original, layers, self.calibration):
            found[call.layer.path].add(call.seen)
        return found


def one_scale(step: UniformQuantization, granularity: Any) -> UniformQuantization:
    """The same step with a scale for the kernel or for each channel."""
    return replace(step, granularity=granularity, group_size=None)


def _format(step: Any) -> KernelFormat:
    found: KernelFormat = step.format
    return found


def levels_of(format_: KernelFormat, scale: Any, zero_point: Any) -> Floats:
    """All values that the integers of a format can stand for, ascending."""
    qmin, qmax = format_.integers
    integers = np.arange(qmin, qmax + 1, dtype=np.float32)
    shift = np.asarray(zero_point, np.float32)
    found: Floats = np.asarray(scale, np.float32) * (integers - shift)
    return found
