"""How wide the layers of a model are, and which of a layer's channels stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.models.channels.arrays.units import Mask
from nncompress_lab.models.channels.flow import Bound, Flow
from nncompress_lab.models.channels.groups import ChannelGroup
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.pruning.channels.arrays.criteria import Scores
from nncompress_lab.trials.arrays.filter_images import filter_images


@dataclass(frozen=True)
class Width:
    """A layer and how wide it is.

    Args:
        path: Of the layer.
        channels: That it makes in the original model.
        kept: How many of them stay.
        group: The number of the group that it belongs to, from 0; None if its channels
            cannot be cut.
    """

    path: str
    channels: int
    kept: int
    group: int | None


@dataclass(frozen=True, eq=False)
class Filters:
    """The channels of a layer, those with the highest scores first.

    Args:
        images: One for each that is shown, as `filter_images` makes them.
        kept: Whether it stays.
        channels: How many there are.
    """

    images: npt.NDArray[Any]
    kept: Mask
    channels: int


def widths_of(
    groups: Sequence[ChannelGroup], named: Mapping[str, ChannelGroup], kept: Mask
) -> list[Width]:
    """The widths of all layers that make channels, in the order of the groups.

    Args:
        groups: All of a model.
        named: Those that can be cut.
        kept: For each unit whether it stays.
    """
    numbers = {id(one): number for number, one in enumerate(named.values())}
    found: dict[str, Width] = {}
    for group in groups:
        stay = int(np.count_nonzero(kept[group.units]))
        for path in group.made_by:
            one = found.get(path, Width(path, 0, 0, numbers.get(id(group))))
            found[path] = Width(
                path, one.channels + group.channels, one.kept + stay, one.group
            )
    return list(found.values())


def filters_of(
    flow: Flow, bound: Bound, group: ChannelGroup, scores: Scores, kept: Mask, most: int
) -> Filters:
    """The channels of a group as one of the kernels makes them, the best first.

    Args:
        flow: The walk through the model.
        bound: The axis of the kernel.
        group: The channels.
        scores: Of each unit.
        kept: For each unit whether it stays.
        most: Of more channels, so many are taken, evenly spaced in the ranking.
    """
    # Of equal scores the first is cut first, so it stands last.
    order = np.argsort(scores[group.units], kind="stable")[::-1]
    places = np.linspace(0, len(order) - 1, min(most, len(order)))
    units = group.units[order[np.unique(places.astype(int))]]
    at = flow.units.roots(bound.units).tolist()
    images = filter_images(to_numpy(bound.variable), axis=bound.axis)
    channels = [at.index(unit) for unit in units.tolist()]
    return Filters(images[channels], kept[units], len(order))
