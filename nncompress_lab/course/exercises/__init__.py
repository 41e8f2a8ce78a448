"""The exercises of each lesson, with their checks. Nothing here is hidden from learners."""

from importlib import import_module

from nncompress_lab.course.exercise import Exercise

_MODULES = {"00": "start", "01": "measuring", "02": "pruning"}


def exercises_of(lesson_id: str) -> dict[str, Exercise]:
    """The exercises of a lesson by name, in order. Starts Keras.

    Raises:
        LookupError: If there is no such lesson.
    """
    if lesson_id not in _MODULES:
        known = ", ".join(_MODULES)
        raise LookupError(f"There is no lesson {lesson_id!r}. The course has {known}.")
    module = import_module(f"{__name__}.{_MODULES[lesson_id]}")
    return {exercise.name: exercise for exercise in module.EXERCISES}
