"""Every setting visited, accuracy over packed bytes, as an SVG picture."""

import math
from collections.abc import Sequence

from nncompress_lab.report.formats import size
from nncompress_lab.trials.figures import Figures, percent
from nncompress_lab.trials.goal import Goal
from nncompress_widgets.outcome import Visit
from nncompress_widgets.plot import LEFT, RIGHT, line, picture, round_step, text

HEIGHT = 150
_TOP, _BOTTOM = 26, 116  # the plot inside the picture


def trail_svg(
    visits: Sequence[Visit],
    original: Figures,
    *,
    here: bool,
    goal: Goal | None = None,
    expected: float | None = None,
) -> str:
    """Draw the settings in the order in which they were visited.

    Args:
        visits: The settings, the last one last.
        original: Figures of the original model, which is drawn as a ring.
        here: Whether the last visit is what the control shows.
        goal: Its bounds are drawn as lines.
        expected: The accuracy that the user expects, drawn as a mark and a line.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    bounds = {} if goal is None else goal.bounds
    wanted = original["accuracy"] - bounds.get("accuracy_drop", 0.0)
    plot = _Scales(
        most_bytes=max(
            original["packed_bytes"], *[one.packed_bytes for one in visits], 0
        ),
        lowest=min(
            wanted,
            *[one.accuracy for one in visits],
            1.0 if expected is None else expected,
        ),
    )
    places = [plot.place(one.packed_bytes, one.accuracy) for one in visits]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    words = "Settings visited, accuracy over packed bytes; the ring is the original"
    parts = [plot.axes(), text(4, 14, words, "start")]
    if "accuracy_drop" in bounds:
        y = plot.place(0, wanted)[1]
        parts.append(line("threshold", LEFT, RIGHT, y, y))
        parts.append(text(LEFT + 4, y + 13, "goal", "start"))
    if expected is not None:
        y = plot.place(0, expected)[1]
        parts.append(line("expected", LEFT, RIGHT, y, y))
        parts.append(text(RIGHT, y + 13, "expected", "end"))
    if "packed_bytes" in bounds:
        x = plot.place(bounds["packed_bytes"], 0)[0]
        parts.append(line("threshold", x, x, _TOP, _BOTTOM))
    parts.append(f'<polyline class="nncompress-path" points="{path}"/>')
    for number, (visit, (x, y)) in enumerate(zip(visits, places, strict=True), start=1):
        kind = "here" if here and number == len(visits) else "visit"
        parts.append(_dot(kind, x, y, visit.accuracy, visit.packed_bytes))
    ring = plot.place(original["packed_bytes"], original["accuracy"])
    parts.append(_dot("ring", *ring, original["accuracy"], original["packed_bytes"]))
    return picture(parts, height=HEIGHT, label=_sentence(visits, words))


class _Scales:
    """The scales: bytes from 0, accuracies from the next ten per cent below the lowest."""

    def __init__(self, most_bytes: float, lowest: float) -> None:
        self.most = 1.05 * most_bytes
        self.floor = max(math.floor(10 * lowest - 0.01) / 10, 0.0)

    def place(self, packed_bytes: float, accuracy: float) -> tuple[float, float]:
        across = min(packed_bytes / self.most, 1.0)
        up = max((accuracy - self.floor) / (1 - self.floor), 0.0)
        return LEFT + across * (RIGHT - LEFT), _BOTTOM - up * (_BOTTOM - _TOP)

    def axes(self) -> str:
        marks = [line("axis", LEFT, RIGHT, _BOTTOM, _BOTTOM)]
        for accuracy in {self.floor, (1 + self.floor) / 2, 1.0}:
            y = self.place(0, accuracy)[1]
            marks.append(line("grid", LEFT, RIGHT, y, y))
            marks.append(text(LEFT - 6, y + 3.5, f"{100 * accuracy:.0f} %", "end"))
        step = round_step(self.most / 4)
        for number in range(int(self.most / step) + 1):
            x = self.place(number * step, 0)[0]
            marks.append(line("axis", x, x, _BOTTOM, _BOTTOM + 4))
            marks.append(text(x, _BOTTOM + 17, size(round(number * step)), "middle"))
        return "".join(marks)


def _sentence(visits: Sequence[Visit], words: str) -> str:
    if not visits:
        return f"{words}."
    last = visits[-1]
    return (
        f"{words}. The last has {percent(last.accuracy)} at "
        f"{size(round(last.packed_bytes))}."
    )


def _dot(kind: str, x: float, y: float, accuracy: float, packed_bytes: float) -> str:
    radius = {"visit": 3.5, "here": 5.5, "ring": 5.5}[kind]
    title = f"{percent(accuracy)}, {size(round(packed_bytes))}"
    return (
        f'<circle class="nncompress-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
        f"<title>{title}</title></circle>"
    )
