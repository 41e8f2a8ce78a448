"""BatchNormalization merged into the layer before it, as a pass."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from nncompress_lab.models.cloning import cloned
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.graph import ModelGraph, is_graph, maker
from nncompress_lab.models.kernels import (
    KERNELS,
    KernelLayer,
    Reasons,
    Skip,
    channel_axes,
    kernel_names,
    to_numpy,
    walk,
)
from nncompress_lab.models.rewrite import REMOVE, rewrite_layers
from nncompress_lab.passes import Context, Pass

# All but what looks up and adds no bias, and the cells of recurrent layers.
FOLDABLE = tuple(
    getattr(keras.layers, name)
    for name in KERNELS
    if not name.endswith(("Embedding", "Cell"))
)


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Merge each BatchNormalization into the convolution or Dense layer before it.

    In inference, normalization multiplies each channel by a number and adds another. The
    kernel and the bias can do both, so the layer disappears: fewer bytes, fewer steps,
    the same outputs up to rounding. Usual before quantization. The folded model should
    not be trained much further, because its activations are no longer normalized.

    A layer is folded only if the BatchNormalization is all that uses it, and it has no
    activation of its own; `explain` says of each normalization why it stays.

    Example:
        >>> FoldBatchNorm()
        FoldBatchNorm()

    References:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2.
        https://arxiv.org/abs/1712.05877
    """

    def explain(self, model: keras.Model) -> Reasons:
        """Which normalizations are merged, and why the others are not."""
        merged = {id(norm): layer for norm, layer in _merged(model)}
        return {
            path: reason if isinstance(reason, str) else None
            for path, layer in walk(model)
            if isinstance(layer, keras.layers.BatchNormalization)
            for reason in [merged.get(id(layer), Skip.NOT_REPLACEABLE)]
        }

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with folded layers and without their normalizations."""
        pairs = foldable_pairs(model)
        normalized_by = {id(layer): norm for layer, norm in pairs}
        removed = {id(norm) for _, norm in pairs}

        def rewrite(layer: keras.Layer) -> Any:
            if id(layer) in removed:
                return REMOVE
            if id(layer) in normalized_by:
                return _folded(layer, normalized_by[id(layer)])
            return None

        return rewrite_layers(model, rewrite)


def foldable_pairs(model: keras.Model) -> list[tuple[Any, Any]]:
    """Layers with the BatchNormalization that directly and alone follows them.

    Args:
        model: A built functional or sequential model; inner models are entered.

    Returns:
        Pairs of a layer and its normalization.
    """
    return [(one, norm) for norm, one in _merged(model) if not isinstance(one, str)]


def _merged(model: keras.Model) -> list[tuple[Any, Any]]:
    """Each BatchNormalization with the layer that it goes into, or why into none."""
    graph, found = ModelGraph(model), []
    for layer in model.layers:
        if is_graph(layer):
            found += _merged(layer)
        elif type(layer) is keras.layers.BatchNormalization:
            found.append((layer, _merged_into(layer, graph)))
    return found


def _merged_into(norm: Any, graph: ModelGraph) -> Any:
    calls = graph.calls_of(norm)
    if len(calls) != 1:
        return Skip.SEVERAL_USES
    before = maker(calls[0].inputs[0])
    if type(before) not in FOLDABLE:
        kind = type(before).__name__
        return f"{before.name} ({kind}) comes before it, into which it does not go"
    made = graph.calls_of(before)
    if len(made) != 1 or graph.only_user(made[0]) is not calls[0]:
        return f"{before.name} comes before it, which something else uses, too"
    return _obstacle(before, norm) or before


def _obstacle(layer: Any, norm: Any) -> str | None:
    """Why a normalization cannot be merged into the layer before it."""
    last = norm.axis in {-1, len(norm.input.shape) - 1}
    if not last or getattr(layer, "data_format", None) == "channels_first":
        return "it does not normalize the last axis, along which kernels are scaled"
    if layer.activation is not keras.activations.linear:
        return f"{layer.name} has its activation before it"
    if not KernelLayer(layer.name, layer, kernel_names(layer)).is_float:
        return f"{layer.name} comes before it, and {Skip.NOT_FLOAT}"
    if not isinstance(layer, keras.layers.EinsumDense):
        return None
    einsum = Einsum.parse(layer.equation)
    axis, biased = einsum.output[-1], layer.bias_axes
    held = axis in einsum.kernel and (biased is None or axis in biased)
    return None if held else f"{layer.name} has no weights for each of its channels"


def _folded(layer: Any, norm: Any) -> Any:
    name, axes, settings = _scaled(layer)
    folded = cloned(layer, **settings)
    folded.build_from_config(layer.get_build_config())
    gamma = 1.0 if norm.gamma is None else to_numpy(norm.gamma)
    beta = 0.0 if norm.beta is None else to_numpy(norm.beta)
    factor = gamma / np.sqrt(to_numpy(norm.moving_variance) + norm.epsilon)
    for one in kernel_names(layer):
        kernel = to_numpy(getattr(layer, one))
        if one == name:
            shape = [
                size if axis in axes else 1 for axis, size in enumerate(kernel.shape)
            ]
            kernel = kernel * factor.reshape(shape)
        getattr(folded, one).assign(kernel)
    bias = 0.0 if layer.bias is None else to_numpy(layer.bias)
    shift = (bias - to_numpy(norm.moving_mean)) * factor + beta
    folded.bias.assign(np.broadcast_to(shift, folded.bias.shape))
    return folded


def _scaled(layer: Any) -> tuple[str, tuple[int, ...], dict[str, Any]]:
    """The kernel that is scaled, its axes of channels, and how the layer gets a bias."""
    name = kernel_names(layer)[-1]
    if not isinstance(layer, keras.layers.EinsumDense):
        axes = channel_axes(layer, name, getattr(layer, name).ndim)
        return name, axes, {"use_bias": True}
    einsum = Einsum.parse(layer.equation)
    last = einsum.output[-1]
    return name, (einsum.kernel.index(last),), {"bias_axes": layer.bias_axes or last}
