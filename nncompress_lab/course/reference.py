"""A reference answer that stands under a learner's name, and says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from nncompress_lab.course.exercise import Exercise, Mistake
from nncompress_lab.course.kernel import running_cell

_graded: ContextVar[str] = ContextVar("graded", default="")


class Reference:
    """The reference answer to an exercise, marked so that it is never graded.

    It is called as the learner's function is. In each cell that calls it, it says once
    whose answer runs there.

    Args:
        exercise: Its reference is a function.
    """

    def __init__(self, exercise: Exercise) -> None:
        self._exercise = exercise
        self._told_in: int | None = -1

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """What the reference answer returns.

        Raises:
            Mistake: While this exercise is graded: the answer is to be the learner's.
        """
        name = self._exercise.name
        if _graded.get() == name:
            raise Mistake(
                f"Your answer calls the reference answer, which is now under the name "
                f"`{name}`. Write the answer itself."
            )
        cell = running_cell()
        if not _graded.get() and self._told_in != cell:
            self._told_in = cell
            print(f"(Here the reference answer `{name}` runs, not yours.)")  # noqa: T201
        return self._exercise.reference(*arguments, **options)

    def __repr__(self) -> str:
        name = self._exercise.name
        return f"The reference answer to `{name}`. For yours run its cell again."


def is_reference(exercise: Exercise, answer: Any) -> bool:
    """Whether an answer is the lesson's own, which earns nothing."""
    ours = answer is exercise.reference and callable(answer)
    return ours or isinstance(answer, Reference)


@contextmanager
def grading(exercise: Exercise) -> Iterator[None]:
    """While an exercise is graded its own reference refuses to answer for the learner."""
    token = _graded.set(exercise.name)
    try:
        yield
    finally:
        _graded.reset(token)
