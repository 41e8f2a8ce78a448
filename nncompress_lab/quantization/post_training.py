"""Uniform quantization of a trained model's kernels, as a pass."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras

from nncompress_lab.kernels import (
    KernelLayer,
    Skip,
    channel_axes,
    kernel_layers,
    kernel_names,
    kernel_shape,
    other_variables,
    to_numpy,
    walk,
)
from nncompress_lab.passes import Context, Pass
from nncompress_lab.quantization.kernel_format import (
    Granularity,
    KernelFormat,
    KernelView,
)
from nncompress_lab.quantization.layers import (
    QUANTIZED,
    QuantizedMultiHeadAttention,
    quantized_shell,
)
from nncompress_lab.rewrite import copy_weights, rewrite_layers
from nncompress_lab.selection import EVERY_LAYER, Selection


@dataclass(frozen=True)
class UniformQuantization(Pass):
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
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> UniformQuantization(bits=4, granularity="per_group", group_size=32).bits
        4

    References:
        Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference:
        A whitepaper", 2018, sections 2 and 3.1. https://arxiv.org/abs/1806.08342
    """

    bits: int = 8
    granularity: Granularity = "per_channel"
    group_size: int | None = None
    symmetric: bool = True
    select: Selection = EVERY_LAYER

    def __post_init__(self) -> None:
        _ = self.format  # checks the four numbers

    @property
    def format(self) -> KernelFormat:
        """How each kernel is stored."""
        return KernelFormat(
            self.bits, self.granularity, self.group_size, self.symmetric
        )

    def explain(self, model: keras.Model) -> dict[str, Skip | None]:
        """Which layers are quantized, and why the others are not."""
        reasons = self.select.explain(model)
        replaceable = _replaceable(model)
        for layer in kernel_layers(model):
            if reasons[layer.path] is None:
                reasons[layer.path] = self._obstacle(layer, replaceable)
        return reasons

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        reasons = self.explain(model)
        chosen = {
            id(layer.layer): layer.path
            for layer in kernel_layers(model)
            if reasons[layer.path] is None
        }

        def rewrite(layer: keras.Layer) -> keras.Layer | None:
            if id(layer) in chosen:
                return self._quantized(layer, chosen[id(layer)])
            if type(layer) is keras.layers.MultiHeadAttention:
                return self._quantized_attention(layer, chosen)
            return None

        return rewrite_layers(model, rewrite)

    def _obstacle(self, layer: KernelLayer, replaceable: set[int]) -> Skip | None:
        if type(layer.layer) not in QUANTIZED:
            return Skip.NOT_SUPPORTED
        if id(layer.layer) not in replaceable:
            return Skip.NOT_REPLACEABLE
        floats = sum(array.nbytes for array in layer.arrays())
        integers = sum(
            self._view(layer.layer, name).stored_bytes for name in layer.kernel_names
        )
        return Skip.WOULD_GROW if integers >= floats else None

    def _view(self, layer: keras.Layer, name: str) -> KernelView:
        shape = kernel_shape(layer, name)
        return self.format.view(shape, channel_axes(layer, name, len(shape)))

    def _quantized(self, layer: keras.Layer, path: str) -> keras.Layer:
        quantized = quantized_shell(layer, self.format)
        self._fill(quantized, layer, path)
        return quantized

    def _fill(self, quantized: Any, layer: keras.Layer, path: str) -> None:
        for name in quantized.kernel_names:
            kernel = to_numpy(getattr(layer, name))
            try:
                arrays = quantized.views[name].encode(kernel)
            except ValueError as error:
                raise ValueError(f"Cannot quantize {path}: {error}") from error
            for part, variable in quantized.stored_kernel(name).items():
                variable.assign(arrays[part])
        _copy_others(layer, quantized)

    def _quantized_attention(
        self, layer: Any, chosen: dict[int, str]
    ) -> QuantizedMultiHeadAttention | None:
        inner = [one for _, one in walk(layer) if id(one) in chosen]
        if not inner:
            return None
        format_ = dataclasses.asdict(self.format)
        config = layer.get_config()
        config["quantization"] = {one.name: format_ for one in inner}
        attention: QuantizedMultiHeadAttention
        attention = QuantizedMultiHeadAttention.from_config(config)
        attention.build_from_config(layer.get_build_config())
        for source, target in _inner_pairs(layer, attention):
            if id(source) in chosen:
                self._fill(target, source, chosen[id(source)])
            else:
                copy_weights(source, target)
        return attention


def dequantized(model: keras.Model) -> keras.Model:
    """A copy of a model with ordinary float layers in place of quantized ones.

    It predicts the same; runtimes that know no integer layers can take it.

    Args:
        model: Any model that can be rewritten.

    Returns:
        A model of ordinary Keras layers.
    """
    plain = {quantized: kind for kind, quantized in QUANTIZED.items()}

    def rewrite(layer: keras.Layer) -> keras.Layer | None:
        if type(layer) in plain:
            return _floats(layer, plain[type(layer)])
        if type(layer) is QuantizedMultiHeadAttention:
            return _float_attention(layer)
        return None

    return rewrite_layers(model, rewrite)


def _float_shell(layer: Any, kind: Any) -> Any:
    """The ordinary counterpart of a quantized layer, built, with other weights."""
    config = layer.get_config()
    config.pop("quantization")
    ordinary = kind.from_config(config)
    ordinary.build_from_config(layer.get_build_config())
    return ordinary


def _floats(layer: Any, kind: Any) -> Any:
    ordinary = _float_shell(layer, kind)
    _copy_decoded(layer, ordinary)
    return ordinary


def _float_attention(layer: QuantizedMultiHeadAttention) -> Any:
    ordinary = _float_shell(layer, keras.layers.MultiHeadAttention)
    for source, target in _inner_pairs(layer, ordinary):
        if kernel_names(source):
            _copy_decoded(source, target)
        else:
            copy_weights(source, target)
    return ordinary


def _inner_pairs(one: Any, other: Any) -> list[tuple[Any, Any]]:
    """The layers inside two attention layers that stand for each other.

    Projections have fixed names but, once replaced, another order; softmax and dropout
    have counted names and a fixed order.
    """
    projections = {layer.name: layer for _, layer in walk(other) if kernel_names(layer)}
    rest = iter([layer for _, layer in walk(other) if not kernel_names(layer)])
    return [
        (layer, projections[layer.name] if kernel_names(layer) else next(rest))
        for _, layer in walk(one)
    ]


def _copy_decoded(source: Any, target: Any) -> None:
    for name in kernel_names(target):
        getattr(target, name).assign(to_numpy(getattr(source, name)))
    _copy_others(source, target)


def _copy_others(source: Any, target: Any) -> None:
    """Copy what is no kernel: the bias."""
    for giver, taker in zip(
        other_variables(source), other_variables(target), strict=True
    ):
        taker.assign(to_numpy(giver))


def _replaceable(model: Any) -> set[int]:
    """Layers that are nodes of the graph or projections of an attention layer."""
    found: set[int] = set()
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= _replaceable(layer)
        elif type(layer) is keras.layers.MultiHeadAttention:
            found |= {id(inner) for _, inner in walk(layer)}
        else:
            found.add(id(layer))
    return found
