"""Numbers under the staircase of the levels that they are rounded to, as a picture."""

import math

import numpy as np

from nncompress_lab.trials.arrays.staircase import Staircase, within
from nncompress_widgets.plot import LEFT, RIGHT, Plot, legend, line, picture, text

HEIGHT = 310
_TOP, _BOTTOM = 50, 196  # of the histogram
ERROR_TOP, ERROR_BOTTOM = 216, 272  # of the error below it, on the same axis
HEAD = 14
_LETTER = 6.5  # width of a letter, about


def staircase_svg(staircase: Staircase, *, scale: str, caption: str, label: str) -> str:
    """Draw numbers, the levels that they are rounded to, and what that changes.

    Args:
        staircase: The numbers and their levels.
        scale: What to write at the bracket that spans one step.
        caption: What the numbers are.
        label: The picture in a sentence.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    histogram = staircase.histogram
    plot = Plot.of(histogram, top=_TOP, bottom=_BOTTOM)
    bars = plot.bars(histogram)
    left, right = (_within(plot.x(end)) for end in within(staircase.levels))
    clipped = f"clipped: {staircase.clipped:,}" if staircase.clipped else "clipped"
    error = Saw(staircase, plot, within=within(staircase.levels))
    parts = [
        text(4, HEAD, "count (√ scale)", "start"),
        legend([("kept", "in the range"), ("clipped", clipped)], HEAD),
        plot.count_axis(),
        plot.window(bars, "clipped", LEFT, left),
        plot.window(bars, "kept", left, right),
        plot.window(bars, "clipped", right, RIGHT),
        _stairs(staircase, plot),
        _bracket(staircase, plot, scale),
        error.drawn(),
        Plot(plot.low, plot.high, ERROR_TOP, ERROR_BOTTOM).number_axis(caption),
    ]
    return picture(parts, height=HEIGHT, label=label)


def _within(x: float) -> float:
    return min(max(x, LEFT), RIGHT)


def _stairs(staircase: Staircase, plot: Plot) -> str:
    """What each number is rounded to: a line that goes up a step at a time."""
    levels = staircase.levels
    spread = float(levels[-1] - levels[0]) or 1.0

    def y(level: float) -> float:
        part = (level - float(levels[0])) / spread
        return plot.bottom - 4 - part * (plot.bottom - plot.top - 8)

    steps = [
        f"{'L' if number else 'M'}{plot.x(start):.1f} {y(level):.1f}H{plot.x(end):.1f}"
        for number, (start, end, level) in enumerate(staircase.treads())
    ]
    return f'<path class="nncompress-stairs" d="{"".join(steps)}"/>'


def _bracket(staircase: Staircase, plot: Plot, words: str) -> str:
    """One step beside 0, as wide as it is."""
    levels = staircase.levels
    at = min(int(abs(levels).argmin()), len(levels) - 2)
    if at < 0:
        return ""
    left, right = (_within(plot.x(level)) for level in levels[at : at + 2])
    y = _TOP - 8
    fits = right + 6 + _LETTER * len(words) <= RIGHT
    anchor, place = ("start", right + 6) if fits else ("end", left - 6)
    return "".join(
        [
            line("bracket", left, right, y, y),
            line("bracket", left, left, y - 4, y + 4),
            line("bracket", right, right, y - 4, y + 4),
            text(place, y + 4, words, anchor, "strong"),
        ]
    )


class Saw:
    """What rounding changes: a saw between the levels, ever larger beyond them.

    Args:
        staircase: Numbers and levels.
        plot: Of the histogram above it, whose axis it shares.
        within: Between which numbers nothing is clipped.
    """

    def __init__(
        self, staircase: Staircase, plot: Plot, *, within: tuple[float, float]
    ) -> None:
        self._plot = plot
        self._staircase = staircase
        self._within = within
        levels = staircase.levels
        step = float(np.diff(levels).max()) if len(levels) > 1 else 0.0
        # The same room for all fine steps, so that the saw is seen to shrink.
        self._most = max(step / 2, (plot.high - plot.low) / 16)

    def _y(self, error: float) -> float:
        middle, half = (
            (ERROR_TOP + ERROR_BOTTOM) / 2,
            (ERROR_BOTTOM - ERROR_TOP) / 2,
        )
        part = min(max(error / self._most, -1.0), 1.0)
        return middle - part * half

    def drawn(self) -> str:
        """The saw with its axis."""
        low, high = self._within
        parts = {"kept": "", "clipped": ""}
        for start, end, level in self._staircase.treads():
            for left, right, kind in (
                (start, min(end, low), "clipped"),
                (max(start, low), min(end, high), "kept"),
                (max(start, high), end, "clipped"),
            ):
                if left < right:
                    parts[kind] += self._tooth(left, right, level)
        middle = self._y(0)
        return "".join(
            [
                *(
                    f'<path class="nncompress-{kind}-error" d="{path}"/>'
                    for kind, path in parts.items()
                    if path
                ),
                line("grid", LEFT, RIGHT, middle, middle),
                text(LEFT - 6, middle + 3.5, "error", "end"),
                text(LEFT - 6, self._y(self._most) + 8, f"{self._most:.2g}", "end"),
            ]
        )

    def _tooth(self, left: float, right: float, level: float) -> str:
        """The error of the numbers between two, which is straight but for its limits."""
        places = {left, right}
        for limit in (-self._most, 0.0, self._most):
            if left < level + limit < right:
                places.add(level + limit)
        corners = [
            f"L{self._plot.x(place):.1f} {self._y(level - place):.1f}"
            for place in sorted(places)
        ]
        zero = f"{self._y(0):.1f}"
        begin, end = self._plot.x(left), self._plot.x(right)
        return f"M{begin:.1f} {zero}{''.join(corners)}L{end:.1f} {zero}z"


def significant(number: float) -> str:
    """A number with three digits, for example `"0.0123"`."""
    digits = 2 - math.floor(math.log10(abs(number))) if number else 2
    return f"{number:.{min(max(digits, 0), 8)}f}"
