"""Cross-layer range equalisation: scales moved from one layer to the next, as a pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from nncompress_lab.models.graph import ModelGraph, is_graph
from nncompress_lab.models.kernels import (
    Reasons,
    Skip,
    computes_with_floats,
    kernel_layers,
    kernel_names,
    reason_without_kernel,
    to_numpy,
    weighted_layers,
)
from nncompress_lab.models.rewrite import rebuilt, rewrite_layers
from nncompress_lab.passes import Context, Pass

Floats = npt.NDArray[Any]
Pair = tuple[Any, Any]

SWEEPS, CONVERGED = 100, 1e-3
# Of all these the last axis but one of the kernel counts the input channels.
EQUALIZABLE = (
    layers.Dense,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
HOMOGENEOUS = (
    keras.activations.linear,
    keras.activations.relu,
    keras.activations.leaky_relu,
)
# Twice the input makes twice the output, channel by channel.
PASSED_THROUGH = (
    layers.Identity,
    layers.Dropout,
    layers.LeakyReLU,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
)


@dataclass(frozen=True)
class EqualizeRanges(Pass):
    """Scale the channels between layers so that all kernels use their range well.

    Where one output channel of a layer has much larger weights than the others, one scale
    for the whole kernel suits none. If nothing but a ReLU stands between two layers, a
    channel can be divided by a number in the first and multiplied by it in the second,
    and the model computes the same, up to rounding. The numbers are chosen so that the
    channel has the same range in both kernels.

    It helps scales `"per_tensor"`, and little with `"per_channel"`. Run `FoldBatchNorm`
    first: a normalization between two layers keeps them apart. ReLU6 does too, for it is
    not positively homogeneous (the 6 would have to be scaled with the channel). A channel
    whose weights are small but whose bias is not gets a large bias, and so large
    activations.

    Example:
        >>> EqualizeRanges()
        EqualizeRanges()

    References:
        Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight
        Equalization and Bias Correction", ICCV 2019, section 4.1.
        https://arxiv.org/abs/1906.04721
    """

    def explain(self, model: keras.Model) -> Reasons:
        """Which layers are scaled, and why the others are not."""
        reasons: Reasons = {
            path: reason_without_kernel(layer) for path, layer in weighted_layers(model)
        }
        followers = _followers(model)
        scaled = {id(layer) for pair in _pairs(followers) for layer in pair}
        found = {id(layer): result for layer, result in followers}
        for one in kernel_layers(model):
            reason = found.get(id(one.layer), Skip.NOT_REPLACEABLE)
            reasons[one.path] = None if id(one.layer) in scaled else reason
        return reasons

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with its channels scaled."""
        pairs = _pairs(_followers(model))
        scaled = {id(layer): _Scaled(layer) for pair in pairs for layer in pair}
        for _ in range(SWEEPS):
            change = 0.0
            for first, second in pairs:
                factors = _equalize(scaled[id(first)], scaled[id(second)])
                change = max(change, float(np.abs(np.log(factors)).max()))
            if change < CONVERGED:
                break

        def rewrite(layer: keras.Layer) -> keras.Layer | None:
            one = scaled.get(id(layer))
            return None if one is None else one.rebuilt()

        return rewrite_layers(model, rewrite)


def equalizing_factors(first: Floats, second: Floats) -> Floats:
    """What to divide the channels of one kernel by, and multiply those of the next by.

    Afterwards the largest weight of a channel is the same in both, the geometric mean of
    what it was. A channel that is all zeros in one of them is left alone.

    Args:
        first: Shape `(rows, channels)`: a column makes a channel.
        second: Shape `(channels, columns)`: a row uses it.

    Returns:
        Positive, shape `(channels,)`.

    Example:
        >>> equalizing_factors(np.array([[8.0, 1.0]]), np.array([[2.0], [1.0]]))
        array([2., 1.])

    References:
        Nagel et al. 2019, section 4.1, equations 9 to 11.
        https://arxiv.org/abs/1906.04721
    """
    made, used = np.abs(first).max(axis=0), np.abs(second).max(axis=1)
    alive = (made > 0) & (used > 0)
    ratio = np.divide(made, used, out=np.ones_like(made), where=alive)
    factors: Floats = np.sqrt(ratio)
    return factors


class _Scaled:
    """The weights of a layer while they are scaled, in float64."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.kernel = np.ascontiguousarray(to_numpy(layer.kernel), np.float64)
        self.bias = None if layer.bias is None else to_numpy(layer.bias).astype(float)

    @property
    def made(self) -> Floats:
        """The kernel as `(rows, channels)`, the channels that the layer makes; a view."""
        channels = self.kernel.shape[-1]
        if type(self.layer) in DEPTHWISE:
            channels *= self.kernel.shape[-2]
        return self.kernel.reshape(-1, channels)

    @property
    def used(self) -> Floats:
        """The kernel with the channels that the layer uses first; a view."""
        return np.moveaxis(self.kernel, -2, 0)

    def rebuilt(self) -> keras.Layer:
        layer: Any = rebuilt(self.layer)
        layer.kernel.assign(self.kernel)
        if self.bias is not None:
            layer.bias.assign(self.bias)
        return layer


def _equalize(first: _Scaled, second: _Scaled) -> Floats:
    made, used = first.made, second.used
    factors = equalizing_factors(made, used.reshape(len(used), -1))
    made /= factors
    used *= factors.reshape(-1, *[1] * (used.ndim - 1))
    if first.bias is not None:
        first.bias /= factors
    return factors


def _pairs(followers: Sequence[tuple[Any, Any]]) -> list[Pair]:
    return [pair for pair in followers if not isinstance(pair[1], str)]


def _followers(model: Any) -> list[tuple[Any, Any]]:
    """Each kernel layer with the one that shares its channels, or why there is none."""
    graph = ModelGraph(model)
    found: list[tuple[Any, Any]] = []
    for layer in model.layers:
        if is_graph(layer):
            found += _followers(layer)
        elif kernel_names(layer):
            scalable = _can_scale(layer) and layer.activation in HOMOGENEOUS
            follower = _follower(layer, graph) if scalable else Skip.UNSUITED
            found.append((layer, follower))
    return found


def _follower(layer: Any, graph: ModelGraph) -> Any:
    user = _only_user(layer, graph)
    while not isinstance(user, str) and _passes_through(user):
        user = _only_user(user, graph)
    if isinstance(user, str):
        return user
    if type(user) not in EQUALIZABLE:
        return _stands_between(user)
    if len(graph.calls_of(user)) != 1:
        return Skip.SEVERAL_USES
    suited = _can_scale(user) and getattr(user, "groups", 1) == 1
    return user if suited else f"{user.name} follows, whose inputs cannot be scaled"


def _only_user(operation: Any, graph: ModelGraph) -> Any:
    """The one operation that uses the output of another, or why there is none."""
    calls = graph.calls_of(operation)
    if len(calls) != 1:
        return Skip.SEVERAL_USES
    if graph.returns(calls[0].outputs[0]):
        return Skip.LEAVES
    user = graph.only_user(calls[0])
    return Skip.SEVERAL_USES if user is None else user.operation


def _can_scale(layer: Any) -> bool:
    return (
        type(layer) in EQUALIZABLE
        and computes_with_floats(layer)
        and getattr(layer, "data_format", "channels_last") == "channels_last"
    )


def _passes_through(operation: Any) -> bool:
    if getattr(operation, "data_format", "channels_last") != "channels_last":
        return False
    if type(operation) is layers.ReLU:
        return operation.max_value is None and operation.threshold == 0
    if type(operation) is layers.Activation:
        return operation.activation in HOMOGENEOUS
    return type(operation) in PASSED_THROUGH


def _stands_between(operation: Any) -> str:
    kind = f"{operation.name} ({type(operation).__name__}) follows"
    if type(operation) in {layers.ReLU, layers.Activation}:
        return f"{kind}, which is not positively homogeneous"
    return f"{kind}, through which channels cannot be scaled"
