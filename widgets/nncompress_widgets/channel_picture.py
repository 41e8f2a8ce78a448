"""A network as a row of bars, and the filters of one layer, as an SVG picture."""

import math
from collections.abc import Sequence

from nncompress_lab.trials.channel_widths import Filters, Width
from nncompress_widgets.heat import heat
from nncompress_widgets.plot import picture, text

HEIGHT = 256
MOST_FILTERS = 40
_LEFT, _RIGHT = 8, 432
_TOP, _BOTTOM = 48, 150  # the bars
_NAMED = 6  # bars of which there is room for the names
_COUNTED = 12  # and for the numbers
_NUMBER = 19  # pixels that a number needs
_FILTERS = 204  # where they begin
_WIDEST = 36.0  # pixels of a filter
_COLOURS = 4  # of groups that are tied; further ones take turns


def channels_svg(
    widths: Sequence[Width], filters: Filters, *, path: str, marked: bool
) -> str:
    """Draw how wide the layers are and which filters of one of them stay.

    Args:
        widths: Of all layers that make channels.
        filters: Of one layer, those with the highest scores first.
        path: Of that layer.
        marked: Whether it is the one that is being set, and not only an example.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    kept = sum(one.kept for one in widths)
    whole = sum(one.channels for one in widths)
    parts = [
        text(_LEFT, 14, "Layers, drawn to their channels (√ scale)", "start"),
        *_bars(widths, path if marked else None),
        *_row_of_filters(filters, path),
    ]
    label = (
        f"{len(widths)} layers as bars; {kept:,} of {whole:,} channels stay. Below, the "
        f"channels of {path}, the best first: {_said(widths, path)} stay."
    )
    return picture(parts, height=HEIGHT, label=label)


def numbered(widths: Sequence[Width]) -> list[tuple[str, list[int]]]:
    """Groups of several layers: the colour's class, and the places of their bars."""
    places: dict[int, list[int]] = {}
    for place, one in enumerate(widths, start=1):
        if one.group is not None:
            places.setdefault(one.group, []).append(place)
    tied = [found for found in places.values() if len(found) > 1]
    return [(f"tied-{turn % _COLOURS}", found) for turn, found in enumerate(tied)]


def are_numbered(widths: Sequence[Width]) -> bool:
    """Whether the bars have numbers because there is no room for names."""
    return len(widths) > _NAMED


def _said(widths: Sequence[Width], path: str) -> str:
    one = next(one for one in widths if one.path == path)
    return f"{one.kept} of {one.channels}"


def _bars(widths: Sequence[Width], path: str | None) -> list[str]:
    pitch = (_RIGHT - _LEFT) / len(widths)
    wide = min(0.8 * pitch, 44.0)
    widest = max(one.channels for one in widths)
    colours = {place: kind for kind, found in numbered(widths) for place in found}
    chosen = {one.group for one in widths if one.path == path}
    parts = []
    for place, one in enumerate(widths, start=1):
        middle = _LEFT + (place - 0.5) * pitch
        kind = "pruned" if one.group is None else colours.get(place, "kept")
        tallest = _height(one.channels, widest)
        parts.append(_rect("range", middle - wide / 2, _BOTTOM, wide, tallest))
        parts.append(
            _rect(kind, middle - wide / 2, _BOTTOM, wide, _height(one.kept, widest))
        )
        if len(widths) <= _COUNTED:
            said = f"{one.kept} of {one.channels}"
            said = said if one.kept < one.channels else f"{one.channels}"
            parts.append(text(middle, _BOTTOM - tallest - 5, said))
        if not are_numbered(widths):
            parts.append(text(middle, _BOTTOM + 17, one.path))
        elif (place - 1) % math.ceil(_NUMBER / pitch) == 0:
            parts.append(text(middle, _BOTTOM + 17, str(place)))
        if one.group is not None and one.group in chosen:
            parts.append(_rect("tick-key", middle - wide / 2, _BOTTOM + 5, wide, 3))
    return parts


def _height(channels: int, widest: int) -> float:
    return math.sqrt(channels / widest) * (_BOTTOM - _TOP)


def _rect(kind: str, x: float, bottom: float, width: float, height: float) -> str:
    return (
        f'<rect class="nncompress-{kind}" x="{x:.1f}" y="{bottom - height:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}"/>'
    )


def _row_of_filters(filters: Filters, path: str) -> list[str]:
    count = len(filters.images)
    many = f" ({count} of {filters.channels})" if count < filters.channels else ""
    words = f"Channels of {path}{many}, the best first; those on grey go"
    rows = 2 if count > MOST_FILTERS / 2 else 1
    a_row = -(-count // rows)
    pitch = min((_RIGHT - _LEFT) / a_row, _WIDEST)
    side = 0.9 * pitch
    parts = [text(_LEFT, _FILTERS - 10, words, "start")]
    for place, (image, stays) in enumerate(
        zip(filters.images, filters.kept, strict=True)
    ):
        x = _LEFT + place % a_row * pitch
        y = _FILTERS + place // a_row * pitch
        if not stays:
            parts.append(_rect("pruned", x, y + side, side, side))
        strength = 1.0 if stays else 4.0  # those that go are faint
        parts.append(heat(image, (x, y, side, side), reach=strength))
    return parts
