"""The channels of one tensor: where they lie, which they are, and which may be zero."""

from dataclasses import dataclass, replace

import numpy as np

from nncompress_lab.models.channels.arrays.units import Indices, Mask


@dataclass(frozen=True, eq=False)
class Channels:
    """The channels of a tensor.

    Args:
        axis: Where they lie, counted with the batch axis.
        units: The unit of each entry; empty if the size of the axis is not known.
        zero: Whether a channel whose weights are all zero is zero here.
        spoiler: The layer after which it is not, for example a sigmoid.
    """

    axis: int
    units: Indices
    zero: Mask
    spoiler: str = ""


def kept_zero(axis: int, units: Indices) -> Channels:
    """Channels of which those without weights are zero."""
    return Channels(axis, units, np.ones(len(units), dtype=np.bool_))


def spoiled(channels: Channels, name: str) -> Channels:
    """The same channels after a layer that makes another number of zero."""
    return replace(channels, zero=np.zeros_like(channels.zero), spoiler=name)
