"""Models that train through the rounding of their own kernels, and what they store."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from nncompress_lab.models.kernels import kernel_layers, kernel_names, to_numpy
from nncompress_lab.models.rewrite import rewrite_layers
from nncompress_lab.quantization.layers.replace import (
    StoredKernels,
    counterpart,
    float_layer,
    stored_layer,
)
from nncompress_lab.quantization.layers.rounded import ROUNDED, RoundedKernels
from nncompress_lab.quantization.layers.rounding import Rounding, config_of
from nncompress_lab.training.while_training import keep_zeros_of


def with_rounded_kernels(
    model: keras.Model,
    rounding: Callable[[str], Rounding],
    reasons: Mapping[str, str | None],
) -> keras.Model:
    """A copy that rounds the kernels of the layers which there is no reason to skip.

    Args:
        model: It is not changed.
        rounding: How the kernels of a layer are rounded, by its path.
        reasons: None for each layer to take, by path.
    """
    chosen = {
        id(one.layer): one.path
        for one in kernel_layers(model)
        if reasons[one.path] is None
    }

    def rewrite(layer: keras.Layer) -> keras.Layer | None:
        path = chosen.get(id(layer))
        return None if path is None else _rounded_layer(layer, rounding(path))

    return rewrite_layers(model, rewrite)


def with_stored_kernels(model: keras.Model) -> keras.Model:
    """A copy that stores what the rounded kernels of a model stand for."""

    def rewrite(layer: keras.Layer) -> keras.Layer | None:
        if not isinstance(layer, RoundedKernels):
            return None
        arrays = {name: layer.arrays_to_store(name) for name in kernel_names(layer)}
        stored = StoredKernels(layer.rounding.format, arrays)
        return stored_layer(float_layer(layer), stored)

    return rewrite_layers(model, rewrite)


def keep_zeros(model: keras.Model) -> None:
    """Weights that are zero stay so, and the value of a table that stands for them."""
    for one in kernel_layers(model):
        if not isinstance(one.layer, RoundedKernels):
            continue
        for name in one.kernel_names:
            parts = one.layer.stored_kernel(name)
            for part in parts.keys() & {"floats", "table"}:
                keep_zeros_of(parts[part])


def _rounded_layer(layer: Any, rounding: Any) -> Any:
    rounded = counterpart(layer, ROUNDED[type(layer)], rounding=config_of(rounding))
    for name, view in rounded.views.items():
        kernel = to_numpy(getattr(layer, name))
        parts = rounded.stored_kernel(name)
        parts["floats"].assign(kernel)
        for part, values in rounding.start(view, kernel).items():
            parts[part].assign(values)
    return rounded
