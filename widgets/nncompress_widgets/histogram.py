"""A histogram of weights with a threshold in it, as an SVG picture."""

import html
import math
from itertools import pairwise

from nncompress_lab.trials.arrays.magnitudes import Histogram

WIDTH, HEIGHT = 440, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 428, 40, 190  # the plot inside the picture
_LINE = 14  # height of a line of text
_HEAD = 14  # where the legend stands, above the threshold's own line


def histogram_svg(
    histogram: Histogram, *, threshold: float, name: str, pruned: str
) -> str:
    """Draw the weights; those nearer to 0 than the threshold are drawn as pruned.

    The counts are on a square-root scale, so that the tails are seen beside the middle.

    Args:
        histogram: The weights before pruning.
        threshold: Magnitude below which weights are pruned, at least 0.
        name: What the weights belong to.
        pruned: The pruned fraction in words, for example `"80.0 %"`.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    reach = float(histogram.edges[-1])
    bars = _bars(histogram, reach)
    cut = min(threshold, reach)
    left, right = _x(-cut, reach), _x(cut, reach)
    label = (
        f"Histogram of the weights of {name}, from {-reach:.2g} to {reach:.2g}. The "
        f"{pruned} with a magnitude below {threshold:.4g} are pruned."
    )
    return (
        f'<svg class="nncompress-histogram" role="img" width="{WIDTH}" '
        f'height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'aria-label="{html.escape(label)}">'
        f"{_legend()}{_count_axis(int(histogram.counts.max()))}"
        f"{_window(bars, 'kept', _LEFT, left)}{_window(bars, 'kept', right, _RIGHT)}"
        f"{_window(bars, 'pruned', left, right)}"
        f"{_threshold_lines(left, right, threshold, reach)}"
        f"{_weight_axis(reach, histogram.outside)}</svg>"
    )


def _window(bars: str, kind: str, left: float, right: float) -> str:
    """The part of the bars that lies between two places, in the colour of its kind."""
    width, height = right - left, _BOTTOM - _TOP
    if width <= 0:
        return ""
    return (
        f'<svg x="{left:.1f}" y="{_TOP}" width="{width:.1f}" height="{height}" '
        f'viewBox="{left:.1f} {_TOP} {width:.1f} {height}" preserveAspectRatio="none">'
        f'<path class="nncompress-{kind}" d="{bars}"/></svg>'
    )


def _threshold_lines(left: float, right: float, threshold: float, reach: float) -> str:
    if threshold <= 0:
        return ""
    beyond = " (beyond the picture)" if threshold > reach else ""
    lines = "".join(
        f'<line class="nncompress-threshold" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" '
        f'y2="{_BOTTOM}"/>'
        for x in (left, right)
    )
    middle = (_LEFT + _RIGHT) / 2
    words = f"|w| &lt; {threshold:.4g} becomes 0{beyond}"
    return f"{lines}{_text(middle, _TOP - 9, words, 'middle', 'nncompress-strong')}"


def _bars(histogram: Histogram, reach: float) -> str:
    """All bars as one path: two clipped copies of it are two colours."""
    tallest = max(int(histogram.counts.max()), 1)
    parts = []
    for (start, end), count in zip(
        pairwise(histogram.edges), histogram.counts, strict=True
    ):
        x, width = _x(start, reach), _x(end, reach) - _x(start, reach) - 0.6
        height = _height(int(count), tallest)
        parts.append(
            f"M{x:.1f} {_BOTTOM}v{-height:.1f}h{width:.1f}v{height:.1f}z"
            if count
            else ""
        )
    return "".join(parts)


def _count_axis(tallest: int) -> str:
    marks = []
    for count in _count_ticks(max(tallest, 1)):
        y = _BOTTOM - _height(count, max(tallest, 1))
        marks.append(
            f'<line class="nncompress-grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" '
            f'y2="{y:.1f}"/>{_text(_LEFT - 6, y + 3.5, f"{count:,}", "end")}'
        )
    return "".join(marks)


def _weight_axis(reach: float, outside: int) -> str:
    marks = [
        f'<line class="nncompress-axis" x1="{_LEFT}" x2="{_RIGHT}" y1="{_BOTTOM}" '
        f'y2="{_BOTTOM}"/>'
    ]
    step = round_step(reach / 2.2)
    for number in range(-math.floor(reach / step), math.floor(reach / step) + 1):
        x = _x(number * step, reach)
        marks.append(
            f'<line class="nncompress-axis" x1="{x:.1f}" x2="{x:.1f}" y1="{_BOTTOM}" '
            f'y2="{_BOTTOM + 4}"/>{_text(x, _BOTTOM + 16, f"{number * step:g}")}'
        )
    rest = f"; {outside:,} lie beyond ±{reach:.2g}" if outside else ""
    caption = f"weight before pruning{rest}"
    return "".join([*marks, _text((_LEFT + _RIGHT) / 2, _BOTTOM + 33, caption)])


def _legend() -> str:
    parts = [_text(4, _HEAD, "count (√ scale)", "start")]
    for x, kind in ((_RIGHT - 90, "kept"), (_RIGHT - 46, "pruned")):
        parts.append(
            f'<rect class="nncompress-{kind}" x="{x}" y="{_HEAD - 9}" width="9" '
            f'height="9"/>{_text(x + 12, _HEAD, kind, "start")}'
        )
    return "".join(parts)


def _count_ticks(tallest: int) -> list[int]:
    """0 and two or three round counts, spread evenly over the square-root scale."""
    wanted = [tallest * fraction**2 for fraction in (0.4, 0.7, 1.0)]
    rounded = sorted({_rounded_down(count) for count in wanted if count >= 1})
    ticks = [0]
    for count in rounded:
        if _height(count, tallest) - _height(ticks[-1], tallest) > _LINE:
            ticks.append(count)
    return ticks


def _rounded_down(number: float) -> int:
    size = 10 ** math.floor(math.log10(number))
    return int(number // size * size)


def round_step(longest: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is no longer than this."""
    size = 10.0 ** math.floor(math.log10(longest))
    return next(
        factor * size for factor in (5, 2, 1) if factor * size <= longest * 1.000001
    )


def _x(weight: float, reach: float) -> float:
    return _LEFT + (float(weight) + reach) / (2 * reach) * (_RIGHT - _LEFT)


def _height(count: int, tallest: int) -> float:
    return math.sqrt(count / tallest) * (_BOTTOM - _TOP - 4)


def _text(
    x: float, y: float, words: str, anchor: str = "middle", kind: str = ""
) -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'
