"""Every setting visited, its score over what it costs, as an SVG picture."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nncompress_lab.report.formats import count, size
from nncompress_lab.report.metrics import ACCURACY, Metric
from nncompress_lab.trials.figures import Figures, score_in_words
from nncompress_lab.trials.goal import Goal
from nncompress_widgets.outcome import Visit
from nncompress_widgets.plot import LEFT, RIGHT, dot, line, picture, round_step, text

HEIGHT = 150
WITH_LINE = "Plans visited, accuracy over packed bytes; dotted and square: foretold"
Place = tuple[float, float]  # a cost and an accuracy
_TOP, _BOTTOM = 26, 116  # the plot inside the picture
_COSTS = {
    "packed_bytes": "packed bytes",
    "macs": "MACs an image",
    "parameters": "parameters",
}

_LEVELS = {  # lines of a score: how each is drawn, and where its word may stand
    "goal": ("threshold", range(LEFT + 4, RIGHT - 120, 30), "start"),
    "expected": ("expected", (RIGHT,), "end"),
}
_WORD = 28  # pixels that "goal" takes


class Foretold(NamedTuple):
    """Costs and accuracies of settings that were not measured.

    Args:
        line: Of the best settings, by their costs.
        here: Of what the control shows.
    """

    line: Sequence[Place]
    here: Place


def trail_svg(  # noqa: PLR0913 (a picture of all that a control knows)
    visits: Sequence[Visit],
    original: Figures,
    *,
    here: bool,
    metric: Metric = ACCURACY,
    goal: Goal | None = None,
    expected: float | None = None,
    cost: str = "packed_bytes",
    foretold: Foretold | None = None,
    least: float | None = None,
) -> str:
    """Draw the settings in the order in which they were visited.

    Args:
        visits: The settings, the last one last.
        original: Figures of the original model, which is drawn as a ring.
        here: Whether the last visit is what the control shows.
        metric: What the score is; the better one is always further up.
        goal: Its bounds are drawn as lines.
        expected: The score that the user expects, drawn as a mark and a line.
        cost: The figure that the visits' cost is, which goes from left to right.
        foretold: What was not measured but foretold: the line of all best settings, and
            what the control shows.
        least: Where costs begin on a logarithmic scale, which foretold ones have always;
            else they begin at 0.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    bounds = {} if goal is None else goal.bounds
    before = original[metric.name]
    wanted = before - bounds.get("accuracy_drop", 0.0)
    more = [] if expected is None else [expected]
    plot = _Scales.of(
        metric,
        [wanted, *[one.score for one in visits], *more],
        cost=cost,
        most=max(original[cost], *[one.cost for one in visits], 0),
        least=min(one[0] for one in foretold.line) if foretold else least,
    )
    places = [plot.place(one.cost, one.score) for one in visits]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    words = f"Settings visited, {metric.title} over {_COSTS[cost]}"
    words = WITH_LINE if foretold else f"{words}; the ring is the original"
    parts = [plot.axes(), text(4, 14, words, "start")]
    levels = {"goal": wanted} if "accuracy_drop" in bounds else {}
    levels |= {} if expected is None else {"expected": expected}
    heights = {word: plot.place(0, level)[1] for word, level in levels.items()}
    ring = plot.place(original[cost], before)
    marks = [*places, ring]
    bound = plot.place(bounds[cost], before)[0] if cost in bounds else None
    if bound is not None:
        marks += [(bound, y) for y in range(_TOP, _BOTTOM)]
    for word, (kind, starts, anchor) in _LEVELS.items():
        if word in heights:
            y = heights[word]
            parts.append(line(kind, LEFT, RIGHT, y, y))
            y = _beside(y, heights.values())
            parts.append(text(_free(starts, y, marks), y, word, anchor))
    if bound is not None:
        parts.append(line("threshold", bound, bound, _TOP, _BOTTOM))
    parts += _foretold(plot, foretold) if foretold else ()
    parts.append(f'<polyline class="nncompress-path" points="{path}"/>')
    for number, (visit, (x, y)) in enumerate(zip(visits, places, strict=True), start=1):
        kind = "here" if here and number == len(visits) else "visit"
        parts.append(dot(kind, x, y, plot.said(visit.score, visit.cost)))
    parts.append(dot("ring", *ring, plot.said(before, original[cost])))
    label = f"{words}."
    if visits:
        last = plot.said(visits[-1].score, visits[-1].cost, at=" at ")
        label += f" The last has {last}."
    return picture(parts, height=HEIGHT, label=label)


@dataclass(frozen=True)
class _Scales:
    """Where costs and scores are: costs from 0 on, better scores further up.

    Args:
        metric: What the score is.
        cost: What the cost is.
        most: The cost at the right end.
        worst: The score at the bottom.
        best: The score at the top.
        least: Where costs begin on a logarithmic scale; None for one that begins at 0.
    """

    metric: Metric
    cost: str
    most: float
    worst: float
    best: float
    least: float | None = None

    @classmethod
    def of(
        cls,
        metric: Metric,
        scores: Sequence[float],
        *,
        cost: str,
        most: float,
        least: float | None = None,
    ) -> "_Scales":
        """Fractions reach from the next ten per cent below the lowest to 1."""
        lowest, highest = min(scores), max(scores)
        if metric.is_fraction:
            highest = 1.0
            lowest = max(math.floor(10 * lowest - 0.01) / 10, 0.0)
        else:
            step = round_step((highest - lowest or abs(highest) or 1.0) / 2)
            lowest = math.floor(lowest / step) * step
            highest = max(math.ceil(highest / step) * step, lowest + step)
        ends = (highest, lowest) if metric.mode == "min" else (lowest, highest)
        if least is None:
            return cls(metric, cost, 1.05 * most, *ends)
        return cls(metric, cost, 1.2 * most, *ends, 0.9 * least)

    def place(self, cost: float, score: float) -> tuple[float, float]:
        across = cost / self.most
        if self.least is not None:
            decades = math.log(self.most / self.least)
            across = math.log(max(cost, self.least) / self.least) / decades
        up = max((score - self.worst) / (self.best - self.worst), 0.0)
        across = min(across, 1.0)
        return LEFT + across * (RIGHT - LEFT), _BOTTOM - up * (_BOTTOM - _TOP)

    @property
    def ticks(self) -> list[float]:
        """Round costs."""
        if self.least is None:
            step = round_step(self.most / 4)
            return [number * step for number in range(int(self.most / step) + 1)]
        first = math.floor(math.log10(self.least))
        powers = [10.0**power for power in range(first, first + 12)]
        each = [power * factor for power in powers for factor in (1, 2, 5)]
        return [one for one in each if self.least <= one <= self.most]

    def axes(self) -> str:
        marks = [line("axis", LEFT, RIGHT, _BOTTOM, _BOTTOM)]
        for score in {self.worst, (self.best + self.worst) / 2, self.best}:
            y = self.place(0, score)[1]
            shown = (
                f"{100 * score:.0f} %" if self.metric.is_fraction else f"{score:.4g}"
            )
            marks.append(line("grid", LEFT, RIGHT, y, y))
            marks.append(text(LEFT - 6, y + 3.5, shown, "end"))
        for cost in self.ticks:
            x = self.place(cost, self.worst)[0]
            marks.append(line("axis", x, x, _BOTTOM, _BOTTOM + 4))
            marks.append(text(x, _BOTTOM + 17, _amount(cost, self.cost)))
        return "".join(marks)

    def said(self, score: float, cost: float, *, at: str = ", ") -> str:
        return f"{score_in_words(self.metric, score)}{at}{_amount(cost, self.cost)}"


def _foretold(plot: _Scales, foretold: Foretold) -> Iterator[str]:
    """The line of what is foretold, and a square for what the control shows."""
    if seen := [one for one in foretold.line if one[1] >= plot.worst]:
        places = (plot.place(*one) for one in seen)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline class="nncompress-foretold" points="{points}"/>'
    cost, accuracy = foretold.here
    if accuracy >= plot.worst:
        x, y = plot.place(cost, accuracy)
        yield (
            f'<rect class="nncompress-foretold-here" x="{x - 8:.1f}" y="{y - 8:.1f}" '
            f'width="16" height="16"><title>foretold: '
            f"{plot.said(accuracy, cost)}</title></rect>"
        )


def _beside(y: float, lines: Iterable[float]) -> float:
    """Where a word stands that belongs to a line: below it, unless another one is there."""
    crossed = any(0 < one - y <= 17 for one in (*lines, _BOTTOM))
    return y - 4 if crossed else y + 13


def _free(starts: Sequence[int], y: float, marks: Sequence[Place]) -> int:
    """The first place for a word on which no mark lies; the first one if all are taken."""

    def is_free(x: int) -> bool:
        return not any(
            x - 7 < across < x + _WORD + 7 and y - 16 < up < y + 7
            for across, up in marks
        )

    return next(filter(is_free, starts), starts[0])


def _amount(cost: float, kind: str) -> str:
    return (size if kind == "packed_bytes" else count)(round(cost))
