"""Charts of the lessons: images, matrices, bars, dots, curves."""

from collections.abc import Collection, Mapping, Sequence
from itertools import starmap

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

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

_THOUSAND = 1000
_LETTERS = 7  # of a name above a column of a matrix


def images(
    title: str,
    pixels: Array,
    names: Sequence[str],
    *,
    framed: Collection[int] = (),
    darkest: float | None = None,
) -> None:
    """Grey images in a row, with a name below each.

    Args:
        title: What to see.
        pixels: Shape `(count, rows, columns)`.
        names: Below the images.
        framed: The places of images to point at.
        darkest: What is black in all of them, and 0 white; each by itself without it.
    """
    lines = 1 + max(name.count("\n") for name in names)
    figure, axes = new_figure(
        1, len(pixels), size=(1.4 * len(pixels), 1.8 + 0.2 * lines)
    )
    white = None if darkest is None else 0.0
    for place, axis in enumerate(axes):
        axis.imshow(pixels[place], cmap="gray_r", vmin=white, vmax=darkest)
        axis.set(xticks=[], yticks=[])
        axis.set_xlabel(names[place])
        if place in framed:
            axis.xaxis.label.set(color=ORANGE, weight="bold")
            for spine in axis.spines.values():
                spine.set(color=ORANGE, linewidth=3, visible=True)
    finish(figure, title, alt=f"Images: {', '.join(names)}".replace("\n", " "))


def matrices(title: str, *, reach: float = 1.3, **arrays: Array) -> None:
    """Small matrices beside each other, each number in its cell, all cells of one size.

    Args:
        title: What to see.
        reach: The magnitude of the strongest colour.
        arrays: By name; an underscore is shown as a space.
    """
    rows = max(len(array) for array in arrays.values())
    widths = [
        max(array.shape[1], len(name) / _LETTERS) for name, array in arrays.items()
    ]
    figure, axes = new_figure(
        1,
        len(arrays),
        size=(0.75 * sum(widths) + 1, min(1 + 0.55 * rows, 2.9)),
        widths=widths,
    )
    for axis, width, (name, array) in zip(axes, widths, arrays.items(), strict=True):
        axis.imshow(array, cmap="PuOr", vmin=-reach, vmax=reach, aspect="auto")
        middle = (array.shape[1] - 1) / 2
        axis.set(xlim=(middle - width / 2, middle + width / 2), ylim=(rows - 0.5, -0.5))
        axis.set(title=name.replace("_", " "), xticks=[], yticks=[], frame_on=False)
        for (row, column), value in np.ndenumerate(array):
            color = "white" if abs(value) > 0.55 * reach else "black"
            text = f"{value + 0.0:.2g}"
            axis.text(column, row, text, ha="center", va="center", color=color)
    finish(figure, title, alt="; ".join(starmap(_rows, arrays.items())))


def bars(
    title: str, values: Mapping[str, float], unit: str, *, marked: Collection[str] = ()
) -> None:
    """Horizontal bars with their numbers; the marked ones in the other colour."""
    figure, (axis,) = new_figure(size=(8, 0.8 + 0.45 * len(values)))
    colors = [ORANGE if name in marked else BLUE for name in values]
    _horizontal(axis, values, colors)
    axis.set_xlabel(unit)
    finish(figure, title, alt=f"{_listed(values)} ({unit})")


def panels(
    title: str, groups: Mapping[str, Mapping[str, float]], *, one_scale: bool = False
) -> None:
    """Several groups of horizontal bars beside each other, for the same names.

    Args:
        title: What to see.
        groups: By their headings, numbers by name.
        one_scale: Whether equal lengths are equal numbers in all groups.
    """
    figure, axes = new_figure(
        1, len(groups), size=(3.2 * len(groups), 2.6), sharey=True, sharex=one_scale
    )
    for axis, (heading, values) in zip(axes, groups.items(), strict=True):
        _horizontal(axis, values, list(COLORS[: len(values)]))
        axis.set_title(heading)
    finish(
        figure,
        title,
        alt="; ".join(f"{name}: {_listed(values)}" for name, values in groups.items()),
    )


def shares(title: str, groups: Mapping[str, Mapping[str, float]]) -> None:
    """What part of several totals each name holds, as upright bars in percent."""
    figure, (axis,) = new_figure(size=(7.2, 3))
    alt = []
    for number, (label, values) in enumerate(groups.items()):
        total = sum(values.values())
        percents = {name: 100 * value / total for name, value in values.items()}
        places = np.arange(len(values)) + 0.4 * number - 0.2
        drawn = axis.bar(
            places, list(percents.values()), 0.38, color=COLORS[number], label=label
        )
        axis.bar_label(drawn, fmt="%.1f %%", padding=2, fontsize=9, color=TEXT)
        axis.set_xticks(np.arange(len(values)), labels=list(values))
        alt.append(f"{label}: {_listed(percents)}")
    axis.set(ylim=(0, 110), ylabel="share in %")
    axis.legend(labelcolor=TEXT, frameon=False)
    finish(figure, title, alt="; ".join(alt))


def times(title: str, microseconds: Array) -> None:
    """A histogram of many timings of one thing, in multiples of the fastest."""
    figure, (axis,) = new_figure(size=(7.6, 2.9))
    fastest, mean = microseconds.min(), microseconds.mean()
    multiples = microseconds / fastest
    top = max(2.0, float(multiples.max()))
    axis.hist(
        multiples, bins=[float(edge) for edge in np.geomspace(1, top, 61)], color=GREY
    )
    axis.axvline(1, color=BLUE, label=f"fastest: {fastest:.1f} microseconds")
    axis.axvline(
        mean / fastest, color=ORANGE, ls="--", label=f"mean: {mean:.1f} microseconds"
    )
    axis.set(xscale="log", yscale="log", ylim=(0.7, None))
    axis.set(xlabel="time of a run, in multiples of the fastest (log scale)")
    axis.set(ylabel="runs (log scale)")
    ticks = [tick for tick in (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100) if tick <= top]
    axis.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.legend(labelcolor=TEXT, frameon=False)
    finish(figure, title, alt=f"fastest {fastest:.1f}, mean {mean:.1f} microseconds")


def dots(
    title: str, rows: Mapping[str, Array], xlabel: str, *, truth: tuple[str, float]
) -> None:
    """Repeated measurements as dots, a row for each way to measure.

    Args:
        title: What to see.
        rows: By the way to measure, what it said.
        xlabel: Below the axis.
        truth: The name and the place of a dotted line: what each should have said.
    """
    figure, (axis,) = new_figure(size=(7.6, 2.6))
    axis.axvline(truth[1], color=GREY, linestyle=":")
    axis.annotate(
        f"{truth[0]}: {truth[1]:g}",
        (truth[1], len(rows) - 0.4),
        (5, -10),
        textcoords="offset points",
        fontsize=9,
        color=TEXT,
    )
    for place, (values, marker) in enumerate(zip(rows.values(), "^osD", strict=False)):
        axis.plot(
            values,
            np.full(len(values), len(rows) - 1 - place),
            marker,
            color=COLORS[1 - place % 2],
            alpha=0.7,
        )
    axis.set_yticks(range(len(rows)), labels=list(rows)[::-1])
    axis.set(ylim=(-0.6, len(rows) - 0.4), xlabel=xlabel)
    spans = {
        name: f"{values.min():.2f} to {values.max():.2f}"
        for name, values in rows.items()
    }
    told = [f"{truth[0]} {truth[1]:g}", *(f"{n} {span}" for n, span in spans.items())]
    finish(figure, title, alt="; ".join(told))


def curves(
    title: str,
    lines: Mapping[str, Sequence[float]],
    at: Sequence[float],
    *,
    xlabel: str,
    ylabel: str,
    level: tuple[str, float],
) -> None:
    """Curves over the same places, with a dotted line at a level to compare with."""
    figure, (axis,) = new_figure(size=(7.2, 3.6))
    for (name, values), marker, color in zip(
        lines.items(), "os^D", COLORS, strict=False
    ):
        axis.plot(at, values, marker=marker, color=color, label=name)
    axis.axhline(level[1], color=GREY, linestyle=":", label=level[0])
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, 1))
    axis.legend(loc="best", fontsize=9, labelcolor=TEXT, frameon=False)
    ends = {name: f"{values[-1]:.2f} at {at[-1]:g}" for name, values in lines.items()}
    told = [f"{name}: {end}" for name, end in ends.items()]
    finish(figure, title, alt="; ".join([f"{level[0]}: {level[1]:.2f}", *told]))


def sliding_kernel(title: str, *, image: int, kernel: int) -> None:
    """A kernel at the first and the last place of a square image, and the output."""
    places = image - kernel + 1
    figure, (left, right) = new_figure(1, 2, size=(7.2, 3.4))
    for corner, style in ((0, "-"), (places - 1, "--")):
        window = mpl.patches.Rectangle(
            (corner - 0.42, corner - 0.42), kernel - 0.16, kernel - 0.16
        )
        window.set(fill=False, color=ORANGE, linewidth=3, linestyle=style)
        left.add_patch(window)
    left.set_title(
        f"image, {image} x {image}, and the kernel,\nat its first and last place"
    )
    for row, column in np.ndindex(places, places):
        right.text(
            column, row, f"{kernel**2} MACs", ha="center", va="center", color=TEXT
        )
    right.set_title(f"output, {places} x {places}")
    for axis, size in ((left, image), (right, places)):
        axis.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
        axis.set_xticks(np.arange(size + 1) - 0.5, labels=[])
        axis.set_yticks(np.arange(size + 1) - 0.5, labels=[])
        axis.grid(color=GREY)
        axis.tick_params(length=0)
    finish(figure, title, alt=f"the kernel has {places} x {places} places")


def _horizontal(axis: Axes, values: Mapping[str, float], colors: list[str]) -> None:
    drawn = axis.barh(list(values), list(values.values()), color=colors)
    axis.bar_label(drawn, fmt=_short, padding=3, fontsize=9, color=TEXT)
    axis.margins(x=0.2)
    if not axis.yaxis_inverted():
        axis.invert_yaxis()


def _rows(name: str, array: Array) -> str:
    rows = (" ".join(f"{value + 0.0:.2g}" for value in row) for row in array)
    return f"{name}: {', '.join(rows)}"


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in values.items())


def _short(value: float) -> str:
    """Three digits, but no power of ten for a number of things."""
    return f"{value:,.0f}" if abs(value) >= _THOUSAND else f"{value:.3g}"
