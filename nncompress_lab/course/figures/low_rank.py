"""Pictures of lesson 07: two thin matrices to scale, and spectra."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np

from nncompress_lab.course.figures.style import (
    BLUE,
    COLORS,
    GREY,
    ORANGE,
    TEXT,
    Array,
    finish,
    new_figure,
)


def thin(title: str, rows: int, columns: int, ranks: Sequence[int]) -> None:
    """A matrix and its two factors as rectangles, to one scale, for each rank.

    Args:
        title: What to see.
        rows: Of the matrix.
        columns: Of the matrix.
        ranks: The factors of a rank that holds no fewer weights are in the other colour.
    """
    figure, axes = new_figure(
        1, 1 + len(ranks), size=(2.0 * (1 + len(ranks)), 2.6), sharey=True
    )
    gap, alt = 0.12 * rows, []
    widest = max(ranks) + gap + columns
    boxes: list[tuple[str, str, list[tuple[float, int, int]]]] = [
        (f"{rows} x {columns}", GREY, [(0.0, rows, columns)])
    ]
    for rank in ranks:
        smaller = rank * (rows + columns) < rows * columns
        pair: list[tuple[float, int, int]] = [
            (0.0, rows, rank),
            (rank + gap, rank, columns),
        ]
        boxes.append((f"rank {rank}", BLUE if smaller else ORANGE, pair))
    for axis, (name, color, sides) in zip(axes, boxes, strict=True):
        weights = sum(height * width for _, height, width in sides)
        for x, height, width in sides:
            axis.add_patch(mpl.patches.Rectangle((x, 0), width, height, color=color))
        axis.set(xlim=(0, widest), ylim=(rows, 0), aspect="equal")
        axis.set_title(f"{name}\n{weights:,.0f} weights")
        axis.set_axis_off()
        alt.append(f"{name}: {weights:,.0f} weights")
    finish(figure, title, alt="; ".join(alt))


def spectra(title: str, values: Mapping[str, Array]) -> None:
    """Singular values over the largest one, on a log axis, over the part of the rank.

    Args:
        title: What to see.
        values: By name, descending.
    """
    figure, (axis,) = new_figure(size=(7.2, 3.2))
    alt = []
    for (name, one), color in zip(values.items(), COLORS, strict=False):
        places = np.arange(1, len(one) + 1) / len(one)
        axis.plot(places, one / one[0], color=color, label=f"{name}, {len(one)} values")
        middle = one[len(one) // 2] / one[0]
        alt.append(f"{name}: the middle one is {middle:.2f} of the largest")
    axis.set(yscale="log", xlabel="place, as a part of all")
    axis.set(ylabel="singular value, over the largest")
    axis.legend(labelcolor=TEXT, frameon=False)
    finish(figure, title, alt="; ".join(alt))
