"""Which groups of channels are meant by layers and numbers, and what does not fit."""

from collections.abc import Sequence

from nncompress_lab.models.channels.groups import ChannelGroup

NamedWidths = tuple[tuple[str, int], ...]


def check_widths(channels: NamedWidths) -> None:
    """Raise a `ValueError` for less than one channel, or a layer that is named twice."""
    for path, width in channels:
        if width < 1:
            raise ValueError(
                "At least one channel of a layer stays. Received in `channels`: "
                f"({path!r}, {width}). Say how many are to stay, not how many go."
            )
    paths = [path for path, _ in channels]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise ValueError(
            f"`channels` names a layer once. Received: {', '.join(twice)} more than "
            "once. Leave the others out."
        )


def widths_of(channels: NamedWidths, groups: Sequence[ChannelGroup]) -> list[int]:
    """How many channels stay of each group that can be cut.

    Args:
        channels: Pairs of a layer that makes a group, and a number.
        groups: All of a model, in its order.

    Raises:
        ValueError: If a layer is not there or cannot be cut, has fewer channels than
            are to stay, or two layers of a group differ.
    """
    chosen = {id(group): group.channels for group in groups}
    said: dict[int, str] = {}
    for path, width in channels:
        group = _group_of(path, width, groups)
        if id(group) in said and chosen[id(group)] != width:
            raise ValueError(
                f"{said[id(group)]!r} and {path!r} are cut together, so both keep as "
                f"many channels. Received in `channels`: {chosen[id(group)]} and "
                f"{width}. Name one of the two."
            )
        chosen[id(group)], said[id(group)] = width, path
    return [chosen[id(group)] for group in groups if group.reason is None]


def _group_of(path: str, width: int, groups: Sequence[ChannelGroup]) -> ChannelGroup:
    made = [group for group in groups if path in group.made_by]
    free = [group for group in made if group.reason is None]
    if not made:
        known = (
            one for group in groups if group.reason is None for one in group.made_by
        )
        raise ValueError(
            f"No layer {path!r} makes channels. Received it in `channels`. These do: "
            f"{', '.join(dict.fromkeys(known))}."
        )
    if not free:
        raise ValueError(
            f"The channels of {path!r} cannot be cut: {made[0].reason}. Received in "
            f"`channels`: ({path!r}, {width}). Leave it out."
        )
    if len(free) > 1:
        raise ValueError(
            f"The channels of {path!r} go different ways, in {len(free)} groups. Received "
            f"in `channels`: ({path!r}, {width}). Name a layer that makes one of the "
            f"groups alone, or cut {path!r} with sparsity= and select=."
        )
    if width > free[0].channels:
        raise ValueError(
            f"{path!r} has {free[0].channels} channels that can be cut. Received in "
            f"`channels`: {width} to stay. Ask for at most as many."
        )
    return free[0]
