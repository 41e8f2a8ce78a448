"""Removing what pruning has already disconnected, as a pass."""

from dataclasses import dataclass

import keras
import numpy as np

from nncompress_lab.models.channels.arrays.units import Mask
from nncompress_lab.models.channels.flow import Bound, Flow
from nncompress_lab.models.channels.groups import follow_channels, groups_of
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.models.rewrite import copy_model, rewrite_layers
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pruning.channels.narrowing import Narrowing

STATISTICS = ("moving_mean", "moving_variance")


@dataclass(frozen=True)
class RemoveDeadChannels(Pass):
    """Remove the channels on which no output depends any more.

    A channel is dead if all the weights that read it are zero, or if all that make it are,
    its bias and normalization included. Unstructured pruning leaves many behind. They
    cost bytes and time and do nothing: the model without them computes the same sums
    with fewer zeros in them, so its outputs are equal up to rounding. Where a removed
    channel was the only one to read another, that one goes as well.

    Channels that `ChannelPruning` cannot cut stay, as those of quantized layers, and so
    does the last one of a group.

    Example:
        >>> from nncompress_lab import zoo
        >>> from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
        >>> sparse = MagnitudePruning(sparsity=0.98, scope="global")(zoo.lenet5())
        >>> small = RemoveDeadChannels()(sparse)
        >>> sparse.get_layer("dense1").units, small.get_layer("dense1").units < 400
        (500, True)

    References:
        Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient
        Neural Networks", NeurIPS 2015, section 3.5 (pruning neurons).
        https://arxiv.org/abs/1506.02626
    """

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model without its dead channels, again until there are none."""
        while True:
            flow = follow_channels(model)
            kept = living(flow)
            if kept.all():
                return copy_model(model)
            model = rewrite_layers(model, Narrowing(flow, kept))


def living(flow: Flow) -> Mask:
    """For each unit of a walk whether it must stay.

    Args:
        flow: The walk through a model with float kernels.
    """
    roots = flow.units.roots(np.arange(len(flow.units)))
    made, read = (np.zeros(len(roots), np.bool_) for _ in range(2))
    for entry in flow.layers.values():
        statistics = [getattr(entry.layer, name, None) for name in STATISTICS]
        for bound in entry.bound.values():
            if not any(bound.variable is one for one in statistics):
                used = made if bound.made else read
                used[roots[bound.units[_entries_used(bound)]]] = True
    kept = np.ones(len(roots), np.bool_)
    for group in groups_of(flow):
        if group.reason is None and group.read_by:
            kept[group.units] = made[group.units] & read[group.units]
            kept[group.units[0]] |= not kept[group.units].any()
    return kept[roots]


def _entries_used(bound: Bound) -> Mask:
    """Along the axis of a weight, where it holds anything but zeros."""
    array = to_numpy(bound.variable)
    others = tuple(axis for axis in range(array.ndim) if axis != bound.axis)
    used: Mask = np.any(array != 0, axis=others)
    return used
