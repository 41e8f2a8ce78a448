"""Pictures of codebooks: their cells, the rounds of k-means, and how often codes occur."""

from collections.abc import Mapping, Sequence

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

BINS = 160


def cells(title: str, rows: Mapping[str, tuple[Array, Array]]) -> None:
    """Histograms of weights below each other, with values and the cell of each value.

    Args:
        title: What to see.
        rows: By name, the weights and the values in ascending order.
    """
    figure, axes = new_figure(len(rows), 1, size=(7.6, 1.9 * len(rows) + 0.7))
    low = min(weights.min() for weights, _ in rows.values())
    high = max(weights.max() for weights, _ in rows.values())
    edges = [float(edge) for edge in np.linspace(low, high, BINS + 1)]
    alt = []
    for axis, (name, (weights, table)) in zip(axes, rows.items(), strict=True):
        axis.hist(np.ravel(weights), bins=edges, color=GREY)
        _shade(axis, table, low, high)
        axis.set(xlim=(low, high), ylabel="weights", title=name)
        alt.append(f"{name}: {', '.join(f'{value:.2g}' for value in table)}")
    axes[-1].set_xlabel(
        "weight; triangles are the values, stripes, blue and white, their cells"
    )
    finish(figure, title, alt="; ".join(alt))


def _shade(axis: Axes, table: Array, low: float, high: float) -> None:
    bounds = [low, *((table[1:] + table[:-1]) / 2), high]
    for left, right in zip(bounds[0::2], bounds[1::2], strict=False):
        axis.axvspan(left, right, color=BLUE, alpha=0.18, linewidth=0)
    top = axis.get_ylim()[1]
    axis.plot(table, np.full(len(table), 0.04 * top), "^", color=ORANGE, clip_on=False)


def rounds(title: str, tables: Sequence[Array], errors: Sequence[float]) -> None:
    """How the values of a table move from round to round, and what error is left.

    Args:
        title: What to see.
        tables: Before the first round and after each.
        errors: Of the same tables.
    """
    figure, (left, right) = new_figure(1, 2, size=(8.4, 3.4))
    left.plot(np.stack(tables), color=BLUE, linewidth=1.3)
    left.set(xlabel="round", ylabel="weight", title="the values")
    right.plot(errors, color=ORANGE, marker="o", markersize=4)
    right.set(xlabel="round", ylim=(0, 1.1 * max(errors)))
    right.set_title("root mean squared error")
    alt = f"{errors[0]:.4f} before, {errors[-1]:.4f} after {len(errors) - 1} rounds"
    finish(figure, title, alt=f"Error {alt}")


def code_counts(title: str, rows: Mapping[str, Array]) -> None:
    """How often each code occurs, and above it the bits that it needs at least.

    Args:
        title: What to see.
        rows: By name, the number of times that each code occurs.
    """
    figure, axes = new_figure(len(rows), 1, size=(7.6, 2.2 * len(rows) + 0.6))
    alt = []
    for axis, (name, counts) in zip(axes, rows.items(), strict=True):
        shares = counts / counts.sum()
        drawn = axis.bar(range(len(counts)), 100 * shares, color=BLUE)
        bits = [f"{-np.log2(share):.1f}" if share else "" for share in shares]
        axis.bar_label(drawn, bits, padding=2, fontsize=9, color=TEXT)
        axis.set(ylabel="share in %", title=name)
        axis.set_xticks(range(len(counts)))
        axis.margins(y=0.18)
        alt.append(f"{name}: {', '.join(f'{share:.1%}' for share in shares)}")
    axes[-1].set_xlabel("code; above each bar the bits that one such code needs")
    finish(figure, title, alt="; ".join(alt))


def rates(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Error over bits a weight; every other line is dashed.

    Args:
        title: What to see.
        lines: By name, points `(bits, error)`.
    """
    figure, (axis,) = new_figure(size=(7.2, 3.8))
    alt = []
    for number, (name, points) in enumerate(lines.items()):
        bits, errors = zip(*points, strict=True)
        axis.plot(
            bits,
            errors,
            "--" if number % 2 else "-",
            marker="os^D"[number % 4],
            color=COLORS[number // 2 % len(COLORS)],
            label=name,
        )
        alt.append(f"{name}: {', '.join(f'{e:.3g} at {b:.2f}' for b, e in points)}")
    axis.set(yscale="log", xlabel="bits a weight", ylabel="root mean squared error")
    axis.legend(fontsize=9, labelcolor=TEXT, frameon=False)
    finish(figure, title, alt="; ".join(alt))
