"""The channels of a kernel with one scale for all, beside a scale for each."""

import numpy as np

from nncompress_lab.trials.figures import decibels
from nncompress_lab.trials.quantization import Channels
from nncompress_widgets.plot import WIDTH, line, picture, text

HEIGHT = 310
_TOP, _BOTTOM = 52, 272
_SIDES = ((8, 212), (228, 432))  # left and right of the two plots
_MOST = 24  # channels that are shown
_MOST_TICKS = 20  # levels that are told apart


def channels_svg(shared: Channels, each: Channels, *, name: str) -> str:
    """Draw the range of each channel over the levels that it is rounded to.

    Args:
        shared: With one scale for all channels.
        each: With a scale for each.
        name: Of the layer.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    order = np.argsort(shared.highest - shared.lowest, kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, _MOST).astype(int))]
    reach = float(max(abs(shared.lowest).max(), abs(shared.highest).max())) or 1.0
    words = f"One line a channel of {name}: its weights on the levels they may take"
    parts = [text(WIDTH / 2, 14, words)]
    for title, channels, side in (
        ("one scale for all", shared, _SIDES[0]),
        ("a scale for each channel", each, _SIDES[1]),
    ):
        heading = f"{title}: {decibels(channels.snr_db)}"
        parts.append(text(sum(side) / 2, 38, heading, kind="strong"))
        parts.append(_plot(channels, shown, reach, side))
    label = (
        f"The channels of {name}: with one scale for all the signal-to-noise ratio is "
        f"{decibels(shared.snr_db)}, with a scale for each {decibels(each.snr_db)}."
    )
    return picture(parts, height=HEIGHT, label=label)


def _plot(
    channels: Channels, shown: np.ndarray, reach: float, side: tuple[int, int]
) -> str:
    left, right = side

    def x(number: float) -> float:
        part = (float(number) + reach) / (2 * reach)
        return left + min(max(part, 0.0), 1.0) * (right - left)

    row = (_BOTTOM - _TOP) / max(len(shown), 1)
    thick = min(0.42 * row, 12.0)
    parts = []
    for number, channel in enumerate(shown):
        y = _TOP + (number + 0.5) * row
        levels = channels.levels[channel]
        begin, end = x(levels[0]), x(levels[-1])
        parts.append(_bar("range", begin, end, y, 0.86 * row))
        lowest, highest = channels.lowest[channel], channels.highest[channel]
        for ends, kind in (
            ((lowest, highest), "clipped"),
            ((max(lowest, levels[0]), min(highest, levels[-1])), "kept"),
        ):
            parts.append(_bar(kind, x(ends[0]), x(ends[1]), y, thick))
        if len(levels) <= _MOST_TICKS:
            marks = [
                line("tick", x(one), x(one), y - 0.43 * row, y + 0.43 * row)
                for one in levels
            ]
            parts.append("".join(marks))
    parts.append(line("axis", left, right, _BOTTOM + 2, _BOTTOM + 2))
    for end, anchor in ((-reach, "start"), (0.0, "middle"), (reach, "end")):
        parts.append(text(x(end), _BOTTOM + 17, f"{end:.2g}", anchor))
    return "".join(parts)


def _bar(kind: str, left: float, right: float, y: float, thick: float) -> str:
    width = max(right - left, 0.5)
    return (
        f'<rect class="nncompress-{kind}" x="{left:.1f}" y="{y - thick / 2:.1f}" '
        f'width="{width:.1f}" height="{thick:.1f}"/>'
    )
