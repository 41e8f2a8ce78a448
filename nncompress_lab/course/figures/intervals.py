"""Means of a few runs with the interval that so few leave open."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

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

NEAR: Final = 0.1  # of the figure's width, half of what a number takes


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
    for place, runs in enumerate(groups.values()):
        axis.errorbar(
            float(np.mean(runs)),
            place,
            xerr=half_width(runs),
            fmt="o",
            color=BLUE,
            capsize=4,
            markersize=8,
        )
        axis.plot(runs, [place + 0.22] * len(runs), "|", color=GREY, markersize=7)
    axis.set_yticks(range(len(groups)), labels=list(groups))
    axis.set(ylim=(len(groups) - 0.4, -0.9), xlabel=xlabel)
    words = _write_means(axis, groups, level[1])
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
    finish(figure, title, alt="; ".join([f"{level[0]} {level[1]:.3f}", *words]))


def _write_means(
    axis: Any, groups: Mapping[str, Sequence[float]], level: float
) -> list[str]:
    """Write each mean above its point, aside where the line of the level would cross it."""
    left, right = axis.get_xlim()
    told = []
    for place, (name, runs) in enumerate(groups.items()):
        mean, aside = float(np.mean(runs)), "center"
        if abs(mean - level) < NEAR * (right - left):
            aside = "right" if mean < level else "left"
        words = f"{mean:.3f} ± {half_width(runs):.3f}"
        axis.annotate(
            words,
            (mean, place),
            xytext=(0, 8),
            textcoords="offset points",
            ha=aside,
            fontsize=9,
            color=TEXT,
        )
        told.append(f"{name} {words}")
    return told
