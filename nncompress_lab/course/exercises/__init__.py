"""The exercises of each lesson, with their checks. Nothing here is hidden from learners.

Lesson NN has its checks in `lesson_NN_name.py`. One that needs several such files lists
its exercises, `EXERCISES`, in one of them.
"""

from importlib import import_module
from pathlib import Path

from nncompress_lab.course.exercise import Exercise


def exercises_of(lesson_id: str) -> dict[str, Exercise]:
    """The exercises of a lesson by name, in order. Starts Keras.

    Raises:
        LookupError: If there is no such lesson.
    """
    names = sorted(path.stem for path in Path(__file__).parent.glob("lesson_*.py"))
    for name in names:
        if name.startswith(f"lesson_{lesson_id}_"):
            module = import_module(f"{__name__}.{name}")
            if hasattr(module, "EXERCISES"):
                return {exercise.name: exercise for exercise in module.EXERCISES}
    known = ", ".join(sorted({name.split("_")[1] for name in names}))
    raise LookupError(f"There is no lesson {lesson_id!r}. The course has {known}.")
