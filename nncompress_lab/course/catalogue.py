"""The lessons that this package ships: what they are called and where they lie.

Everything is read from the notebooks' own metadata, which the builder wrote, so that the
Jupyter server can list the course without starting Keras.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nncompress_lab.atomic import replace_file

COURSE_FOLDER = "nncompress-course"
START = "00"
METADATA = "nncompress"
_RECORD = ".shipped.json"
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


def copy_lesson(lesson_id: str, target: Path) -> Path:
    """Copy a lesson into a folder, never over a file that the learner changed.

    A copy that nobody touched is brought up to date.

    Args:
        lesson_id: Two digits.
        target: The learner's folder; it is made if it does not exist.

    Returns:
        The path of the learner's copy.

    Raises:
        LookupError: If there is no such lesson.
        OSError: If the folder cannot be written.
    """
    source = folder() / find(lesson_id).file
    copy = target / source.name
    target.mkdir(parents=True, exist_ok=True)
    shipped, latest = _read_record(target), _digest(source)
    present = _digest(copy) if copy.exists() else None
    if present is not None and present != shipped.get(copy.name):
        return copy
    if present != latest:
        with replace_file(copy) as temporary:
            shutil.copyfile(source, temporary)
    _write_record(target, {**shipped, copy.name: latest})
    return copy


def copy_course(target: Path) -> list[Path]:
    """Copy all lessons as `copy_lesson` does, and return their paths."""
    return [copy_lesson(lesson.id, target) for lesson in lessons()]


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


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_record(target: Path) -> dict[str, str]:
    try:
        content = json.loads((target / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_record(target: Path, record: dict[str, str]) -> None:
    if record != _read_record(target):
        with replace_file(target / _RECORD) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
