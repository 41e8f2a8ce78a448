"""Bytes and score after each pass of a pipeline, as a waterfall in SVG."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nncompress_lab.report.formats import size
from nncompress_lab.report.metrics import Metric
from nncompress_lab.trials.figures import score_in_words
from nncompress_widgets.plot import (
    LEFT,
    RIGHT,
    dot,
    line,
    picture,
    round_step,
    text,
)

HEIGHT: Final = 318
_BYTES: Final = (42.0, 140.0)  # the upper plot, from above
_SCORES: Final = (192.0, 278.0)  # the lower one
_NAMES: Final = 290  # where the words below begin
_LETTER: Final = 5.2  # pixels
_LINE: Final = 15  # between two numbers of an axis
_ROOM: Final = 14  # for a number below the lowest bar


@dataclass(frozen=True)
class Fact:
    """A figure of a model.

    Args:
        value: None if it was never known.
        current: False while it belongs to an earlier setting.
        about: Whether it is measured on a part of the examples so far.
    """

    value: float | None = None
    current: bool = False
    about: bool = False

    def said(self, say: Callable[[float], str]) -> str:
        """The figure in words; empty if it is not known."""
        if self.value is None:
            return ""
        return f"≈ {say(self.value)}" if self.about else say(self.value)


@dataclass(frozen=True)
class Column:
    """The model after a pass.

    Args:
        name: Of the pass, in a word or two.
        setting: Its number, likewise.
        size: Packed bytes.
        score: What the model is worth.
        selected: Whether it is the card that the inputs move.
        done: The part of the pass that is done while it works, else None.
    """

    name: str
    setting: str
    size: Fact
    score: Fact
    selected: bool = False
    done: float | None = None


def waterfall_svg(
    columns: Sequence[Column], metric: Metric, bounds: Mapping[str, float]
) -> str:
    """Draw how packed bytes and score fall, or rise, from each pass to the next.

    Bytes are on a logarithmic scale: equal heights are equal factors. What belongs to an
    earlier setting is pale.

    Args:
        columns: The original model first, then the model after each pass.
        metric: What the score is; the better one is always further up.
        bounds: Of `packed_bytes` and the worst `score` of a goal, drawn as lines.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    wide = (RIGHT - LEFT) / len(columns)
    sizes = _logarithmic([one.size.value for one in columns], bounds)
    scores = _linear([one.score.value for one in columns], metric, bounds)
    parts = [
        text(
            4,
            14,
            "Packed bytes after each pass: equal steps are equal factors",
            "start",
        ),
        text(
            4, _SCORES[0] - 28, f"{metric.title.capitalize()} after each pass", "start"
        ),
        *_marked(columns, wide),
        *sizes.axis(),
        *scores.axis(),
        *_steps([one.size for one in columns], sizes, wide),
        *_steps([one.score for one in columns], scores, wide),
        *_words(columns, wide),
    ]
    said = "; ".join(_said(one, metric) for one in columns)
    label = f"Packed bytes and {metric.title} after each pass: {said}."
    return picture(parts, height=HEIGHT, label=label)


@dataclass(frozen=True)
class _Scale:
    """One of the two plots.

    Args:
        place: Where a value is, from above.
        say: A value in words.
        ticks: Numbers at the left.
        level: Of a goal.
        more_is_better: Whether a rise is good.
    """

    place: Callable[[float], float]
    say: Callable[[float], str]
    ticks: Sequence[float]
    level: float | None
    more_is_better: bool

    def axis(self) -> Iterator[str]:
        for tick in self.ticks:
            y = self.place(tick)
            yield line("grid", LEFT, RIGHT, y, y)
            yield text(LEFT - 6, y + 3.5, self.say(tick).replace(".0 %", " %"), "end")
        if self.level is not None:
            y = self.place(self.level)
            yield line("threshold", LEFT, RIGHT, y, y)
            yield text(LEFT + 2, y - 4, "goal", "start")


def _logarithmic(values: Sequence[float | None], bounds: Mapping[str, float]) -> _Scale:
    level = bounds.get("packed_bytes")
    known = [one for one in (*values, level) if one]
    least, most = min(known, default=1.0) / 1.2, 1.2 * max(known, default=10.0)
    top, bottom = _BYTES[0], _BYTES[1] - _ROOM

    def place(value: float) -> float:
        part = math.log(max(value, least) / least) / math.log(most / least)
        return bottom - part * (bottom - top)

    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    round_ones = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    inside = [one for one in round_ones if least <= one <= most]
    apart = math.log(10) / 3 / math.log(most / least) * (bottom - top)
    if apart < _LINE:
        inside = [one for one in inside if f"{one:.0e}".startswith("1")]
    return _Scale(place, _bytes, inside, level, False)


def _linear(
    values: Sequence[float | None], metric: Metric, bounds: Mapping[str, float]
) -> _Scale:
    level = bounds.get("score")
    known = [one for one in (*values, level) if one is not None] or [0.0, 1.0]
    lowest, highest = min(known), max(known)
    step = round_step(max(highest - lowest, 0.02 * abs(highest), 1e-9) / 2)
    low, high = math.floor(lowest / step) * step, math.ceil(highest / step) * step
    if metric.is_fraction:
        high = min(high, 1.0)
    better = metric.mode != "min"
    top, bottom = _SCORES[0], _SCORES[1] - _ROOM

    def place(value: float) -> float:
        part = (value - low) / ((high - low) or 1.0)
        return bottom - (part if better else 1 - part) * (bottom - top)

    count = round((high - low) / step)
    ticks = [low + number * step for number in range(count + 1)]
    return _Scale(
        place,
        partial(score_in_words, metric),
        ticks[:: math.ceil(count / 4) or 1],
        level,
        better,
    )


def _steps(facts: Sequence[Fact], scale: _Scale, wide: float) -> Iterator[str]:
    """A ring for the original and a bar from each value to the next."""
    before: float | None = None
    for number, fact in enumerate(facts):
        left = LEFT + number * wide
        middle = left + wide / 2
        if fact.value is None:
            y = _middle(scale, before)
            yield text(middle, y + 4, "…", kind="pale")
            continue
        y = scale.place(fact.value)
        if before is None:
            yield dot("ring", middle, y, scale.say(fact.value))
            yield text(middle, y - 10, scale.say(fact.value))
        else:
            yield _bar(fact, before, scale, left, wide)
            lower = max(y, scale.place(before))
            kind = "" if fact.current else "pale"
            yield text(middle, lower + 13, fact.said(scale.say), kind=kind)
        if number + 1 < len(facts):
            start = middle + 6 if before is None else left + 0.82 * wide
            yield line("tick", start, left + 1.18 * wide, y, y)
        before = fact.value


def _middle(scale: _Scale, before: float | None) -> float:
    return scale.place(before) if before is not None else scale.place(scale.ticks[0])


def _bar(fact: Fact, before: float, scale: _Scale, left: float, wide: float) -> str:
    value = before if fact.value is None else fact.value
    ends = sorted([scale.place(before), scale.place(value)])
    tall = max(ends[1] - ends[0], 2.0)
    good = value == before or (value > before) == scale.more_is_better
    kind = (
        ("kept" if fact.current else "next")
        if good
        else ("clipped" if fact.current else "clipped-error")
    )
    return (
        f'<rect class="nncompress-{kind}" x="{left + 0.18 * wide:.1f}" '
        f'y="{ends[0]:.1f}" width="{0.64 * wide:.1f}" height="{tall:.1f}">'
        f"<title>{scale.say(before)} → {scale.say(value)}</title></rect>"
    )


def _marked(columns: Sequence[Column], wide: float) -> Iterator[str]:
    """The column of the card that the inputs move."""
    for number, column in enumerate(columns):
        if column.selected:
            yield (
                f'<rect class="nncompress-range" x="{LEFT + number * wide:.1f}" '
                f'y="22" width="{wide:.1f}" height="{HEIGHT - 24}"/>'
            )


def _words(columns: Sequence[Column], wide: float) -> Iterator[str]:
    """What each column is, and how far its pass is where it takes its time."""
    letters = int(wide / _LETTER)
    for number, column in enumerate(columns):
        middle = LEFT + (number + 0.5) * wide
        strong = "strong" if column.selected else ""
        yield text(middle, _NAMES, _short(column.name, letters), kind=strong)
        yield text(middle, _NAMES + 13, _setting(column.setting, letters))
        if column.done is not None:
            ends = middle - 0.4 * wide, middle + 0.4 * wide
            y = _NAMES + 22
            yield line("progress-rail", *ends, y, y)
            yield line("progress", ends[0], ends[0] + column.done * 0.8 * wide, y, y)


def _setting(words: str, letters: int) -> str:
    """A number, and what it counts where there is room for it."""
    return words if len(words) <= letters else words.rpartition(" ")[0] or words


def _short(words: str, letters: int) -> str:
    return words if len(words) <= letters else f"{words[: max(letters - 1, 1)]}…"


def _said(column: Column, metric: Metric) -> str:
    name = f"{column.name} {column.setting}".strip()
    figures = (
        (column.size, _bytes),
        (column.score, partial(score_in_words, metric)),
    )
    known = [fact.said(say) for fact, say in figures if fact.current]
    said = ", ".join(filter(None, known))
    return f"{name}: {said or 'not measured yet'}"


def _bytes(value: float) -> str:
    return size(round(value))
