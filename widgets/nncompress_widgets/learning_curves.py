"""Accuracies while students are trained, as an SVG picture."""

import math
from collections.abc import Callable, Mapping, Sequence

from nncompress_lab.trials.figures import percent
from nncompress_widgets.plot import LEFT, RIGHT, dot, line, picture, text

HEIGHT = 170
_TOP, _BOTTOM = 48, 136  # the plot inside the picture
Curves = Mapping[str, Sequence[float]]
Place = Callable[[int, float], tuple[float, float]]


def curves_svg(
    curves: Curves,
    earlier: Sequence[Sequence[float]],
    *,
    epochs: int,
    teacher: float,
    expected: float | None = None,
) -> str:
    """Draw the accuracy after each epoch, and name the best, whose weights are kept.

    Args:
        curves: By name, in the order of their colours; as long as they are by now.
        earlier: Those of settings that were trained before, drawn pale.
        epochs: How many there will be.
        teacher: Its accuracy, a line that begins with a ring: it needs no training here.
        expected: The accuracy that the user expects, a line.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    shown = [one for curve in (*curves.values(), *earlier) for one in curve]
    lowest = min([*shown, teacher, 1.0 if expected is None else expected])
    floor = max(math.floor(10 * lowest - 0.01) / 10, 0.0)

    def place(epoch: int, accuracy: float) -> tuple[float, float]:
        across = epoch / epochs
        up = max((accuracy - floor) / (1 - floor), 0.0)
        return LEFT + 8 + across * (RIGHT - LEFT - 16), _BOTTOM - up * (_BOTTOM - _TOP)

    words = "Accuracy after each epoch, the best is kept; the ring is the teacher"
    parts = [text(4, 14, words, "start")]
    for accuracy in sorted({floor, (1 + floor) / 2, 1.0}):
        y = place(1, accuracy)[1]
        parts.append(line("grid", LEFT, RIGHT, y, y))
        parts.append(text(LEFT - 6, y + 3.5, f"{100 * accuracy:.0f} %", "end"))
    for level, kind, word in (
        (teacher, "threshold", "teacher"),
        (expected, "expected", "expected"),
    ):
        if level is not None:
            y = place(1, level)[1]
            parts.append(line(kind, LEFT, RIGHT, y, y))
            parts.append(text(RIGHT, y - 4, word, "end"))
    parts += [_polyline("path", one, place) for one in earlier if one]
    x, said = 4.0, []
    for number, (name, curve) in enumerate(curves.items()):
        parts.append(_polyline(f"curve-{number}", curve, place))
        told = f"{name} {percent(max(curve))}" if curve else name
        parts.append(line(f"curve-{number}", x, x + 14, 28, 28))
        parts.append(text(x + 18, 32, told, "start"))
        x += 34 + 5.6 * len(told)
        said.append(told)
    parts.append(dot("ring", *place(0, teacher), f"teacher {percent(teacher)}"))
    parts.append(line("axis", LEFT, RIGHT, _BOTTOM, _BOTTOM))
    for epoch in range(epochs + 1):
        parts.append(text(place(epoch, 0)[0], _BOTTOM + 15, f"{epoch}"))
    parts.append(text((LEFT + RIGHT) / 2, _BOTTOM + 30, "epoch"))
    what = "; ".join(said) or "no student has been trained yet"
    if not said:
        parts.append(text((LEFT + RIGHT) / 2, (3 * _TOP + _BOTTOM) / 4 + 4, what))
    return picture(
        parts,
        height=HEIGHT,
        label=f"Validation accuracy after each epoch: {what}; teacher {percent(teacher)}.",
    )


def _polyline(kind: str, curve: Sequence[float], place: Place) -> str:
    points = [place(epoch, one) for epoch, one in enumerate(curve, start=1)]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle class="nncompress-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
        for x, y in points
    )
    return f'<polyline class="nncompress-{kind}" points="{drawn}"/>{dots}'
