"""A matrix cut at a rank, as a picture: spectrum, what is left, and two thin factors."""

import math

import numpy as np

from nncompress_lab.trials.figures import number, percent
from nncompress_lab.trials.low_rank import Cut, Floats
from nncompress_widgets.heat import Matrix, heat, thinned
from nncompress_widgets.plot import LEFT, RIGHT, WIDTH, legend, line, picture, text

HEIGHT = 416
_TOP, _BOTTOM = 44, 128  # of the spectrum
_SHEETS, _SHEET = 184, 96  # where the matrices begin, and how tall they are
_SCALE_TOP, _SCALE = 330, 72  # of the factors: the longest side of the matrix
_LOWEST = -4  # the power of ten, of the largest singular value, where the axis ends
_FULL_COLOUR = 0.995  # of the weights are weaker than the strongest colour


def low_rank_svg(cut: Cut, *, name: str) -> str:
    """Draw what a layer is and what becomes of it at a rank.

    Above are the singular values with the cut, in the middle the matrix, what the factors
    multiply to and what that drops, all in the same colours, and below the factors beside
    the matrix, to scale.

    Args:
        cut: Of the layer's matrix.
        name: Of the layer.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    kept = percent(float(cut.energies[cut.factors.rank - 1]))
    rank, full = cut.factors.rank, len(cut.energies)
    note = f"rank {rank:,} of {full:,} keeps {kept} of the energy"
    label = (
        f"The singular values of {name}: {note}. The weights are off by "
        f"{percent(cut.weight_error)}, {_outputs(cut)}. {_verdict(cut)}."
    )
    parts = [
        text(4, 14, f"Singular values of {name} (log scale)", "start"),
        legend([("kept", "kept"), ("pruned", "dropped")], 14),
        text((LEFT + RIGHT) / 2, 32, note, kind="strong"),
        *_spectrum(cut),
        *_sheets(cut),
        *_to_scale(cut),
    ]
    return picture(parts, height=HEIGHT, label=label)


def _spectrum(cut: Cut) -> list[str]:
    values, rank = cut.singular_values, cut.factors.rank
    width, lowest = (RIGHT - LEFT) / len(values), _lowest_power(values)

    def x(place: float) -> float:
        return LEFT + place * width

    def y(value: float) -> float:
        power = max(math.log10(value), lowest) if value > 0 else lowest
        return _TOP + power / lowest * (_BOTTOM - _TOP)

    parts = []
    for power in range(0, lowest - 1, -1):
        parts.append(line("grid", LEFT, RIGHT, y(10.0**power), y(10.0**power)))
        parts.append(text(LEFT - 6, y(10.0**power) + 3.5, f"{10.0**power:g}", "end"))
    for kind, first, last in (("kept", 0, rank), ("pruned", rank, len(values))):
        bars = [
            f"M{x(place):.1f} {_BOTTOM}V{y(values[place]):.1f}H{x(place + 1):.1f}"
            f"V{_BOTTOM}z"
            for place in range(first, last)
        ]
        if bars:
            parts.append(f'<path class="nncompress-{kind}" d="{"".join(bars)}"/>')
    parts.append(line("threshold", x(rank), x(rank), _TOP - 6, _BOTTOM + 4))
    parts.append(line("axis", LEFT, RIGHT, _BOTTOM, _BOTTOM))
    ends = sorted({1, len(values)})
    parts += [text(x(place - 0.5), _BOTTOM + 15, f"{place:,}") for place in ends]
    even = x(cut.break_even)
    parts.append(line("bracket", even, even, _BOTTOM - 5, _BOTTOM + 19))
    words = f"break-even: {cut.break_even:,}"
    anchor = "middle" if LEFT + 60 < even < RIGHT - 60 else "end"
    parts.append(text(max(even, LEFT + 90), _BOTTOM + 31, words, anchor))
    return parts


def _lowest_power(values: Floats) -> int:
    """Where the log axis begins: a power of ten below the values, if they are not tiny."""
    least = float(values[values > 0].min(initial=1.0))
    return max(min(math.floor(math.log10(least)), -1), _LOWEST)


def _sheets(cut: Cut) -> list[str]:
    """The matrix, the product and the difference as images, in one row."""
    kernel, product = thinned(cut.matrix), thinned(cut.product)
    reach = float(np.quantile(np.abs(kernel), _FULL_COLOUR))
    rows, columns = cut.matrix.shape
    sheets: dict[str, Matrix] = {
        f"kernel, {rows:,} x {columns:,}": kernel,
        "left x right": product,
        "dropped": kernel - product,
    }
    width, gap, parts = 136, 14, []
    for place, (title, matrix) in enumerate(sheets.items()):
        x = 2 + place * (width + gap)
        parts.append(text(x + width / 2, _SHEETS - 8, title, kind="strong"))
        parts.append(
            f'<rect class="nncompress-frame" x="{x}" y="{_SHEETS}" width="{width}" '
            f'height="{_SHEET}"/>'
        )
        parts.append(heat(matrix, (x, _SHEETS, width, _SHEET), reach=reach))
    words = f"off by {percent(cut.weight_error)} in the weights, {_outputs(cut)}"
    parts.append(text(WIDTH / 2, _SHEETS + _SHEET + 17, words, kind="strong"))
    return parts


def _to_scale(cut: Cut) -> list[str]:
    """The matrix and its two factors as rectangles, drawn to one scale."""
    rows, columns = cut.matrix.shape
    rank = cut.factors.rank
    unit = _SCALE / max(rows, columns)
    larger = rank > cut.break_even
    kind, x, parts = "clipped" if larger else "kept", 2.0, []
    for one, height, width in (
        ("pruned", rows, columns),
        (kind, rows, rank),
        (kind, rank, columns),
    ):
        parts.append(
            f'<rect class="nncompress-{one}" x="{x:.1f}" y="{_SCALE_TOP}" '
            f'width="{max(unit * width, 1):.1f}" height="{max(unit * height, 1):.1f}"/>'
        )
        x += unit * width + (22 if one == "pruned" else 8)
    x = max(x + 14, 210)
    lines = (
        f"before: {rows:,} x {columns:,} = {number(rows * columns)} weights",
        f"two thin: {rank:,} x ({rows:,} + {columns:,}) = "
        f"{number(rank * (rows + columns))}",
    )
    for place, words in enumerate(lines):
        parts.append(text(x, _SCALE_TOP + 14 + 18 * place, words, "start"))
    parts.append(text(x, _SCALE_TOP + 50, _verdict(cut), "start", "strong"))
    return parts


def _outputs(cut: Cut) -> str:
    if cut.output_error is None:
        return "and nothing is multiplied"
    return f"{percent(cut.output_error)} in the outputs on real images"


def _verdict(cut: Cut) -> str:
    rows, columns = cut.matrix.shape
    before, after = rows * columns, cut.factors.rank * (rows + columns)
    if cut.factors.rank > cut.break_even:
        return (
            "larger than before: stays whole"
            if after > before
            else "as large as before"
        )
    ratio = before / after
    amount = f"{ratio:.1f}x" if ratio >= 1.1 else f"{100 * (1 - after / before):.1g} %"
    return f"{amount} smaller"
