"""Which weights of a model are kernels: the only ones that compression touches.

A kernel is what a layer multiplies its input with. Biases, normalization weights and
statistics are few, and a model reacts to their loss at once, so no pass changes them.

The table below goes by the names of Keras's classes, so that this module needs no
Keras; a subclass counts as the class it is derived from.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from nncompress_lab.errors import no_model
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.inner_layers import layers_below
from nncompress_lab.models.reasons import (  # offered here, too
    Reasons as Reasons,  # noqa: PLC0414
    Skip as Skip,  # noqa: PLC0414
)

# Kernel names by layer class. Keras spells them as attributes of the layer.
KERNELS: dict[str, tuple[str, ...]] = {
    "Dense": ("kernel",),
    "EinsumDense": ("kernel",),
    "Conv1D": ("kernel",),
    "Conv2D": ("kernel",),
    "Conv3D": ("kernel",),
    "Conv1DTranspose": ("kernel",),
    "Conv2DTranspose": ("kernel",),
    "Conv3DTranspose": ("kernel",),
    "DepthwiseConv1D": ("kernel",),
    "DepthwiseConv2D": ("kernel",),
    "SeparableConv1D": ("depthwise_kernel", "pointwise_kernel"),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel"),
    "Embedding": ("embeddings",),
    "ReversibleEmbedding": ("embeddings",),
    "SimpleRNNCell": ("kernel", "recurrent_kernel"),
    "GRUCell": ("kernel", "recurrent_kernel"),
    "LSTMCell": ("kernel", "recurrent_kernel"),
    "ConvLSTMCell": ("kernel", "recurrent_kernel"),
}
WITHOUT_KERNEL = (
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "UnitNormalization",
    "Normalization",
    "PReLU",
    "Attention",
    "AdditiveAttention",
    "FakeQuantize",
)


@dataclass(frozen=True, eq=False)
class KernelLayer:
    """A layer with at least one kernel, and where it is in the model.

    Args:
        path: Names from the model down to the layer, joined by `/`: `"conv1"`, or
            `"attention/query"` for the inner layer of a MultiHeadAttention.
        layer: The Keras layer.
        kernel_names: The attributes that hold its kernels.
    """

    path: str
    layer: Any
    kernel_names: tuple[str, ...]

    @property
    def type_name(self) -> str:
        """Name of the layer's class, for example `"Conv2D"`."""
        return type(self.layer).__name__

    @property
    def size(self) -> int:
        """How many weights its kernels hold together."""
        return sum(
            math.prod(kernel_shape(self.layer, name)) for name in self.kernel_names
        )

    @property
    def is_float(self) -> bool:
        """Whether the layer computes with its kernels, and these are float variables."""
        return computes_with_floats(self.layer)

    def kernels(self) -> list[Any]:
        """The kernels: Keras variables, or tensors where the layer decodes integers."""
        return [getattr(self.layer, name) for name in self.kernel_names]

    def arrays(self, *, shared: bool = False) -> list[npt.NDArray[Any]]:
        """The kernels as NumPy arrays, decoded if they are stored as integers.

        Args:
            shared: Whether they may be the memory of the kernels themselves, which is
                not to be written to and holds until a kernel gets another value.
        """
        from nncompress_lab.models.variables_in_place import in_place

        read = in_place if shared else to_numpy
        return [read(kernel) for kernel in self.kernels()]

    def assign(self, arrays: list[npt.NDArray[Any]]) -> None:
        """Replace the kernels by arrays of the same shapes."""
        for kernel, array in zip(self.kernels(), arrays, strict=True):
            kernel.assign(array)


def to_numpy(tensor: Any) -> npt.NDArray[Any]:
    """A copy of a Keras variable or tensor that shares no memory with it."""
    from keras import backend, ops

    # Of a TensorFlow variable `convert_to_numpy` makes two copies, one of the other.
    once = backend.backend() == "tensorflow" and hasattr(tensor, "numpy")
    array: npt.NDArray[Any] = tensor.numpy() if once else ops.convert_to_numpy(tensor)
    return array if array.flags.owndata else array.copy()


def kernel_names(layer: Any) -> tuple[str, ...]:
    """The attributes of `layer` that hold kernels; empty if it has none."""
    known = [KERNELS[name] for name in keras_classes(layer) if name in KERNELS]
    return known[0] if known else ()


def computes_with_floats(layer: Any) -> bool:
    """Whether a layer computes with its kernels as they are, and these are floats.

    Not where kernels are stored as integers, nor where Keras has quantized the layer
    (`model.quantize`), even if it keeps floats as "float8" does, nor with LoRA.

    Args:
        layer: Any layer; one without kernels computes with no others.
    """
    if hasattr(layer, "stored_kernel"):  # reading such a kernel decodes it
        return False
    if quantized_by_keras(layer) or getattr(layer, "lora_enabled", False):
        return False
    kernels = [getattr(layer, name) for name in kernel_names(layer)]
    return all(
        hasattr(kernel, "assign") and "float" in str(kernel.dtype) for kernel in kernels
    )


def quantized_by_keras(layer: Any) -> bool:
    """Whether Keras rounds what a layer computes with, as after `model.quantize`."""
    return getattr(layer, "quantization_mode", None) is not None


def keras_classes(layer: Any) -> list[str]:
    """Names of the Keras classes that a layer is or is derived from, nearest first."""
    return [
        parent.__name__
        for parent in type(layer).__mro__
        if parent.__module__.partition(".")[0] == "keras"
    ]


def kernel_shape(layer: Any, kernel_name: str) -> tuple[int, ...]:
    """Shape of a kernel, without decoding it where it is stored as integers."""
    views = getattr(layer, "views", None)
    return tuple(
        views[kernel_name].shape if views else getattr(layer, kernel_name).shape
    )


def kernel_variables(layer: Any) -> list[Any]:
    """The variables that make up a layer's kernels: floats, or integers and scales."""
    if hasattr(layer, "stored_kernel"):
        return [
            variable
            for name in kernel_names(layer)
            for variable in layer.stored_kernel(name).values()
        ]
    if computes_with_floats(layer):
        return [getattr(layer, name) for name in kernel_names(layer)]
    # Keras names what it makes a kernel of after it: `kernel_scale`, `lora_kernel_a`.
    return [
        variable
        for variable in own_variables(layer)
        if any(name in variable.name for name in kernel_names(layer))
    ]


def other_variables(layer: Any) -> list[Any]:
    """The weights a layer owns beside its kernels: biases, normalization, statistics."""
    held = {id(variable) for variable in kernel_variables(layer)}
    return [variable for variable in own_variables(layer) if id(variable) not in held]


def channel_axes(layer: Any, kernel_name: str, ndim: int) -> tuple[int, ...]:
    """Which axes of a kernel count the outputs of its layer.

    All other axes are summed over when the layer computes one output. An Embedding sums
    nothing; its rows are taken as the outputs, so that each has a scale of its own.

    Args:
        layer: A layer with a kernel.
        kernel_name: Which of its kernels.
        ndim: Number of axes of that kernel.

    Returns:
        The axes in ascending order.
    """
    names = keras_classes(layer)
    if "EinsumDense" in names:
        einsum = Einsum.parse(layer.equation)
        return tuple(einsum.kernel.index(one) for one in einsum.channels)
    if "Embedding" in names:
        return (0,)
    if "BaseConvTranspose" in names:
        return (ndim - 2,)
    if "BaseDepthwiseConv" in names or kernel_name == "depthwise_kernel":
        return (ndim - 2, ndim - 1)
    return (ndim - 1,)


def is_depthwise(layer: Any, kernel_name: str) -> bool:
    """Whether each output of a convolution sees one of several input channels only.

    So it is in a DepthwiseConv, in the first half of a SeparableConv, and in a convolution
    with as many groups as input channels.
    """
    names = keras_classes(layer)
    if "BaseDepthwiseConv" in names or kernel_name == "depthwise_kernel":
        return True
    grouped = "BaseConv" in names and layer.groups > 1
    return grouped and kernel_shape(layer, kernel_name)[-2] == 1


def is_recurrent(layer: Any) -> bool:
    """Whether a layer is a cell, which is called at each step with what it returned."""
    return "DropoutRNNCell" in keras_classes(layer)


def without_depthwise(layer: KernelLayer) -> KernelLayer:
    """A layer with only those of its kernels that are not depthwise."""
    names = (one for one in layer.kernel_names if not is_depthwise(layer.layer, one))
    return replace(layer, kernel_names=tuple(names))


def walk(model: Any) -> Iterator[tuple[str, Any]]:
    """Every layer of a model with its path, inner layers after the layer they are in.

    Nested models, wrappers and MultiHeadAttention are entered. A layer that is used
    several times comes once, under the first of its paths. What a class of one's own makes
    and does not name goes by the attribute that holds it, `"block/first"`, so that a path
    means the same in every copy of the model.

    Raises:
        UnsupportedModelError: If it is no model and no layer.
    """
    if isinstance(model, type) or not hasattr(model, "_flatten_layers"):
        raise no_model(model)
    return layers_below(model, prefix="", seen=set(), unnamed=False)


def weighted_layers(model: Any) -> list[tuple[str, Any]]:
    """The layers that own weights themselves, in the order of `walk`."""
    return [(path, layer) for path, layer in walk(model) if own_variables(layer)]


def own_variables(layer: Any) -> list[Any]:
    """The weights of a layer without those of the layers inside it."""
    inner = {
        id(variable)
        for sublayer in layer._flatten_layers(include_self=False)
        for variable in sublayer.weights
    }
    return [variable for variable in layer.weights if id(variable) not in inner]


def kernel_layers(model: Any) -> list[KernelLayer]:
    """The layers of a model that have a kernel, in the order of `walk`."""
    return [
        KernelLayer(path, layer, names)
        for path, layer in weighted_layers(model)
        if (names := kernel_names(layer))
    ]


def reason_without_kernel(layer: Any) -> Skip:
    """Why a layer that owns weights is not a kernel layer."""
    names = [*keras_classes(layer), type(layer).__name__]
    known = any(name in WITHOUT_KERNEL for name in names)
    return Skip.NO_KERNEL if known else Skip.NOT_SUPPORTED
