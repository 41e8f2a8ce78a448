"""Means of a few runs with the interval that so few leave open."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from nncompress_lab.course.figures.style import (
    BLUE,
    GREY,
    TEXT,
    finish,
    new_figure,
)

# How many standard errors hold the mean 95 times in 100, by the number of runs: the
# quantiles of Student's t distribution, for which few runs are far fewer than they seem.
T95: Final = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}


def half_width(runs: Sequence[float]) -> float:
    """Half the width of the 95 % interval of a mean.

    Args:
        runs: 2 to 8 results that differ in their random numbers.

    Example:
        >>> round(half_width([0.90, 0.91, 0.92]), 4)
        0.0248
    """
    return T95[len(runs)] * float(np.std(runs, ddof=1)) / float(np.sqrt(len(runs)))


def intervals(
    title: str,
    groups: Mapping[str, Sequence[float]],
    xlabel: str,
    *,
    level: tuple[str, float],
) -> None:
    """The mean of each group with its 95 % interval, and its runs as dots.

    Args:
        title: What to see.
        groups: By name the results of 2 to 8 runs.
        xlabel: What they are.
        level: A name and a value to compare with, as a dotted line.
    """
    figure, (axis,) = new_figure(size=(7.6, 1.2 + 0.5 * len(groups)))
    axis.axvline(level[1], color=GREY, linestyle=":")
    alt = [f"{level[0]} {level[1]:.3f}"]
    for place, (name, runs) in enumerate(groups.items()):
        mean, half = float(np.mean(runs)), half_width(runs)
        axis.errorbar(
            mean, place, xerr=half, fmt="o", color=BLUE, capsize=4, markersize=8
        )
        axis.plot(runs, [place + 0.22] * len(runs), "|", color=GREY, markersize=7)
        axis.annotate(
            f"{mean:.3f} ± {half:.3f}",
            (mean, place),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=TEXT,
        )
        alt.append(f"{name} {mean:.3f} ± {half:.3f}")
    axis.set_yticks(range(len(groups)), labels=list(groups))
    axis.set(ylim=(len(groups) - 0.4, -0.9), xlabel=xlabel)
    is_right = level[1] > sum(axis.get_xlim()) / 2
    axis.annotate(
        level[0],
        (level[1], -0.9),
        xytext=(-4 if is_right else 4, -2),
        textcoords="offset points",
        ha="right" if is_right else "left",
        va="top",
        fontsize=9,
        color=TEXT,
    )
    finish(figure, title, alt="; ".join(alt))
