"""A histogram of weights with a threshold in it, as an SVG picture."""

from nncompress_lab.trials.arrays.magnitudes import Histogram
from nncompress_widgets.plot import LEFT, RIGHT, Plot, legend, line, picture, text

HEIGHT = 230
_TOP, _BOTTOM = 40, 190  # the plot inside the picture
_HEAD = 14  # where the legend stands, above the threshold's own line


def histogram_svg(
    histogram: Histogram, *, threshold: float, name: str, pruned: str
) -> str:
    """Draw the weights; those nearer to 0 than the threshold are drawn as pruned.

    Args:
        histogram: The weights before pruning.
        threshold: Magnitude below which weights are pruned, at least 0.
        name: What the weights belong to.
        pruned: The pruned fraction in words, for example `"80.0 %"`.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    plot = Plot.of(histogram, top=_TOP, bottom=_BOTTOM)
    reach = plot.high
    bars = plot.bars(histogram)
    cut = min(threshold, reach)
    left, right = plot.x(-cut), plot.x(cut)
    rest = (
        f"; {histogram.outside:,} lie beyond ±{reach:.2g}" if histogram.outside else ""
    )
    parts = [
        text(4, _HEAD, "count (√ scale)", "start"),
        legend([("kept", "kept"), ("pruned", "pruned")], _HEAD),
        plot.count_axis(),
        plot.window(bars, "kept", LEFT, left),
        plot.window(bars, "kept", right, RIGHT),
        plot.window(bars, "pruned", left, right),
        _threshold_lines(left, right, threshold, reach),
        plot.number_axis(f"weight before pruning{rest}"),
    ]
    label = (
        f"Histogram of the weights of {name}, from {-reach:.2g} to {reach:.2g}. The "
        f"{pruned} with a magnitude below {threshold:.4g} are pruned."
    )
    return picture(parts, height=HEIGHT, label=label)


def _threshold_lines(left: float, right: float, threshold: float, reach: float) -> str:
    if threshold <= 0:
        return ""
    beyond = " (beyond the picture)" if threshold > reach else ""
    lines = [line("threshold", x, x, _TOP - 6, _BOTTOM) for x in (left, right)]
    words = f"|w| < {threshold:.4g} becomes 0{beyond}"
    lines.append(text((LEFT + RIGHT) / 2, _TOP - 9, words, kind="strong"))
    return "".join(lines)
