"""The style of the lessons' pictures: transparent, legible on light and dark."""

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nncompress_lab.course.kernel import show

BLUE, ORANGE, GREY, TEXT = "#3f83bf", "#d9730d", "#999999", "#7f7f7f"
COLORS = (BLUE, ORANGE, GREY, "#7a68b3")
STYLE: Any = {
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "figure.titlesize": 12,
    "axes.titlesize": 11,
}
Array = npt.NDArray[Any]


class Picture:
    """A drawn figure with its alt text."""

    def __init__(self, figure: Figure, alt: str) -> None:
        drawn = BytesIO()
        figure.savefig(drawn, dpi=110, transparent=True)
        self._png = base64.b64encode(drawn.getvalue()).decode("ascii")
        self.alt = alt

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        image = (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{self._png}">'
        )
        bundle = {"text/html": image, "image/png": self._png, "text/plain": self.alt}
        return bundle, {"image/png": {"alt": self.alt}}


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    size: tuple[float, float],
    sharex: bool = False,
    sharey: bool = False,
    widths: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """A figure in the style of the course, and its axes row by row.

    Args:
        rows: Of axes.
        columns: Of axes.
        size: Width and height, in inches.
        sharex: Whether all have one x axis.
        sharey: Whether all have one y axis.
        widths: How wide the columns are, relatively; None for equally wide ones.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size)
        grid = figure.subplots(
            rows,
            columns,
            squeeze=False,
            sharex=sharex,
            sharey=sharey,
            width_ratios=widths,
        )
    return figure, list(grid.flat)


def finish(figure: Figure, title: str, alt: str) -> None:
    """Give the figure its title and show it with its alt text."""
    figure.suptitle(title, color=TEXT)
    figure.tight_layout()
    show(Picture(figure, f"{title}. {alt}."))
