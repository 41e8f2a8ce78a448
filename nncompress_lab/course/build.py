"""Build the course: one py:percent source a lesson, two executed notebooks out of it.

In a source, cells carry tags:

- `exercise:NAME`: the code between `# BEGIN SOLUTION` and `# END SOLUTION` is cut from the
  student's notebook and a stub put in its place.
- `check`: its output must be the same on every machine, and nbval compares it.
- `solution`: only in the solution notebook.
- `predicted`: its output answers a prediction, so the student's notebook ships without it.
- `wrong:NAME:CHECK`: a wrong answer to the exercise NAME, in neither notebook; the tests
  hold that the check CHECK refuses it.

The build goes one way. Both notebooks are executed and committed with their outputs, and a
test holds that their cells are those of a fresh build.
"""

import ast
import copy
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from nncompress_lab.atomic import replace_file
from nncompress_lab.course import catalogue
from nncompress_lab.course.catalogue import METADATA, ExerciseEntry
from nncompress_lab.course.execute import Execution, NotebookRunError, execute
from nncompress_lab.course.exercises import exercises_of
from nncompress_lab.course.grade import STUB

_SOLUTION = re.compile(
    r"^(?P<indent>[ ]*)# BEGIN SOLUTION\n(?P<body>.*?)^[ ]*# END SOLUTION\n?",
    re.DOTALL | re.MULTILINE,
)
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_LANGUAGE = {"name": "python"}


@dataclass(frozen=True)
class WrongAnswer:
    """A wrong answer of a source: to which exercise, refused by which check."""

    exercise: str
    check: str
    code: str


def sources() -> list[Path]:
    """The sources of all lessons, in order."""
    return sorted((catalogue.folder() / "src").glob("[0-9][0-9]_*.py"))


def student(source: Path) -> NotebookNode:
    """The notebook with stubs, not executed."""
    return _notebook(source, solved=False)


def solution(source: Path) -> NotebookNode:
    """The notebook with the answers, not executed."""
    return _notebook(source, solved=True)


def wrong_answers(source: Path) -> list[WrongAnswer]:
    """The wrong answers that a source keeps."""
    found = []
    for cell in _read(source).cells:
        for tag in _tags(cell):
            if tag.startswith("wrong:"):
                _, exercise, check = tag.split(":")
                found.append(WrongAnswer(exercise, check, cell.source))
    return found


def answers(source: Path) -> dict[str, str]:
    """The code of the right answer to each exercise of a source."""
    return {
        name: cell.source
        for cell in solution(source).cells
        for tag in _tags(cell)
        if (name := tag.removeprefix("exercise:")) != tag
    }


def build(source: Path) -> dict[str, Execution]:
    """Build, execute and write both notebooks of a lesson.

    Args:
        source: The py:percent file.

    Returns:
        How the runs went, for `"student"` and `"solution"`.

    Raises:
        NotebookRunError: If a cell raises or writes to standard error.
    """
    folder = catalogue.folder()
    name = source.with_suffix(".ipynb").name
    runs = {}
    for kind, notebook, path in (
        ("student", student(source), folder / name),
        ("solution", solution(source), folder / "solutions" / name),
    ):
        runs[kind] = execute(notebook)
        _check_streams(notebook)
        _tidy(notebook)
        if kind == "student":
            _hide_predicted(notebook)
        with replace_file(path) as temporary:
            nbformat.write(notebook, temporary)
    return runs


def _notebook(source: Path, *, solved: bool) -> NotebookNode:
    read = _read(source)
    facts = dict(read.metadata[METADATA])
    facts["exercises"] = [
        asdict(ExerciseEntry(exercise.name, exercise.title, exercise.points))
        for exercise in exercises_of(facts["lesson"]).values()
    ]
    notebook = nbformat.v4.new_notebook(
        metadata={METADATA: facts, "kernelspec": _KERNEL, "language_info": _LANGUAGE}
    )
    for cell in read.cells:
        tags = _tags(cell)
        if any(tag.startswith("wrong:") for tag in tags):
            continue
        if "solution" in tags and not solved:
            continue
        notebook.cells.append(_cell(cell, tags, solved=solved))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"lesson-{facts['lesson']}-{number:03d}"
    return notebook


def _cell(cell: NotebookNode, tags: list[str], *, solved: bool) -> NotebookNode:
    made = copy.deepcopy(cell)
    made.metadata = nbformat.from_dict({})
    if "check" in tags:
        tags = [*tags, "nbval-check-output"]
    if tags:
        made.metadata["tags"] = tags
    if made.cell_type == "code":
        made.source = _SOLUTION.sub(_kept if solved else _stub, made.source).rstrip()
    return made


def _kept(match: re.Match[str]) -> str:
    return match["body"]


def _stub(match: re.Match[str]) -> str:
    indent = match["indent"]
    if indent:
        return f'{indent}raise NotImplementedError("{STUB}")\n'
    names = [
        target.id
        for node in ast.parse(match["body"]).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return "".join(f"{name} = ...  # {_wanted(match['body'])}\n" for name in names)


def _wanted(body: str) -> str:
    """What a learner writes in the place of a value."""
    here, value = "your answer here", ast.parse(body).body[-1]
    is_letter = (
        isinstance(value, ast.Assign)
        and isinstance(value.value, ast.Constant)
        and len(str(value.value.value)) == 1
    )
    return f'{here}: a letter, such as "a"' if is_letter else here


def _read(source: Path) -> NotebookNode:
    return jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")


def _tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", ()))


def _check_streams(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                raise NotebookRunError(
                    f"A cell of a lesson writes to standard error:\n{cell.source}\n"
                    f"{output.text}"
                )


def _hide_predicted(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if "predicted" in _tags(cell):
            cell.outputs = []


def _tidy(notebook: NotebookNode) -> None:
    """Drop what differs from run to run and helps no reader."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = nbformat.from_dict(_LANGUAGE)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
