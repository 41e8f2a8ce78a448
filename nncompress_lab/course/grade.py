"""Grade an answer: PASS, FAIL with the mistake by name, UNATTEMPTED or ERROR."""

import linecache
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from nncompress_lab.course.exercise import Exercise, Mistake
from nncompress_lab.course.progress import ERROR, FAIL, PASS, UNATTEMPTED

_NOT_THE_LEARNERS = (
    str(Path(__file__).parents[1]),
    *{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")},
)


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    Args:
        exercise: What was graded.
        status: `PASS`, `FAIL`, `UNATTEMPTED` or `ERROR`.
        message: What the learner is told.
        mistake: The name of the check that failed, or empty.
    """

    exercise: Exercise
    status: str
    message: str
    mistake: str = ""

    @property
    def earned(self) -> int:
        """The points: all of them for a pass, else none."""
        return self.exercise.points if self.status == PASS else 0


def grade(exercise: Exercise, answer: Any) -> Outcome:
    """Run the checks of an exercise, in order, until one fails.

    Args:
        exercise: What was asked.
        answer: The learner's function or value. `...` and a function that raises
            `NotImplementedError` are stubs.

    Returns:
        The outcome. Nothing is raised: an exception in the learner's code is the
        outcome `ERROR` with the learner's own line.
    """
    if answer is ...:
        return _unattempted(exercise)
    for check in exercise.checks:
        try:
            check(answer)
        except NotImplementedError:
            return _unattempted(exercise)
        except Mistake as mistake:
            return Outcome(exercise, FAIL, str(mistake), check.__name__)
        except Exception as error:  # whatever the learner's code raises
            return Outcome(exercise, ERROR, _told(error), check.__name__)
    return Outcome(exercise, PASS, "Every check passes.")


def _unattempted(exercise: Exercise) -> Outcome:
    return Outcome(
        exercise, UNATTEMPTED, f"Write your answer in the cell of `{exercise.name}`."
    )


def _told(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}".strip().rstrip(":")
    line = _own_line(error.__traceback__)
    if not line:
        return f"{text}. The check could not use your answer."
    return f"{text}, in your line: {line}"


def _own_line(trace: TracebackType | None) -> str:
    """The last line of the traceback that the learner wrote; empty if there is none."""
    for frame in reversed(traceback.extract_tb(trace)):
        if not frame.filename.startswith(_NOT_THE_LEARNERS):
            line = frame.line or linecache.getline(frame.filename, frame.lineno or 0)
            return line.strip()
    return ""
