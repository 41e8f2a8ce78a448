"""Dependency groups: the channels of a model that can only be cut together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np

from nncompress_lab.models.channels.arrays.units import Indices
from nncompress_lab.models.channels.flow import Flow
from nncompress_lab.models.channels.rules import rule_for
from nncompress_lab.models.rewrite import check_model


@dataclass(frozen=True, eq=False, repr=False)
class ChannelGroup:
    """Channels that the same layers make; where one layer loses one, all others do.

    Args:
        channels: How many there are; for the heads of an attention layer, how many heads.
        made_by: Paths of the kernel layers whose outputs they are.
        read_by: Paths of the kernel layers that sum over them.
        reason: Why none of them can be cut, or None.
        units: Their numbers in the walk through the model.
    """

    channels: int
    made_by: tuple[str, ...]
    read_by: tuple[str, ...]
    reason: str | None
    units: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.intp))

    def __repr__(self) -> str:
        readers = f", read by {', '.join(self.read_by)}" if self.read_by else ""
        kept = f"; kept: {self.reason}" if self.reason else ""
        makers = ", ".join(self.made_by)
        return f"<{self.channels} channels made by {makers}{readers}{kept}>"


def channel_groups(model: keras.Model) -> tuple[ChannelGroup, ...]:
    """Which channels of a model depend on each other.

    An addition joins the channels of its inputs, a depthwise convolution those that go in
    with those that come out, a layer that is used twice those of both its uses. The
    inputs and outputs of the model are kept, and so is all that reaches a layer through
    which channels cannot be followed.

    Args:
        model: A built functional or sequential model; inner models are entered.

    Returns:
        The groups, in the order of the model.

    Raises:
        UnsupportedModelError: If the model is subclassed, unbuilt or not Keras 3.

    Example:
        >>> from nncompress_lab import zoo
        >>> for group in channel_groups(zoo.lenet5()):
        ...     print(group)
        <20 channels made by conv1, read by conv2>
        <50 channels made by conv2, read by dense1>
        <500 channels made by dense1, read by logits>
        <10 channels made by logits; kept: its outputs are the model's outputs>

    References:
        Fang, Ma, Song, Mi, Wang, "DepGraph: Towards Any Structural Pruning", CVPR 2023,
        section 3. https://arxiv.org/abs/2301.12900
    """
    return groups_of(follow_channels(model))


def follow_channels(model: keras.Model, *, new_weights: bool = False) -> Flow:
    """Walk through the graph of a model with the rules for Keras's layers."""
    check_model(model)
    rules = partial(rule_for, new_weights=new_weights)
    return Flow(model, rules, new_weights=new_weights)


def groups_of(flow: Flow) -> tuple[ChannelGroup, ...]:
    """Sort the units of a walk into groups: by the layers that make them."""
    makers: dict[int, list[tuple[int, str]]] = {}
    readers: dict[int, dict[str, None]] = {}
    for entry in flow.layers.values():
        for number, bound in enumerate(entry.bound.values()):
            if not bound.is_kernel:
                continue
            for root in flow.units.roots(bound.units).tolist():
                if bound.made:
                    makers.setdefault(root, []).append((number, entry.path))
                else:
                    readers.setdefault(root, {})[entry.path] = None
    groups: dict[Any, list[int]] = {}
    for root, slots in makers.items():
        groups.setdefault((tuple(slots), flow.units.reason(root)), []).append(root)
    return tuple(
        _group(roots, [path for _, path in slots], readers, reason)
        for (slots, reason), roots in groups.items()
    )


def named_groups(groups: Sequence[ChannelGroup]) -> dict[str, ChannelGroup]:
    """The groups that can be cut, each by the first layer that makes no other one."""
    makers = [path for one in groups if one.reason is None for path in one.made_by]
    named = {}
    for group in groups:
        own = [path for path in group.made_by if makers.count(path) == 1]
        if group.reason is None and own:
            named[own[0]] = group
    return named


def made_by_layer(flow: Flow) -> dict[str, Indices]:
    """The units of the outputs of each layer that owns weights, by path."""
    return {
        entry.path: bound.units
        for entry in flow.layers.values()
        for bound in reversed(entry.bound.values())
        if bound.made
    }


def _group(
    roots: list[int],
    makers: list[str],
    readers: dict[int, dict[str, None]],
    reason: str | None,
) -> ChannelGroup:
    if len(roots) == 1:
        reason = reason or "there is only one, which must stay"
    read_by = dict.fromkeys(path for root in roots for path in readers.get(root, {}))
    return ChannelGroup(
        channels=len(roots),
        made_by=tuple(dict.fromkeys(makers)),
        read_by=tuple(read_by),
        reason=reason,
        units=np.array(roots, dtype=np.intp),
    )
