"""Models whose kernels are stored in fewer bits, whatever chose the integers.

Every quantization of weights ends here: rounding to the nearest, learned codebooks,
error-compensated rounding and quantization-aware training differ in the arrays they store,
not in how a model comes to hold them.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

import keras
import numpy.typing as npt

from nncompress_lab.models import cloning
from nncompress_lab.models.kernels import (
    KernelLayer,
    channel_axes,
    kernel_layers,
    kernel_names,
    kernel_shape,
    other_variables,
    to_numpy,
)
from nncompress_lab.models.rewrite import rewrite_layers
from nncompress_lab.quantization.arrays.codebook_format import (
    CodebookFormat,
    CodebookView,
    Format,
    View,
)
from nncompress_lab.quantization.arrays.integer_format import KernelFormat, KernelView
from nncompress_lab.quantization.layers.stored import (
    QUANTIZED,
    ComputedKernels,
    QuantizedKernels,
)

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class StoredKernels:
    """What a layer is to store instead of its float kernels.

    Args:
        format: How the kernels are stored.
        arrays: For each kernel, by its name, the arrays that `format` asks for.
    """

    format: Format
    arrays: dict[str, Arrays]


def store_kernels(
    model: keras.Model, store: Callable[[KernelLayer], StoredKernels | None]
) -> keras.Model:
    """A copy of a model in which some kernels are stored in fewer bits.

    Args:
        model: A built functional or sequential model.
        store: Called with each kernel layer that can be replaced, in the order of the
            model; None keeps the layer.

    Returns:
        The new model.
    """
    known = {id(one.layer): one for one in kernel_layers(model)}

    def rewrite(layer: keras.Layer) -> keras.Layer | None:
        if type(layer) not in QUANTIZED or id(layer) not in known:
            return None
        stored = store(known[id(layer)])
        return None if stored is None else stored_layer(layer, stored)

    return rewrite_layers(model, rewrite)


@overload
def kernel_view(format_: KernelFormat, layer: Any, name: str) -> KernelView: ...
@overload
def kernel_view(format_: CodebookFormat, layer: Any, name: str) -> CodebookView: ...
@overload
def kernel_view(format_: Format, layer: Any, name: str) -> View: ...
def kernel_view(format_: Format, layer: Any, name: str) -> View:
    """How a kernel of a layer is cut up in a format."""
    shape = kernel_shape(layer, name)
    return format_.view(shape, channel_axes(layer, name, len(shape)))


def dequantized(model: keras.Model) -> keras.Model:
    """A copy of a model with ordinary float layers in place of quantized ones.

    It predicts the same; runtimes that know no integer layers can take it. Layers that
    round activations stay, because they are part of what it predicts.

    Args:
        model: Any model that can be rewritten.

    Returns:
        A model of ordinary Keras layers, and `FakeQuantize` where it had been.
    """

    def rewrite(layer: keras.Layer) -> keras.Layer | None:
        return float_layer(layer) if isinstance(layer, QuantizedKernels) else None

    return rewrite_layers(model, rewrite)


def stored_layer(layer: keras.Layer, stored: StoredKernels) -> keras.Layer:
    """A layer like an ordinary one that stores its kernels in another way.

    Args:
        layer: Of a type in `QUANTIZED`.
        stored: All of its kernels.
    """
    quantized = counterpart(
        layer,
        QUANTIZED[type(layer)],
        quantization=dataclasses.asdict(stored.format),
    )
    for name, arrays in stored.arrays.items():
        for part, variable in quantized.stored_kernel(name).items():
            variable.assign(arrays[part])
    return quantized


def float_layer(layer: ComputedKernels) -> keras.Layer:
    """The ordinary Keras layer that computes what one of this library does."""
    ordinary = counterpart(layer, layer.keras_class)
    for name in kernel_names(ordinary):
        getattr(ordinary, name).assign(to_numpy(getattr(layer, name)))
    return ordinary


def counterpart(layer: Any, kind: Any, **settings: Any) -> Any:
    """A layer of another class like a built one, built, with its bias but new kernels.

    Args:
        layer: A Keras layer with kernels, or one of this library that stands for it.
        kind: The other class, which stands for the same Keras layer.
        **settings: What `kind` takes beside what the Keras layer does.
    """
    config = {**cloning.settings(layer), **settings}
    if isinstance(layer, ComputedKernels):
        del config[layer.setting]
    other = cloning.made(layer, kind, config)
    other.build_from_config(layer.get_build_config())
    pairs = zip(other_variables(layer), other_variables(other), strict=True)
    for source, target in pairs:
        target.assign(to_numpy(source))
    return other
