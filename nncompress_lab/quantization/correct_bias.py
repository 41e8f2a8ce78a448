"""Correction of the shift that quantization puts on the outputs of layers, as a pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab import progress
from nncompress_lab.models.kernels import (
    KernelLayer,
    Reasons,
    Skip,
    is_recurrent,
    kernel_layers,
    kernel_shape,
    reason_without_kernel as without_kernel,
    to_numpy,
    weighted_layers,
)
from nncompress_lab.models.layer_calls import layer_calls
from nncompress_lab.models.padding import Mask, aligned
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.quantization.layers.replace import dequantized
from nncompress_lab.training.loop import given

Floats = npt.NDArray[np.float64]


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

    Equal means are not equal outputs: where clipping has made the outputs smaller, their
    old mean can leave less of them above zero than the shifted one. Compare the accuracy.

    Args:
        examples: How many of the calibration examples are used, at least 1. The shift is
            a difference between two models on the same examples, so few tell it.

    Raises:
        ValueError: If `examples` is below 1.

    Example:
        >>> sorted(CorrectBias().needs)
        ['calibration', 'unquantized']

    References:
        Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight
        Equalization and Bias Correction", ICCV 2019, section 4.2 and appendix D (with
        data). https://arxiv.org/abs/1906.04721
    """

    examples: int = 128

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise ValueError(
                f"`examples` must be at least 1. Received: examples={self.examples!r}."
            )

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data, and the model before it was quantized."""
        return frozenset({"calibration", "unquantized"})

    def explain(self, model: keras.Model) -> Reasons:
        """Which layers' biases are corrected, and why those of others are not."""
        reasons: Reasons = {
            path: without_kernel(layer) for path, layer in weighted_layers(model)
        }
        return reasons | {one.path: _obstacle(one) for one in kernel_layers(model)}

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and correct its biases in turn."""
        floats = dequantized(model)  # the same outputs, without decoding at each run
        x = given(context.calibration).take(self.examples)
        pairs = _pairs(context.unquantized, floats)
        expected = _mean_outputs(context.unquantized, [one for one, _ in pairs], x)
        title = f"correct {model.name}"
        with progress.bar(title, len(pairs), show=context.progress) as bar:
            for reference, one in pairs:
                found = _mean_outputs(floats, [one], x)
                shift = found[one.path] - expected[reference.path]
                one.layer.bias.assign(to_numpy(one.layer.bias) - shift)
                bar.advance()
        corrected = copy_model(model)
        for source, target in zip(
            kernel_layers(floats), kernel_layers(corrected), strict=True
        ):
            if _obstacle(target) is None:
                target.layer.bias.assign(to_numpy(source.layer.bias))
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


def _obstacle(one: KernelLayer) -> Skip | None:
    if is_recurrent(one.layer):
        return Skip.RECURRENT
    return Skip.NO_BIAS if getattr(one.layer, "bias", None) is None else None


def _mean_outputs(model: Any, layers: list[KernelLayer], x: Any) -> dict[str, Floats]:
    """The mean output before the activation, of the shape of each bias, by path."""
    sums: dict[str, Floats] = {}
    calls: dict[str, int] = {}
    for call in layer_calls(model, layers, x):
        one = call.layer
        with _without_activation(one.layer):
            outputs = to_numpy(one.layer(call.inputs, training=False))
        outputs = _unpadded(outputs, call.mask, one.layer.bias)
        if not len(outputs):
            continue
        total = len(outputs) * _mean_like(outputs.astype(np.float64), one.layer)
        sums[one.path] = sums.get(one.path, 0.0) + total
        calls[one.path] = calls.get(one.path, 0) + len(outputs)
    return {path: total / calls[path] for path, total in sums.items()}


def _unpadded(outputs: Any, mask: Mask | None, bias: Any) -> Any:
    """Outputs without positions of padding, unless each position has a bias."""
    if mask is None or not aligned(mask, outputs):
        return outputs
    return outputs[mask] if bias.ndim <= outputs.ndim - mask.ndim else outputs


def _mean_like(outputs: Floats, layer: Any) -> Floats:
    """The mean over all axes along which the bias of a layer is repeated."""
    if getattr(layer, "data_format", None) == "channels_first":
        outputs = np.moveaxis(outputs, 1, -1)
    shape = tuple(layer.bias.shape)
    aligned = (1,) * (outputs.ndim - len(shape)) + shape
    repeated = tuple(axis for axis, size in enumerate(aligned) if size == 1)
    mean: Floats = outputs.mean(axis=repeated).reshape(shape)
    return mean


@contextmanager
def _without_activation(layer: Any) -> Iterator[None]:
    """While the block runs, a layer returns what it gives to its activation."""
    # Past Keras's own attributes, which would track an activation that is a layer.
    own = layer.__dict__
    before = {name: own[name] for name in ("activation",) if name in own}
    own["activation"] = keras.activations.linear
    try:
        yield
    finally:
        del own["activation"]
        own.update(before)
