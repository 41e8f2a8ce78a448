"""Grade an answer: PASS, FAIL with the mistake by name, UNATTEMPTED or ERROR."""

import ast
import inspect
import linecache
import sysconfig
import textwrap
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from nncompress_lab.course.draws import Draw, drawing
from nncompress_lab.course.exercise import CALLED, Exercise, Mistake
from nncompress_lab.course.progress import ERROR, FAIL, PASS, UNATTEMPTED, Record
from nncompress_lab.course.reference import grading

STUB = "Your code here"
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
        seed: From which the check that failed drew its inputs; None if it drew none.
    """

    exercise: Exercise
    status: str
    message: str
    mistake: str = ""
    seed: int | None = None

    @property
    def earned(self) -> int:
        """The points: all of them for a pass, else none."""
        return self.exercise.points if self.status == PASS else 0

    @property
    def record(self) -> Record:
        """What is kept of it."""
        return Record(self.status, self.message, self.mistake)


def grade(exercise: Exercise, answer: Any, *, seed: int | None = None) -> Outcome:
    """Run the checks of an exercise, in order, until one fails.

    Args:
        exercise: What was asked.
        answer: The learner's function or value. `...` and a function that raises
            `NotImplementedError` are stubs.
        seed: That of an earlier outcome, to try the same inputs again; fresh ones are
            drawn without it.

    Returns:
        The outcome. Nothing is raised: an exception in the learner's code is the
        outcome `ERROR` with the learner's own line, and so is stopping the cell.
    """
    if answer is ...:
        return _unattempted(exercise)
    with grading(exercise), drawing(seed) as drawn:
        outcome = _checked(exercise, answer, drawn)
    repeatable = outcome.mistake and drawn.used
    return replace(outcome, seed=drawn.seed) if repeatable else outcome


def _checked(exercise: Exercise, answer: Any, drawn: Draw) -> Outcome:
    for check in exercise.checks:
        drawn.used = False
        try:
            check(answer)
        except NotImplementedError as stub:
            return _unattempted(exercise, answer, str(stub))
        except Mistake as mistake:
            return Outcome(exercise, FAIL, str(mistake), check.__name__)
        except (Exception, KeyboardInterrupt) as error:  # from the learner's code
            return Outcome(exercise, ERROR, told(error), check.__name__)
    return Outcome(exercise, PASS, exercise.praise)


def _unattempted(exercise: Exercise, answer: Any = ..., said: str = "") -> Outcome:
    cell = f"Write your answer in the cell of `{exercise.name}`."
    message = exercise.beginning or cell
    if _statements(answer) > 1:
        message = (
            "There is code in your function, and the line `raise NotImplementedError` "
            "is still there, which stops it: delete that line and run the cell."
        )
    elif said and said != STUB:
        message = said
    return Outcome(exercise, UNATTEMPTED, message)


def _statements(answer: Any) -> int:
    """How many statements a function has besides its docstring; 0 if it is not told."""
    try:
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(answer))).body
    except (TypeError, OSError, SyntaxError, ValueError):
        return 0
    if not isinstance(function, ast.FunctionDef):
        return 0
    return len(function.body) - (ast.get_docstring(function) is not None)


def told(error: BaseException) -> str:
    """An exception in one sentence, with the line of the learner's that it came from."""
    line = _own_line(error.__traceback__)
    if isinstance(error, KeyboardInterrupt):
        where = f" in your line `{line}`" if line else ""
        return f"Stopped{where}. Does every loop come to an end?"
    text = f"{type(error).__name__}: {error}".strip().rstrip(":.")
    text = ", ".join([text, *_calls(error)])
    if not line:
        return f"{text}. The check could not use your answer."
    return f"{text}, in your line: {line}"


def _calls(error: BaseException) -> list[str]:
    """How the learner's function was called, from within to without."""
    notes = getattr(error, "__notes__", ())
    return [note for note in notes if note.startswith(CALLED)][:1]


def _own_line(trace: TracebackType | None) -> str:
    """The last line of the traceback that the learner wrote; empty if there is none."""
    for frame in reversed(traceback.extract_tb(trace)):
        if not frame.filename.startswith(_NOT_THE_LEARNERS):
            line = frame.line or linecache.getline(frame.filename, frame.lineno or 0)
            return line.strip()
    return ""
