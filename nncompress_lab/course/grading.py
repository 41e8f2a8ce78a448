"""Grade a whole notebook: run it in a fresh kernel, collect what its checks say."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from nncompress_lab.course import catalogue, progress
from nncompress_lab.course.execute import (
    CELL_SECONDS,
    NotebookRunError,
    execute,
    read_notebook,
)
from nncompress_lab.course.progress import ERROR, FAIL, KEPT, PASS, UNATTEMPTED, Record

_STYLES = {PASS: "green", FAIL: "red", ERROR: "red", UNATTEMPTED: "dim"}


@dataclass(frozen=True)
class Mark:
    """One exercise of a graded notebook."""

    name: str
    title: str
    points: int
    earned: int
    status: str
    message: str
    mistake: str


@dataclass(frozen=True)
class Grades:
    """A graded notebook.

    Args:
        lesson: Two digits.
        marks: One for each exercise of the lesson, in order.
        seconds: How long the notebook ran.
        peak_bytes: The largest resident memory of its kernel; 0 if not known.
        errors: Cells that raised, by number, with the exception's text.
    """

    lesson: str
    marks: tuple[Mark, ...]
    seconds: float
    peak_bytes: int
    errors: dict[int, str]

    @property
    def earned(self) -> int:
        """The points that the notebook earned."""
        return sum(mark.earned for mark in self.marks)

    @property
    def possible(self) -> int:
        """The points that the lesson has."""
        return sum(mark.points for mark in self.marks)

    def to_json(self) -> str:
        """All facts, for other programs."""
        facts: dict[str, Any] = {
            "lesson": self.lesson,
            "earned": self.earned,
            "possible": self.possible,
            "seconds": round(self.seconds, 1),
            "peak_bytes": self.peak_bytes,
            "checks": [asdict(mark) for mark in self.marks],
            "errors": {str(cell): text for cell, text in self.errors.items()},
        }
        return json.dumps(facts, indent=2)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        title = f"Lesson {self.lesson}: {self.earned} of {self.possible} points"
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for heading in ("exercise", "outcome", "points", "what the check says"):
            table.add_column(heading, overflow="fold")
        for mark in self.marks:
            table.add_row(
                mark.name,
                Text(mark.status, style=_STYLES.get(mark.status, "")),
                f"{mark.earned}/{mark.points}",
                Text(mark.message),
            )
        yield table
        for cell, text in self.errors.items():
            yield Text(f"Cell {cell + 1} raised {text}", style="red")


def grade_notebook(path: Path) -> Grades:
    """Run a learner's notebook and grade it.

    The file is not changed, and neither is the learner's progress. A cell that takes
    longer than its lesson allows (`cell_seconds`) is stopped, and the rest is graded.

    Args:
        path: A copy of a lesson.

    Returns:
        A mark for each exercise of the lesson. A check that the notebook does not call
        any more counts as not attempted.

    Raises:
        NotebookRunError: If the file is not a notebook, or not one of a lesson.
    """
    notebook = read_notebook(path)
    lesson = _lesson_of(notebook, path)
    facts = notebook.metadata[catalogue.METADATA]
    limit = int(facts.get("cell_seconds", CELL_SECONDS))
    run = execute(notebook, keep_going=True, cell_seconds=limit)
    return Grades(
        lesson=lesson.id,
        marks=tuple(
            _mark(exercise, run.records.get(f"{lesson.id}/{exercise.name}"))
            for exercise in lesson.exercises
        ),
        seconds=run.seconds,
        peak_bytes=run.peak_bytes,
        errors=run.errors,
    )


def with_progress(grades: Grades) -> Grades:
    """Add the grades to the learner's progress, and give what it now says.

    So the command, the course panel and the cards in the notebook read one file and
    count alike: the best outcome of each exercise.

    Args:
        grades: Of a notebook of the learner whose progress this is.

    Raises:
        OSError: If the progress cannot be written.
    """
    for mark in grades.marks:
        record = Record(mark.status, mark.message, mark.mistake)
        progress.save(grades.lesson, mark.name, record)
    best = progress.load()
    marks = (_best(mark, best[f"{grades.lesson}/{mark.name}"]) for mark in grades.marks)
    return replace(grades, marks=tuple(marks))


def _best(mark: Mark, kept: Record) -> Mark:
    if not kept.passed or mark.earned:
        return mark
    return replace(mark, earned=mark.points, message=f"{mark.message} {KEPT}")


def _lesson_of(notebook: Any, path: Path) -> catalogue.LessonEntry:
    facts = notebook.metadata.get(catalogue.METADATA, {})
    try:
        return catalogue.find(facts.get("lesson", ""))
    except LookupError as error:
        raise NotebookRunError(
            f"{path} is not a lesson of this course: its metadata has no lesson number "
            "that is known here. Grade a copy that `nncompress lab` made."
        ) from error


def _mark(exercise: catalogue.ExerciseEntry, record: Record | None) -> Mark:
    record = record or Record(UNATTEMPTED, "The notebook did not run this check.")
    return Mark(
        name=exercise.name,
        title=exercise.title,
        points=exercise.points,
        earned=exercise.points if record.passed else 0,
        status=record.status,
        message=record.message,
        mistake=record.mistake,
    )
