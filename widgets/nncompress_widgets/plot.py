"""What the pictures of controls are drawn with: scales, axes, bars, lines and words."""

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nncompress_lab.trials.arrays.magnitudes import Histogram

WIDTH = 440
LEFT, RIGHT = 52, 428  # the plot inside the picture
_LINE = 14  # height of a line of text


@dataclass(frozen=True)
class Plot:
    """A histogram's part of a picture, counts on a square-root scale.

    That scale lets the tails be seen beside the middle.

    Args:
        low: The number at the left end.
        high: The number at the right end.
        top: Where the plot begins, in pixels from above.
        bottom: Where it ends.
        tallest: The largest count.
    """

    low: float
    high: float
    top: float
    bottom: float
    tallest: int = 1

    @classmethod
    def of(cls, histogram: Histogram, *, top: float, bottom: float) -> "Plot":
        """The plot that a histogram fills."""
        edges, counts = histogram.edges, histogram.counts
        tallest = max(int(counts.max()), 1)
        return cls(float(edges[0]), float(edges[-1]), top, bottom, tallest)

    def x(self, number: float) -> float:
        """Where a number is from left to right."""
        part = (float(number) - self.low) / (self.high - self.low)
        return LEFT + part * (RIGHT - LEFT)

    def height(self, count: float) -> float:
        """How tall a bar is."""
        return math.sqrt(count / self.tallest) * (self.bottom - self.top - 4)

    def bars(self, histogram: Histogram) -> str:
        """All bars as one path: clipped copies of it are bars of several colours."""
        parts = []
        for (start, end), count in zip(
            pairwise(histogram.edges), histogram.counts, strict=True
        ):
            x, width = self.x(start), self.x(end) - self.x(start) - 0.6
            height = self.height(int(count))
            if count:
                corners = f"v{-height:.1f}h{width:.1f}v{height:.1f}z"
                parts.append(f"M{x:.1f} {self.bottom}{corners}")
        return "".join(parts)

    def window(self, bars: str, kind: str, left: float, right: float) -> str:
        """The part of a path between two places, in the colour of its kind."""
        width, height = right - left, self.bottom - self.top
        if width <= 0:
            return ""
        return (
            f'<svg x="{left:.1f}" y="{self.top}" width="{width:.1f}" '
            f'height="{height}" viewBox="{left:.1f} {self.top} {width:.1f} {height}" '
            f'preserveAspectRatio="none"><path class="nncompress-{kind}" d="{bars}"/>'
            "</svg>"
        )

    def count_axis(self) -> str:
        """Round counts at the left, with lines across."""
        marks = []
        for count in self._count_ticks():
            y = self.bottom - self.height(count)
            marks.append(line("grid", LEFT, RIGHT, y, y))
            marks.append(text(LEFT - 6, y + 3.5, f"{count:,}", "end"))
        return "".join(marks)

    def number_axis(self, caption: str) -> str:
        """Round numbers below the plot, and what they are."""
        marks = [line("axis", LEFT, RIGHT, self.bottom, self.bottom)]
        step = round_step((self.high - self.low) / 4.4)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        for number in range(first, last + 1):
            x = self.x(number * step)
            marks.append(line("axis", x, x, self.bottom, self.bottom + 4))
            marks.append(text(x, self.bottom + 16, f"{number * step:g}"))
        middle = (LEFT + RIGHT) / 2
        return "".join([*marks, text(middle, self.bottom + 33, caption)])

    def _count_ticks(self) -> list[int]:
        """0 and two or three round counts, spread evenly over the square-root scale."""
        wanted = [self.tallest * fraction**2 for fraction in (0.4, 0.7, 1.0)]
        ticks = [0]
        for count in sorted({_rounded_down(count) for count in wanted if count >= 1}):
            if self.height(count) - self.height(ticks[-1]) > _LINE:
                ticks.append(count)
        return ticks


def picture(parts: Iterable[str], *, height: float, label: str) -> str:
    """An `<svg>` element with a description for screen readers."""
    return (
        f'<svg class="nncompress-histogram" role="img" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'aria-label="{html.escape(label)}">{"".join(parts)}</svg>'
    )


def nothing_svg(words: str, *, height: float = 310) -> str:
    """A picture of its size with nothing but words, so that the page does not jump."""
    return picture([text(WIDTH / 2, height / 2, words)], height=height, label=words)


def legend(kinds: Sequence[tuple[str, str]], y: float) -> str:
    """Colours with their words, from right to left; a kind is a class of the style."""
    parts, x = [], float(RIGHT)
    for kind, words in reversed(kinds):
        x -= 6.1 * len(words) + 20
        parts.append(
            f'<rect class="nncompress-{kind}" x="{x:.1f}" y="{y - 9}" width="9" '
            f'height="9"/>{text(x + 12, y, words, "start")}'
        )
    return "".join(parts)


def line(kind: str, x1: float, x2: float, y1: float, y2: float) -> str:
    """A straight line of a kind."""
    return (
        f'<line class="nncompress-{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" '
        f'y2="{y2:.1f}"/>'
    )


def text(x: float, y: float, words: str, anchor: str = "middle", kind: str = "") -> str:
    """Words, which may hold no markup."""
    style = f' class="nncompress-{kind}"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{style} {place}>{html.escape(words)}</text>"


def dot(kind: str, x: float, y: float, title: str) -> str:
    """A setting that was visited or is shown, or the original, with words of its own."""
    radius = {"visit": 3.5, "here": 5.5, "ring": 5.5}[kind]
    return (
        f'<circle class="nncompress-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
        f"<title>{html.escape(title)}</title></circle>"
    )


def round_step(longest: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is no longer than this."""
    size = 10.0 ** math.floor(math.log10(longest))
    return next(
        factor * size for factor in (5, 2, 1) if factor * size <= longest * 1.000001
    )


def _rounded_down(number: float) -> int:
    size = 10 ** math.floor(math.log10(number))
    return int(number // size * size)
