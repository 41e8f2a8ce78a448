"""What the cells of a lesson's notebook with the answers hold."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from nncompress_lab.course import catalogue


def solution_cell(lesson_id: str, name: str) -> str:
    """The source of the cell that answers an exercise.

    Raises:
        LookupError: If there is no such lesson or cell.
    """
    for cell in _cells(lesson_id):
        if f"exercise:{name}" in cell["metadata"].get("tags", ()):
            return _source(cell)
    raise LookupError(f"Lesson {lesson_id} has no cell for the exercise {name!r}.")


@cache
def names_made(lesson_id: str) -> frozenset[str]:
    """The names that some cell of the lesson gives a value, in functions or outside.

    Raises:
        LookupError: If there is no such lesson.
    """
    sources = [_source(cell) for cell in _cells(lesson_id)]
    return frozenset(name for source in sources for name in _names(source))


def _names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _cells(lesson_id: str) -> list[Any]:
    path = catalogue.folder() / "solutions" / catalogue.find(lesson_id).file
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _source(cell: Any) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
