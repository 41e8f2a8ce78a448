"""The certificate: one page that says what was earned and what was measured."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from nncompress_lab.atomic import replace_file
from nncompress_lab.course import catalogue, progress
from nncompress_lab.course.capstone.customers import CUSTOMERS, Delivery
from nncompress_lab.report import formats

TEST_IMAGES = 2000
WITHIN_95 = 1.96  # standard errors
_CELL = "padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid #8884"
_SHORT = 20  # letters: what has no more is not broken into lines
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Neural network compression: certificate</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46em; margin: 3em auto;
        padding: 0 1.5em; }}
main {{ border: 2px solid #d9730d; border-radius: 12px; padding: 1.5em 2em; }}
table {{ font-size: 0.95em; }}
@media print {{ body {{ margin: 0 auto; }} }}
</style></head><body><main>
{body}
</main></body></html>
"""


@dataclass(frozen=True)
class LessonPoints:
    """The points of one lesson."""

    lesson: str
    title: str
    earned: int
    possible: int


@dataclass(frozen=True)
class Certificate:
    """What the page says; in a notebook it shows itself.

    Args:
        name: Of the learner, or empty.
        date: Of today.
        lessons: In order.
        deliveries: One for each customer.
    """

    name: str
    date: datetime.date
    lessons: tuple[LessonPoints, ...]
    deliveries: tuple[Delivery, ...]

    @property
    def earned(self) -> int:
        """The points of all lessons."""
        return sum(one.earned for one in self.lessons)

    @property
    def possible(self) -> int:
        """The points that all lessons have."""
        return sum(one.possible for one in self.lessons)

    def save(self, path: str | Path) -> Path:
        """Write the page as a whole; it needs no other file and no connection.

        Raises:
            OSError: If it cannot be written there.
        """
        path = Path(path)
        with replace_file(path) as temporary:
            temporary.write_text(_PAGE.format(body=self._body()), encoding="utf-8")
        return path

    def __repr__(self) -> str:
        whose = f" of {self.name}" if self.name else ""
        met = sum(one.is_met for one in self.deliveries)
        return (
            f"Certificate{whose}, {self.date.isoformat()}: {self.earned} of "
            f"{self.possible} points, {met} of {len(self.deliveries)} budgets met."
        )

    def _repr_html_(self) -> str:
        return (
            '<div style="max-width:46em;border:2px solid #d9730d;border-radius:12px;'
            f'padding:8px 24px 16px">{self._body()}</div>'
        )

    def _body(self) -> str:
        whose = f"<p>of <strong>{escape(self.name)}</strong></p>" if self.name else ""
        return (
            "<h2>Neural network compression</h2>"
            f"{whose}<p>{self.date.isoformat()} · <strong>{self.earned} of "
            f"{self.possible} points</strong></p>{_bar(self.earned, self.possible)}"
            f"<h3>Three files, measured</h3>{self._files()}"
            f"<h3>Lessons</h3>{self._points()}"
            "<p><small>Files were loaded in a process of their own and measured on the "
            f"{TEST_IMAGES:,} test images of the embedded Fashion-MNIST; ± is what so few "
            "images leave open (95 %). Speed is a ratio of one race on this machine. "
            "Points are those of the progress file on this machine. Nobody else has "
            "looked at either.</small></p>"
        )

    def _files(self) -> str:
        titles = ("customer", "file", "size", "accuracy", "also", "budget")
        return _table(titles, [_file_cells(one) for one in self.deliveries])

    def _points(self) -> str:
        rows = [
            (one.lesson, one.title, f"{one.earned} of {one.possible}")
            for one in self.lessons
        ]
        return _table(("", "lesson", "points"), rows)


def certificate(files: dict[str, Any], *, name: str = "") -> Certificate:
    """Measure what was handed in, and put it beside the points of all lessons.

    Args:
        files: Paths by the names of customers; `...` and None are not handed in yet.
        name: To be written on it; nobody needs to give one.

    Raises:
        LookupError: If there is no such customer.
    """
    known = [one.name for one in CUSTOMERS]
    if unknown := [one for one in files if one not in known]:
        raise LookupError(
            f"There is no customer {unknown[0]!r}. There are: {', '.join(known)}."
        )
    records = progress.load()
    lessons = tuple(
        LessonPoints(
            lesson.id,
            lesson.title,
            sum(
                exercise.points
                for exercise in lesson.exercises
                if (record := records.get(f"{lesson.id}/{exercise.name}"))
                and record.passed
            ),
            lesson.points,
        )
        for lesson in catalogue.lessons()
    )
    deliveries = tuple(one.delivered(files.get(one.name)) for one in CUSTOMERS)
    today = datetime.datetime.now().astimezone().date()
    return Certificate(name, today, lessons, deliveries)


def half_width(accuracy: float, images: int = TEST_IMAGES) -> float:
    """Half the width of the 95 % interval of an accuracy, by the normal distribution.

    Example:
        >>> round(half_width(0.9, 2000), 4)
        0.0131
    """
    return WITHIN_95 * float(np.sqrt(accuracy * (1 - accuracy) / images))


def _file_cells(one: Delivery) -> tuple[str, ...]:
    file, missed = one.file, "; ".join(one.remarks)
    if file is None:
        return one.customer.name, "-", "-", "-", "", missed
    also = []
    if one.customer.macs:
        also.append(f"{formats.count(file.macs)} MACs")
    if file.speedup is not None:
        also.append(f"{file.speedup:.2f} times as fast as the original")
    points = 100 * half_width(file.accuracy)
    return (
        one.customer.name,
        file.name,
        formats.size(file.size),
        f"{formats.percent(file.accuracy)} ± {points:.1f}",
        ", ".join(also),
        missed or "met",
    )


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th style="{_CELL}">{escape(one)}</th>' for one in titles)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        '<table style="border-collapse:collapse;margin-left:0"><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(text: str) -> str:
    wrap = "" if len(text) > _SHORT else ";white-space:nowrap"
    return f'<td style="{_CELL}{wrap}">{escape(text)}</td>'


def _bar(earned: int, possible: int) -> str:
    """The points as a bar, drawn so that it needs nothing else."""
    width = 320 * earned / possible if possible else 0
    return (
        '<svg width="320" height="14" role="img" viewBox="0 0 320 14" '
        f'aria-label="{earned} of {possible} points">'
        '<rect width="320" height="14" rx="7" fill="#8884"/>'
        f'<rect width="{width:.0f}" height="14" rx="7" fill="#d9730d"/></svg>'
    )
