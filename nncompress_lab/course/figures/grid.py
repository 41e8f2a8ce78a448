"""A table of numbers in colour, with some cells marked."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np

from nncompress_lab.course.figures.style import BLUE, TEXT, Array, finish, new_figure

_DARK = 0.6  # of the scale: from here on a cell's number is white


def grid(
    title: str,
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    unit: str,
    marked: Sequence[int] = (),
) -> None:
    """A colour for each number, on a logarithmic scale, and the number in its cell.

    Args:
        title: What to see.
        values: Shape `(rows, columns)`, at least 0.
        rows: A name for each.
        columns: Likewise.
        unit: What the numbers are.
        marked: For each row a column with a frame around its cell; none without it.
    """
    size = (1.8 + 0.85 * len(columns), 1.3 + 0.42 * len(rows))
    figure, (axis,) = new_figure(size=size)
    top = float(values.max())
    least = float(values[values > 0].min(initial=top))
    low = max(least, 1e-4 * top)
    scale = mpl.colors.LogNorm(low, top)
    shown = np.maximum(values, low)
    axis.imshow(shown, cmap="Oranges", norm=scale, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = scale(shown[row, column]) > _DARK
        color = "white" if dark else "black"
        axis.text(column, row, f"{value:.2g}", ha="center", va="center", color=color)
    for row, column in enumerate(marked):
        frame = mpl.patches.Rectangle((column - 0.47, row - 0.47), 0.94, 0.94)
        frame.set(fill=False, edgecolor=BLUE, linewidth=3.5)
        axis.add_patch(frame)
    axis.set_xticks(range(len(columns)), labels=columns)
    axis.set_yticks(range(len(rows)), labels=rows)
    axis.tick_params(length=0)
    axis.set_xlabel(unit, color=TEXT)
    for spine in axis.spines.values():
        spine.set_visible(False)
    each = [_said(*row, columns) for row in zip(rows, values, strict=True)]
    chosen = [f"{rows[row]} {columns[column]}" for row, column in enumerate(marked)]
    alt = "; ".join(each) + (f"; marked: {', '.join(chosen)}" if chosen else "")
    finish(figure, title, alt=f"{alt} ({unit})")


def _said(name: str, values: Array, columns: Sequence[str]) -> str:
    pairs = zip(columns, values, strict=True)
    return f"{name}: {', '.join(f'{column} {value:.2g}' for column, value in pairs)}"
