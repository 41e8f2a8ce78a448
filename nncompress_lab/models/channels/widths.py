"""How wide the layers of a model become once it is known which channels stay."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nncompress_lab.models.attention import has_own_projections
from nncompress_lab.models.channels.arrays.units import Mask
from nncompress_lab.models.channels.flow import Flow, LayerChannels
from nncompress_lab.models.channels.tensor_channels import Channels
from nncompress_lab.models.cloning import settings
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.kernels import keras_classes, walk

ShapeOf = Callable[[Any], tuple[int, ...]]


class Widths:
    """The settings and the weights of layers that are left with some of their channels.

    Args:
        flow: The walk through the model.
        kept: For each unit whether it stays.
    """

    def __init__(self, flow: Flow, kept: Mask) -> None:
        self.flow = flow
        self.kept = kept

    def axes(self, layer: Any) -> dict[int, list[tuple[int, Mask]]]:
        """What stays of each weight of a layer and of the layers inside it."""
        axes: dict[int, list[tuple[int, Mask]]] = {}
        for part in [layer, *(inner for _, inner in walk(layer))]:
            entry = self.flow.layers.get(id(part))
            for bound in entry.bound.values() if entry else []:
                mask = self.kept[bound.units]
                axes.setdefault(id(bound.variable), []).append((bound.axis, mask))
        return axes

    def shape_of(self, layer: Any) -> ShapeOf:
        """What gives the shape of what stays of a weight of a layer."""
        axes = self.axes(layer)

        def shape_of(variable: Any) -> tuple[int, ...]:
            shape = list(variable.shape)
            for axis, mask in axes.get(id(variable), []):
                shape[axis] = int(np.count_nonzero(mask))
            return tuple(shape)

        return shape_of

    def settings(self, entry: LayerChannels) -> dict[str, Any]:
        """The settings of a layer that say how wide it is."""
        layer, kind = entry.layer, keras_classes(entry.layer)[0]
        if kind == "Reshape":
            return {"target_shape": self.shape(layer.target_shape, entry.output, 1)}
        if kind == "InputLayer":
            return {"batch_shape": self.shape(layer.batch_shape, entry.inputs[0], 0)}
        return _SETTINGS[kind](layer, self.shape_of(layer)) if kind in _SETTINGS else {}

    def shape(self, shape: Any, channels: Channels | None, skipped: int) -> Any:
        """A shape with as many channels as stay; `skipped` axes of it are missing."""
        new = list(shape)
        if channels is not None and new[channels.axis - skipped] not in {None, -1}:
            new[channels.axis - skipped] = int(
                np.count_nonzero(self.kept[channels.units])
            )
        return tuple(new)


def _conv(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    filters = shape_of(layer.kernel)[-1]
    whole = layer.groups > 1 and layer.kernel.shape[-2] == 1  # see `conv`'s rule
    width = layer.filters // layer.groups
    return {"filters": filters, "groups": filters // width if whole else layer.groups}


def _einsum(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    einsum = Einsum.parse(layer.equation)
    output = settings(layer)["output_shape"]
    new = list(output) if isinstance(output, list | tuple) else [output]
    for letter, size in zip(einsum.kernel, shape_of(layer.kernel), strict=True):
        if letter in einsum.channels:
            new[einsum.output.index(letter) - len(einsum.output)] = size
    return {"output_shape": tuple(new)}


def _attention(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    if has_own_projections(layer):
        return {}
    output = layer.output_dense.kernel
    sizes: dict[str, Any] = {"num_heads": shape_of(layer.query_dense.kernel)[1]}
    if output.ndim == 3:
        sizes["output_shape"] = shape_of(output)[-1:]
    return sizes


def _group_norm(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    """With a group for each channel there are fewer; -1 stands for all of them."""
    channels = layer.get_build_config()["input_shape"][layer.axis]
    return {"groups": -1 if layer.groups == channels else layer.groups}


_SETTINGS: dict[str, Callable[[Any, ShapeOf], dict[str, Any]]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _conv),
    **{
        f"Conv{number}DTranspose": lambda layer, shape_of: {
            "filters": shape_of(layer.kernel)[-2]
        }
        for number in (1, 2, 3)
    },
    **{
        f"SeparableConv{number}D": lambda layer, shape_of: {
            "filters": shape_of(layer.pointwise_kernel)[-1]
        }
        for number in (1, 2)
    },
    "Dense": lambda layer, shape_of: {"units": shape_of(layer.kernel)[-1]},
    "EinsumDense": _einsum,
    "Embedding": lambda layer, shape_of: {"output_dim": shape_of(layer.embeddings)[-1]},
    "MultiHeadAttention": _attention,
    "GroupNormalization": _group_norm,
    **dict.fromkeys(
        ("SimpleRNN", "LSTM", "GRU"),
        lambda layer, shape_of: {"units": shape_of(layer.cell.recurrent_kernel)[0]},
    ),
}
