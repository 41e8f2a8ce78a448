"""Answers as programs: a cell of a lesson, run as its notebook would run it."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab.course import build
from nncompress_lab.course.exercise import Exercise
from nncompress_lab.course.exercises import exercises_of
from nncompress_lab.course.small_student import small_student

STUDENT = small_student()


def answer_of(code: str, exercise: Exercise, lesson: str) -> Any:
    """Run a cell that defines an answer, after the answers of the other exercises."""
    names = {name: each.reference for name, each in exercises_of(lesson).items()}
    del names[exercise.name]
    modules = {"np": np, "keras": keras, "ncl": ncl, "tempfile": tempfile, "Path": Path}
    namespace = names | modules | {"student": STUDENT}
    exec(compile(code, "<answer>", "exec"), namespace)
    return namespace.get(exercise.name, ...)


def cells_of(source: Path) -> list[Any]:
    """The cells of a lesson as the solution notebook has them."""
    return list(build.solution(source).cells)
