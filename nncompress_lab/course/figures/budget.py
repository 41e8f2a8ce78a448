"""Points beside the corner that a budget leaves."""

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator

from nncompress_lab.course.figures.names import Point, write_names
from nncompress_lab.course.figures.style import (
    BLUE,
    COLORS,
    GREY,
    ORANGE,
    TEXT,
    finish,
    new_figure,
)

_LOOKS: Final = {
    "original": ("o", GREY, 45),
    "measured before": ("s", BLUE, 35),
    "from the docs": ("^", GREY, 45),
    "your table, validation": (".", COLORS[3], 45),
}
_OWN: Final = ("*", ORANGE, 190)
_BELOW: Final = 0.06  # the limit: what is worse than that stands at the lower edge


def budget(
    title: str,
    groups: Mapping[str, Sequence[Point]],
    *,
    limit: tuple[float, float],
    xlabel: str,
    ylabel: str,
) -> None:
    """Named points over a log scale, and the corner in which a budget is met.

    Args:
        title: What to see.
        groups: By name of the group, points `(x, y, name)`; an empty name is not written.
        limit: The largest x and the smallest y that meet the budget.
        xlabel: Below the axis; x is above 0.
        ylabel: Beside the axis; y is a fraction.
    """
    figure, (axis,) = new_figure(size=(7.8, 4.4))
    alt = [f"the corner is below {limit[0]:.3g} and above {limit[1]:.3g}"]
    floor = limit[1] - _BELOW
    drawn: list[tuple[Point, str]] = []
    for name, group in groups.items():
        marker, color, area = _LOOKS.get(name, _OWN)
        alt += [f"{text or name} {y:.3f} at {x:.3g}" for x, y, text in group]
        shown = [_at_the_edge(point, floor) for point in group]
        across, up, _ = zip(*shown, strict=True)
        axis.scatter(
            across, up, s=area, marker=marker, color=color, label=name, zorder=2
        )
        drawn += [(point, color) for point in shown]
    axis.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    axis.margins(x=0.16, y=0.14)
    (left, _), (_, top) = axis.get_xlim(), axis.get_ylim()
    size = limit[0] - left, top - limit[1]
    axis.add_patch(Rectangle((left, limit[1]), *size, color=ORANGE, alpha=0.15))
    axis.set(xlim=axis.get_xlim(), ylim=axis.get_ylim())
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=5,
        columnspacing=1.2,
        fontsize=9,
        labelcolor=TEXT,
        frameon=False,
    )
    figure.tight_layout()
    write_names(axis, drawn)
    finish(figure, title, alt=", ".join(alt))


def _at_the_edge(point: Point, floor: float) -> Point:
    x, y, name = point
    return (x, floor, f"{name} ({100 * y:.0f} %)") if y < floor else point
