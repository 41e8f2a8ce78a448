"""Layers with fewer channels: the same class, shorter axes, weights sliced."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nncompress_lab.models.channels.arrays.units import Indices, Mask, take
from nncompress_lab.models.channels.flow import Channels, Flow, LayerChannels
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.kernels import keras_classes, to_numpy, walk

ShapeOf = Callable[[Any], tuple[int, ...]]


class Narrowing:
    """Makes narrower layers once it is known which channels stay.

    Args:
        flow: The walk through the model.
        kept: For each unit whether it stays.
    """

    def __init__(self, flow: Flow, kept: Mask) -> None:
        self._flow = flow
        self._kept = kept

    def __call__(self, layer: Any) -> Any | None:
        """A built layer in place of `layer`, or None if it loses nothing."""
        entry = self._flow.layers.get(id(layer))
        if entry is None:
            return None
        axes = self._axes(layer)
        channels = [*entry.inputs.values(), *([entry.output] if entry.output else [])]
        cut = [mask for one in axes.values() for _, mask in one]
        cut += [self._kept[one.units] for one in channels]
        return None if all(mask.all() for mask in cut) else self._narrowed(entry, axes)

    def _axes(self, layer: Any) -> dict[int, list[tuple[int, Mask]]]:
        """What stays of each weight of a layer and of the layers inside it."""
        axes: dict[int, list[tuple[int, Mask]]] = {}
        for part in [layer, *(inner for _, inner in walk(layer))]:
            entry = self._flow.layers.get(id(part))
            for bound in entry.bound.values() if entry else []:
                mask = self._kept[bound.units]
                axes.setdefault(id(bound.variable), []).append((bound.axis, mask))
        return axes

    def _narrowed(
        self, entry: LayerChannels, axes: dict[int, list[tuple[int, Mask]]]
    ) -> Any:
        layer = entry.layer

        def shape_of(variable: Any) -> tuple[int, ...]:
            shape = list(variable.shape)
            for axis, mask in axes.get(id(variable), []):
                shape[axis] = int(np.count_nonzero(mask))
            return tuple(shape)

        config = {**layer.get_config(), **self._sizes(entry, shape_of)}
        narrow = type(layer).from_config(config)
        if not narrow.built:
            narrow.build(**self._build_shapes(entry, shape_of))
        for source, target in zip(layer.variables, narrow.variables, strict=True):
            target.assign(take(to_numpy(source), axes.get(id(source), [])))
        return narrow

    def _sizes(self, entry: LayerChannels, shape_of: ShapeOf) -> dict[str, Any]:
        """The settings of a layer that say how wide it is."""
        layer, kind = entry.layer, keras_classes(entry.layer)[0]
        if kind == "Reshape":
            return {"target_shape": self._shape(layer.target_shape, entry.output, 1)}
        if kind == "InputLayer":
            return {"batch_shape": self._shape(layer.batch_shape, entry.inputs[0], 0)}
        return _SIZES[kind](layer, shape_of) if kind in _SIZES else {}

    def _build_shapes(self, entry: LayerChannels, shape_of: ShapeOf) -> dict[str, Any]:
        config = entry.layer.get_build_config()
        if "shapes_dict" not in config:
            return {
                "input_shape": self._shape(config["input_shape"], entry.inputs[0], 0)
            }
        return {
            name: (*shape[:-1], shape_of(_projection(entry.layer, name).kernel)[0])
            for name, shape in config["shapes_dict"].items()
        }

    def _shape(self, shape: Any, channels: Channels | None, skipped: int) -> Any:
        """A shape with as many channels as stay; `skipped` axes of it are missing."""
        new = list(shape)
        if channels is not None and new[channels.axis - skipped] not in {None, -1}:
            new[channels.axis - skipped] = self._count(channels.units)
        return tuple(new)

    def _count(self, units: Indices) -> int:
        return int(np.count_nonzero(self._kept[units]))


def _projection(attention: Any, shape_name: str) -> Any:
    return getattr(attention, f"_{shape_name.removesuffix('_shape')}_dense")


def _conv(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    filters = shape_of(layer.kernel)[-1]
    whole = layer.groups > 1 and layer.kernel.shape[-2] == 1  # see `conv`'s rule
    width = layer.filters // layer.groups
    return {"filters": filters, "groups": filters // width if whole else layer.groups}


def _einsum(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    einsum = Einsum.parse(layer.equation)
    output = layer.get_config()["output_shape"]
    new = list(output) if isinstance(output, list | tuple) else [output]
    for letter, size in zip(einsum.kernel, shape_of(layer.kernel), strict=True):
        if letter in einsum.channels:
            new[einsum.output.index(letter) - len(einsum.output)] = size
    return {"output_shape": tuple(new)}


def _attention(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    output = layer.output_dense.kernel
    sizes: dict[str, Any] = {"num_heads": shape_of(layer.query_dense.kernel)[1]}
    if output.ndim == 3:
        sizes["output_shape"] = shape_of(output)[-1:]
    return sizes


def _group_norm(layer: Any, shape_of: ShapeOf) -> dict[str, Any]:
    weights = [one for one in (layer.gamma, layer.beta) if one is not None]
    return {"groups": shape_of(weights[0])[0] if weights else -1}


_SIZES: dict[str, Callable[[Any, ShapeOf], dict[str, Any]]] = {
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
}
