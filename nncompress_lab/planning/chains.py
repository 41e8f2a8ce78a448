"""Layers that stand for one layer, as the weights which it would need to do the same."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.kernels import (
    KernelLayer,
    kernel_names,
    other_variables,
    to_numpy,
)
from nncompress_lab.planning.arrays.composed import (
    LinearStep,
    composed,
    gathered_groups,
    spread_groups,
)
from nncompress_lab.quantization.layers.stored import QuantizedKernels

Array = npt.NDArray[Any]
Values = list[Array]  # of a layer: its kernels, then its other weights


def values_of(layer: keras.Layer) -> Values:
    """What a layer computes with: its kernels, decoded, and its other weights."""
    kernels = KernelLayer("", layer, kernel_names(layer)).arrays()
    return [*kernels, *map(to_numpy, other_variables(layer))]


def assign_values(layer: keras.Layer, values: Values) -> None:
    """Give a layer of floats what `values_of` says of one like it."""
    kernels = KernelLayer("", layer, kernel_names(layer)).kernels()
    for variable, value in zip(
        [*kernels, *other_variables(layer)], values, strict=True
    ):
        variable.assign(value)


def values_for(layer: Any, parts: Sequence[Any]) -> Values | None:
    """The weights with which a layer would compute what others compute in its place.

    Args:
        layer: A layer of floats.
        parts: What stands for it, in the order in which it is called.

    Returns:
        The weights as `values_of` has them; None if there are none such, or it is not
        known.
    """
    if len(parts) == 1 and _is_alike(layer, parts[0]):
        return values_of(parts[0])
    names = kernel_names(layer)
    ends_alike = _activation(parts[-1]) == _activation(layer)
    if len(names) != 1 or not ends_alike or not all(map(_is_bare, parts[:-1])):
        return None
    kernel = _kernel_for(layer, parts)
    others = other_variables(parts[-1])
    shapes = [[tuple(one.shape) for one in other_variables(layer)]]
    shapes.append([tuple(one.shape) for one in others])
    if kernel is None or shapes[0] != shapes[1]:
        return None
    if kernel.shape != tuple(getattr(layer, names[0]).shape):
        return None
    return [kernel.astype(np.float32), *map(to_numpy, others)]


def _is_alike(layer: Any, other: Any) -> bool:
    """Whether two layers differ in their weights alone, or in how these are stored."""
    if isinstance(other, QuantizedKernels):
        return other.keras_class is type(layer)
    same = type(other) is type(layer)
    return bool(same and layer.get_config() == other.get_config())


def _is_bare(layer: Any) -> bool:
    """Whether a layer is nothing but a product with its kernel."""
    return _activation(layer) == "linear" and not other_variables(layer)


def _activation(layer: Any) -> Any:
    """As its configuration says it."""
    function = getattr(layer, "activation", keras.activations.linear)
    return keras.activations.serialize(function)


def _kernel_for(layer: Any, parts: Sequence[Any]) -> Array | None:
    if isinstance(layer, layers.EinsumDense):
        return _einsum_kernel(layer, parts)
    steps = [_step_of(one) for one in parts]
    known = [one for one in steps if one is not None]
    whole = _step_of(layer)
    if whole is None or len(known) < len(steps):
        return None
    made = composed(known)
    if made is None or made.strides != whole.strides:
        return None
    if made.kernel.shape != whole.kernel.shape:
        return None
    kernel = gathered_groups(made.kernel, getattr(layer, "groups", 1))
    return kernel.reshape(tuple(getattr(layer, kernel_names(layer)[0]).shape))


def _step_of(layer: Any) -> LinearStep | None:
    kind = getattr(layer, "keras_class", type(layer))
    if kind not in STEPS:
        return None
    kernel = to_numpy(getattr(layer, kernel_names(layer)[0]))
    if kind in {layers.Dense, layers.Embedding}:
        return LinearStep(kernel[np.newaxis, np.newaxis])
    strides = tuple(layer.strides)
    if kind in {layers.Conv1D, layers.DepthwiseConv1D}:
        kernel, strides = kernel[:, np.newaxis], (*strides, 1)
    if kind in {layers.DepthwiseConv1D, layers.DepthwiseConv2D}:
        inputs = kernel.shape[2]
        return LinearStep(
            spread_groups(kernel.reshape(*kernel.shape[:2], 1, -1), inputs), strides
        )
    return LinearStep(spread_groups(kernel, layer.groups), strides)


STEPS = {
    layers.Dense,
    layers.Embedding,
    layers.Conv1D,
    layers.Conv2D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
}


def _einsum_kernel(layer: Any, parts: Sequence[Any]) -> Array | None:
    """Of two layers whose kernels share the letter that they are joined by."""
    kinds = [getattr(one, "keras_class", type(one)) for one in parts]
    if kinds != [layers.EinsumDense] * 2:
        return None
    first, second = (Einsum.parse(one.equation) for one in parts)
    made = Einsum.parse(layer.equation)
    if set(made.kernel) != set(first.kernel) ^ set(second.kernel):
        return None
    equation = f"{first.kernel},{second.kernel}->{made.kernel}"
    kernel: Array = np.einsum(equation, *(to_numpy(one.kernel) for one in parts))
    return kernel
