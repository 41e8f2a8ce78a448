"""How outcomes, hints and scores look: HTML in a notebook, text everywhere else.

Colours are JupyterLab's own variables, so that cards follow the theme; each card also says
in words what its colour says.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from nncompress_lab.course.exercise import Exercise
from nncompress_lab.course.grade import Outcome
from nncompress_lab.course.progress import (
    ERROR,
    FAIL,
    KEPT,
    PASS,
    UNATTEMPTED,
    Record,
)

_CODE = re.compile("`([^`]+)`")
_LOOKS = {
    PASS: ("✓", "--jp-success-color1, #388e3c"),
    FAIL: ("✗", "--jp-error-color1, #d32f2f"),
    ERROR: ("!", "--jp-error-color1, #d32f2f"),
    UNATTEMPTED: ("○", "--jp-ui-font-color2, #757575"),
}


@dataclass(frozen=True)
class Card:
    """A heading with lines below it.

    Args:
        heading: The first line.
        lines: The text below it.
        color: A CSS variable with its fallback, for the bar at the left.
    """

    heading: str
    lines: tuple[str, ...] = ()
    color: str = "--jp-brand-color1, #1976d2"

    def __repr__(self) -> str:
        return "\n".join((self.heading, *(f"  {line}" for line in self.lines)))

    def _repr_html_(self) -> str:
        below = "".join(
            f'<div style="margin-top:2px">{_inline(line)}</div>' for line in self.lines
        )
        return (
            f'<div style="{_bar(self.color)}'
            "padding:6px 12px;margin:4px 0;line-height:1.45;max-width:46em;"
            'overflow-wrap:anywhere">'
            f"<strong>{_inline(self.heading)}</strong>{below}</div>"
        )


def _bar(color: str) -> str:
    """The bar at the left: in the theme's colour, and in a fixed one where it is stored.

    JupyterLab takes variables out of the outputs of a notebook that was only opened, so
    the fixed colour comes first and stays.
    """
    fixed = color.rpartition(" ")[2]
    width = "border-left:4px solid"
    return f"{width} {fixed};{width} var({color});"


def _inline(text: str) -> str:
    """A line as HTML; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def outcome_card(
    outcome: Outcome, *, kept: bool = False, notes: tuple[str, ...] = ()
) -> Card:
    """The card of a check, with the next thing to do.

    Args:
        outcome: What came of this answer.
        kept: Whether an earlier answer passed, whose points stay.
        notes: Further lines.
    """
    icon, color = _LOOKS[outcome.status]
    exercise = outcome.exercise
    points = f"{exercise.points if kept else outcome.earned}/{exercise.points} points"
    lines = [outcome.message]
    if outcome.status != PASS:
        lines.append(f'A hint: `lesson.hint("{exercise.name}")`')
        if kept:
            lines.append(KEPT)
            points += ", kept"
        if outcome.seed is not None:
            lines.append(
                "Inputs of this check are random. The same ones again: "
                f"`seed={outcome.seed}` as the last argument of the check."
            )
    heading = f"{icon} {outcome.status} · {exercise.title} · {points}"
    return Card(heading, (*lines, *notes), color)


def score_card(
    lesson_id: str,
    exercises: Iterable[Exercise],
    records: Mapping[str, Record],
    following: str = "",
) -> Card:
    """All exercises of a lesson with the points of the best answer to each.

    Args:
        lesson_id: Two digits.
        exercises: Of the lesson, in order.
        records: The best outcomes, by the name of the exercise.
        following: What to do next, in a sentence.
    """
    lines, earned, possible = [], 0, 0
    for exercise in exercises:
        status = records.get(exercise.name, Record(UNATTEMPTED)).status
        points = exercise.points if status == PASS else 0
        icon, _ = _LOOKS[status]
        lines.append(f"{icon} {points}/{exercise.points}  {exercise.title} ({status})")
        earned, possible = earned + points, possible + exercise.points
    closing = "Nothing is hidden: the checks are in `nncompress_lab/course/exercises`."
    last = (closing, following) if following else (closing,)
    return Card(f"Lesson {lesson_id}: {earned} of {possible} points", (*lines, *last))


def stopped_card(message: str) -> Card:
    """The card of a cell that the learner stopped."""
    icon, color = _LOOKS[ERROR]
    lines = (
        message,
        "What it makes is missing in the cells below until it has run to its end.",
    )
    return Card(f"{icon} {ERROR} · This cell was stopped", lines, color)


def missing_card(name: str) -> Card:
    """The card of a cell that wants what a cell above has not made yet."""
    icon, color = _LOOKS[ERROR]
    lines = (
        f"A cell above makes `{name}`. It has not run, or not to its end, since the "
        "kernel of this notebook started.",
        "Run that cell, or all of them: Run > Run All Above Selected Cell.",
    )
    return Card(f"{icon} {ERROR} · `{name}` is not there yet", lines, color)


def unquoted_card(name: str, letter: str) -> Card:
    """The card of a cell that answers a choice with a letter and no quotes."""
    icon, color = _LOOKS[ERROR]
    line = f'Without quotes Python takes {letter} for a name: `{name} = "{letter}"`.'
    return Card(f"{icon} {ERROR} · A letter is written in quotes", (line,), color)
