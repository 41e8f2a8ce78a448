"""The picture of the results table."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import LogLocator

from nncompress_lab.course.figures.names import Point, write_names
from nncompress_lab.course.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    TEXT,
    finish,
    new_figure,
)


def points(
    title: str,
    groups: Mapping[str, Sequence[Point]],
    *,
    xlabel: str,
    ylabel: str,
) -> None:
    """Named points, each group in its colour, over a log scale.

    Args:
        title: What to see.
        groups: By name of the group, points `(x, y, name)`.
        xlabel: Below the axis; x is above 0.
        ylabel: Beside the axis; y is a fraction.
    """
    figure, (axis,) = new_figure(size=(7.6, 4))
    looks = {"original": ("o", GREY), "earlier lessons": ("s", BLUE)}
    alt: list[str] = []
    drawn: list[tuple[Point, str]] = []
    for name, group in groups.items():
        marker, color = looks.get(name, ("D", ORANGE))
        across, up, _ = zip(*group, strict=True)
        axis.scatter(across, up, marker=marker, color=color, label=name, zorder=2)
        drawn += [(point, color) for point in group]
        alt += [f"{text} {y:.3f} at {x:.3g}" for x, y, text in group]
    axis.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    axis.margins(x=0.15, y=0.1)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.legend(loc="lower right", fontsize=9, labelcolor=TEXT, frameon=False)
    figure.tight_layout()
    write_names(axis, drawn)
    finish(figure, title, alt=", ".join(alt))
