"""Weights in the cells of the values that stand for them, as a picture."""

from itertools import pairwise

from nncompress_lab.trials.arrays.staircase import Staircase
from nncompress_widgets.plot import LEFT, RIGHT, Plot, legend, line, picture, text
from nncompress_widgets.staircase import (
    ERROR_BOTTOM,
    ERROR_TOP,
    HEAD,
    HEIGHT,
    Saw,
)

_TOP, _BOTTOM = 50, 196
_MOST_CELLS = 16  # that are told apart by their colours
_MOST_TICKS = 64


def codebook_svg(staircase: Staircase, *, note: str, caption: str, label: str) -> str:
    """Draw weights, the values that they may take, and what that changes.

    Args:
        staircase: The weights and the values.
        note: What to write above the histogram.
        caption: What the weights are.
        label: The picture in a sentence.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    plot = Plot.of(staircase.histogram, top=_TOP, bottom=_BOTTOM)
    limit = float("inf")  # no weight is clipped: the outer cells have no end
    parts = [
        text(4, HEAD, "count (√ scale)", "start"),
        legend([("tick-key", "a value"), ("kept", "its cell")], HEAD),
        plot.count_axis(),
        _cells(staircase, plot),
        _ticks(staircase, plot),
        text((LEFT + RIGHT) / 2, _TOP - 14, note, kind="strong"),
        Saw(staircase, plot, within=(-limit, limit)).drawn(),
        Plot(plot.low, plot.high, ERROR_TOP, ERROR_BOTTOM).number_axis(caption),
    ]
    return picture(parts, height=HEIGHT, label=label)


def _cells(staircase: Staircase, plot: Plot) -> str:
    bars = plot.bars(staircase.histogram)
    if len(staircase.levels) > _MOST_CELLS:
        return plot.window(bars, "kept", LEFT, RIGHT)
    ends = [
        LEFT,
        *(min(max(plot.x(one), LEFT), RIGHT) for one in staircase.borders),
        RIGHT,
    ]
    return "".join(
        plot.window(bars, "next" if number % 2 else "kept", left, right)
        for number, (left, right) in enumerate(pairwise(ends))
    )


def _ticks(staircase: Staircase, plot: Plot) -> str:
    levels = staircase.levels
    if len(levels) > _MOST_TICKS:
        y = _TOP - 3
        return line("bracket", plot.x(levels[0]), plot.x(levels[-1]), y, y)
    # Among many values only their heads, or nothing would be seen of the weights.
    foot = _BOTTOM if len(levels) <= _MOST_CELLS else _TOP + 8
    low, high = plot.low, plot.high
    return "".join(
        line("value", plot.x(one), plot.x(one), _TOP - 6, foot)
        for one in levels
        if low <= one <= high
    )
