"""The lessons that this package ships: what they are called and where they lie.

Everything is read from the notebooks' own metadata, which the builder wrote, so that the
Jupyter server can list the course without starting Keras.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

START = "00"
METADATA = "nncompress"
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class ExerciseEntry:
    """One graded exercise: its name in `lesson.check`, its title and its points."""

    name: str
    title: str
    points: int


@dataclass(frozen=True)
class LessonEntry:
    """One lesson.

    Args:
        id: Two digits, for example `"02"`.
        file: The notebook's file name.
        title: As in its heading.
        minutes: How long a learner needs.
        difficulty: 1 (reading) to 5 (research).
        exercises: What is graded, in order.
    """

    id: str
    file: str
    title: str
    minutes: int
    difficulty: int
    exercises: tuple[ExerciseEntry, ...]

    @property
    def points(self) -> int:
        """What all exercises are worth together."""
        return sum(exercise.points for exercise in self.exercises)


def folder() -> Path:
    """Where the notebooks lie: in the sources if there are any, else in the package."""
    sources = _PACKAGE.parent / "notebooks"
    return sources if (sources / "src").is_dir() else _PACKAGE / "lessons"


@cache
def lessons() -> tuple[LessonEntry, ...]:
    """All lessons, in order."""
    return tuple(
        _entry(path, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder().glob("[0-9][0-9]_*.ipynb"))
    )


def find(lesson_id: str) -> LessonEntry:
    """The lesson of a number.

    Raises:
        LookupError: If there is none.
    """
    for lesson in lessons():
        if lesson.id == lesson_id:
            return lesson
    known = ", ".join(lesson.id for lesson in lessons())
    raise LookupError(f"There is no lesson {lesson_id!r}. The course has {known}.")


def _entry(path: Path, notebook: dict[str, Any]) -> LessonEntry:
    facts = notebook["metadata"][METADATA]
    return LessonEntry(
        id=facts["lesson"],
        file=path.name,
        title=facts["title"],
        minutes=facts["minutes"],
        difficulty=facts["difficulty"],
        exercises=tuple(ExerciseEntry(**exercise) for exercise in facts["exercises"]),
    )
