"""BatchNormalization merged into the layer before it, as a pass."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from nncompress_lab.models.cloning import cloned
from nncompress_lab.models.graph import ModelGraph
from nncompress_lab.models.kernels import (
    channel_axes,
    computes_with_floats,
    to_numpy,
)
from nncompress_lab.models.rewrite import REMOVE, rewrite_layers
from nncompress_lab.passes import Context, Pass

FOLDABLE = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
)


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Merge each BatchNormalization into the convolution or Dense layer before it.

    In inference, normalization multiplies each channel by a number and adds another. The
    kernel and the bias can do both, so the layer disappears: fewer bytes, fewer steps,
    the same outputs up to rounding. Usual before quantization. The folded model should
    not be trained much further, because its activations are no longer normalized.

    A layer is folded only if the BatchNormalization is all that uses it, and it has no
    activation of its own.

    Example:
        >>> FoldBatchNorm()
        FoldBatchNorm()

    References:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2.
        https://arxiv.org/abs/1712.05877
    """

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
    graph, pairs = ModelGraph(model), []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            pairs.extend(foldable_pairs(layer))
        elif type(layer) in FOLDABLE:
            norm = _norm_after(layer, graph)
            if norm is not None and _can_fold(layer, norm):
                pairs.append((layer, norm))
    return pairs


def _norm_after(layer: Any, graph: ModelGraph) -> Any | None:
    """The BatchNormalization that alone uses a layer, if both are called once."""
    calls = graph.calls_of(layer)
    user = graph.only_user(calls[0]) if len(calls) == 1 else None
    if user is None or type(user.operation) is not keras.layers.BatchNormalization:
        return None
    once = len(graph.calls_of(user.operation)) == len(user.inputs) == 1
    return user.operation if once else None


def _can_fold(layer: Any, norm: Any) -> bool:
    last_axis = layer.kernel.ndim if isinstance(layer, keras.layers.Dense) else None
    channels_last = last_axis is not None or layer.data_format == "channels_last"
    axis = norm.axis if isinstance(norm.axis, int) else norm.axis[0]
    on_channels = axis in {-1, len(norm.input.shape) - 1}
    linear = layer.activation is keras.activations.linear
    return bool(
        channels_last and on_channels and linear and computes_with_floats(layer)
    )


def _folded(layer: Any, norm: Any) -> Any:
    folded = cloned(layer, use_bias=True)
    folded.build_from_config(layer.get_build_config())
    gamma = 1.0 if norm.gamma is None else to_numpy(norm.gamma)
    beta = 0.0 if norm.beta is None else to_numpy(norm.beta)
    factor = gamma / np.sqrt(to_numpy(norm.moving_variance) + norm.epsilon)
    kernel = to_numpy(layer.kernel)
    axes = channel_axes(layer, "kernel", kernel.ndim)
    per_channel = [
        size if axis in axes else 1 for axis, size in enumerate(kernel.shape)
    ]
    bias = 0.0 if layer.bias is None else to_numpy(layer.bias)
    folded.kernel.assign(kernel * factor.reshape(per_channel))
    folded.bias.assign((bias - to_numpy(norm.moving_mean)) * factor + beta)
    return folded
