"""Correction of the shift that quantization puts on the outputs of layers, as a pass."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab import progress
from nncompress_lab.activations import has_input_rows, layer_inputs
from nncompress_lab.kernels import (
    KernelLayer,
    Skip,
    keras_classes,
    kernel_layers,
    kernel_shape,
    to_numpy,
    weighted_layers,
)
from nncompress_lab.kernels import reason_without_kernel as without_kernel
from nncompress_lab.passes import Context, Pass
from nncompress_lab.quantization.kernel_format import KernelFormat
from nncompress_lab.quantization.storing import kernel_view
from nncompress_lab.rewrite import copy_model
from nncompress_lab.training import given

Floats = npt.NDArray[np.float64]
NO_BIAS = "it has no bias to correct; FoldBatchNorm gives it one if it can"


@dataclass(frozen=True)
class CorrectBias(Pass):
    """Give each layer the mean output that it had before quantization.

    Rounding errors do not cancel: with few weights an output, or few bits, they shift the
    mean of a channel, and the layers behind it are not made for that. The shift is
    measured on calibration data and taken from the bias, layer by layer from the inputs
    to the outputs, each with the inputs from corrected layers. It costs nothing when the
    model runs. Use it after the quantization of weights, activations or both, at 4 bits
    or for depthwise convolutions.

    The model is compared with the last one of the pipeline whose kernels were floats.
    Outside a pipeline pass that as `Context(unquantized=...)`.

    Example:
        >>> sorted(CorrectBias().needs)
        ['calibration', 'unquantized']

    References:
        Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight
        Equalization and Bias Correction", ICCV 2019, section 4.2 and appendix D (with
        data). https://arxiv.org/abs/1906.04721
    """

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data, and the model before it was quantized."""
        return frozenset({"calibration", "unquantized"})

    def explain(self, model: keras.Model) -> dict[str, Skip | str | None]:
        """Which layers' biases are corrected, and why those of others are not."""
        reasons: dict[str, Skip | str | None] = {
            path: without_kernel(layer) for path, layer in weighted_layers(model)
        }
        return reasons | {one.path: _obstacle(one) for one in kernel_layers(model)}

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and correct its biases in turn."""
        corrected = copy_model(model)
        x = given(context.calibration).x
        pairs = _pairs(context.unquantized, corrected)
        expected = _mean_outputs(context.unquantized, [one for one, _ in pairs], x)
        title = f"correct {model.name}"
        with progress.bar(title, len(pairs), show=context.progress) as bar:
            for reference, one in pairs:
                found = _mean_outputs(corrected, [one], x)
                shift = found[one.path] - expected[reference.path]
                bias = to_numpy(one.layer.bias)
                one.layer.bias.assign(bias - shift.reshape(bias.shape))
                bar.advance()
        return corrected


def _pairs(reference: Any, model: keras.Model) -> list[tuple[KernelLayer, KernelLayer]]:
    """Each layer to correct, after the layer that it was."""
    before, after = kernel_layers(reference), kernel_layers(model)
    shapes = [
        [[kernel_shape(one.layer, name) for name in one.kernel_names] for one in layers]
        for layers in (before, after)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "CorrectBias compares a quantized model with the same model before it was "
            f"quantized. Received: {reference.name!r} with {len(before)} kernel layers "
            f"and {model.name!r} with {len(after)}, or with other shapes. Put CorrectBias "
            "directly after the quantization in a pipeline, or pass the float model as "
            "Context(unquantized=...)."
        )
    return [
        pair for pair in zip(before, after, strict=True) if _obstacle(pair[1]) is None
    ]


def _obstacle(one: KernelLayer) -> str | None:
    layer, last = one.layer, one.kernel_names[-1]
    if getattr(layer, "bias", None) is None:
        return NO_BIAS
    view = kernel_view(KernelFormat(), layer, last)
    by_channel = int(np.prod(layer.bias.shape)) == view.channels
    if not has_input_rows(layer, last) or not by_channel:
        return Skip.NOT_SUPPORTED
    if "EinsumDense" in keras_classes(layer):
        kernel, output = layer.equation.replace("...", "").split(",")[1].split("->")
        channels = [one for one in kernel if one in output]
        if channels != sorted(channels, key=output.index):
            return Skip.NOT_SUPPORTED
    return None


def _mean_outputs(model: Any, layers: list[KernelLayer], x: Any) -> dict[str, Floats]:
    """The mean output of each channel before the activation, by path."""
    sums: dict[str, Floats] = {}
    counts: dict[str, int] = {}
    last = {one.path: one.kernel_names[-1] for one in layers}
    for one in layer_inputs(model, layers, x):
        if one.kernel_name == last[one.path]:
            total = one.rows.sum(axis=1, dtype=np.float64)
            sums[one.path] = sums.get(one.path, 0.0) + total
            counts[one.path] = counts.get(one.path, 0) + one.rows.shape[1]
    means = {}
    for layer in layers:
        view = kernel_view(KernelFormat(), layer.layer, layer.kernel_names[-1])
        mean = sums[layer.path] / counts[layer.path]
        matrix = view.matrix(layer.arrays()[-1]).astype(np.float64)
        parts = matrix.reshape(view.rows, len(mean), -1)
        product = np.einsum("gr,rgc->gc", mean, parts).reshape(-1)
        means[layer.path] = product + to_numpy(layer.layer.bias).reshape(-1)
    return means
