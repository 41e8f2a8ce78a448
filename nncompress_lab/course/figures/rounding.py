"""Pictures of rounding: a staircase, and the levels below a histogram of weights."""

from collections.abc import Mapping

import numpy as np

from nncompress_lab.course.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    TEXT,
    Array,
    finish,
    new_figure,
)

BINS = 160


def staircase(title: str, weights: Array, levels: Array) -> None:
    """Weights, the nearest of the levels, and the error between the two below.

    Args:
        title: What to see.
        weights: A few numbers.
        levels: What they are rounded to, in ascending order.
    """
    figure, (upper, lower) = new_figure(2, 1, size=(7.2, 4.4))
    reach = max(np.abs(weights).max(), np.abs(levels).max()) * 1.08
    line = np.linspace(-reach, reach, 2001)
    stairs, rounded = (_nearest(values, levels) for values in (line, weights))
    upper.plot(line, line, color=GREY, linestyle=":", label="unchanged")
    upper.plot(line, stairs, color=BLUE, label=f"{len(levels)} levels")
    upper.plot(weights, rounded, "o", color=ORANGE, label="the weights")
    upper.set(ylabel="becomes", xticklabels=[])
    upper.legend(fontsize=9, labelcolor=TEXT, frameon=False)
    lower.plot(line, stairs - line, color=BLUE)
    lower.axhline(0, color=GREY, linestyle=":")
    lower.vlines(weights, 0, rounded - weights, color=ORANGE, linewidth=2)
    lower.plot(weights, rounded - weights, "o", color=ORANGE)
    lower.set(xlabel="weight", ylabel="error")
    for axis in (upper, lower):
        axis.set_xlim(-reach, reach)
    pairs = zip(weights, rounded, strict=True)
    finish(figure, title, alt=", ".join(f"{a:.3g} becomes {b:.3g}" for a, b in pairs))


def levels(
    title: str, rows: Mapping[str, tuple[Array, Array]], *, what: str = "weights"
) -> None:
    """Histograms of numbers below each other, with the levels that they are rounded to.

    Args:
        title: What to see.
        rows: By name, the numbers and their levels.
        what: What the numbers are.
    """
    figure, axes = new_figure(len(rows), 1, size=(7.6, 1.8 * len(rows) + 0.7))
    reach = 1.04 * max(np.abs(pair[k]).max() for pair in rows.values() for k in (0, 1))
    edges = np.linspace(-reach, reach, BINS + 1)
    alt = []
    for axis, (name, (numbers, values)) in zip(axes, rows.items(), strict=True):
        axis.hist(np.ravel(numbers), bins=[float(edge) for edge in edges], color=GREY)
        for value in np.unique(values):
            axis.axvline(float(value), color=BLUE, linewidth=1)
        used = np.unique(_nearest(np.ravel(numbers), np.unique(values)))
        axis.set(yscale="log", xlim=(-reach, reach), ylabel=what)
        axis.set_title(f"{name}: {len(used)} of {len(np.unique(values))} levels used")
        alt.append(f"{name}: {len(used)} of {len(np.unique(values))} levels used")
    axes[-1].set_xlabel("value, and the levels as lines")
    finish(figure, title, alt="; ".join(alt))


def _nearest(values: Array, levels: Array) -> Array:
    places = np.searchsorted((levels[1:] + levels[:-1]) / 2, values)
    nearest: Array = levels[places]
    return nearest
