"""Channels as good as gone: zeros where kernels read them, in their old shapes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.models.channels.arrays.units import Indices, Mask
from nncompress_lab.models.channels.flow import Bound, Flow
from nncompress_lab.models.kernels import KernelLayer

Array = npt.NDArray[Any]
Axes = list[tuple[int, Indices]]  # of a kernel, with the units along each
Reads = dict[str, list[Axes]]  # by the path of a layer, of each of its kernels


def reads_of(flow: Flow, layers: Sequence[KernelLayer]) -> Reads:
    """For each layer that reads channels, along which axes each of its kernels does.

    Args:
        flow: The walk through a model.
        layers: Layers of that model.
    """
    reads = {
        one.path: [
            [
                (bound.axis, bound.units)
                for bound in bounds_of(flow, one.path)
                if bound.variable is kernel and not bound.made
            ]
            for kernel in one.kernels()
        ]
        for one in layers
    }
    return {path: kernels for path, kernels in reads.items() if any(kernels)}


def bounds_of(flow: Flow, path: str) -> list[Bound]:
    """The axes of the kernels of a layer whose entries belong to channels."""
    return [
        bound
        for entry in flow.layers.values()
        if entry.path == path
        for bound in entry.bound.values()
        if bound.is_kernel
    ]


def units_read(reads: Mapping[str, list[Axes]], path: str) -> Indices:
    """The units that a layer reads, one after the other."""
    return np.concatenate([units for kernel in reads[path] for _, units in kernel])


def without_channels(array: Array, axes: Axes, kept: Mask) -> Array:
    """A kernel with zeros where it reads channels that are gone."""
    for axis, units in axes:
        shape = [1] * array.ndim
        shape[axis] = -1
        array = np.where(kept[units].reshape(shape), array, 0)
    return array
