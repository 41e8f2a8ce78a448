"""What every lesson promises: built from its source, graded fairly, budgets kept."""

import json
import os
import re
from functools import cache

import nbformat
import pytest
from course.answers import answer_of

from nncompress_lab.course import build, catalogue
from nncompress_lab.course.exercises import exercises_of
from nncompress_lab.course.grade import grade
from nncompress_lab.course.progress import FAIL, PASS, UNATTEMPTED

SOURCES = build.sources()
WRONG = [
    pytest.param(source, wrong, id=f"{source.stem}-{wrong.exercise}-{wrong.check}")
    for source in SOURCES
    for wrong in build.wrong_answers(source)
]
BUILT = [
    pytest.param(path, kind, id=f"{kind}-{path.stem}")
    for source in SOURCES
    for kind, path in (
        ("student", catalogue.folder() / f"{source.stem}.ipynb"),
        ("solution", catalogue.folder() / "solutions" / f"{source.stem}.ipynb"),
    )
]
FEWEST_CHECKS = 4
SEED = 1  # of the inputs, which are fresh ones for learners


def lesson_of(source):
    return source.name[:2]


@cache
def notebook_at(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize(("source", "wrong"), WRONG)
def test_a_wrong_answer_fails_for_its_named_reason(
    source, wrong, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # where an answer may write files
    lesson = lesson_of(source)
    exercise = exercises_of(lesson)[wrong.exercise]

    outcome = grade(exercise, answer_of(wrong.code, exercise, lesson), seed=SEED)

    assert (outcome.status, outcome.mistake) == (FAIL, wrong.check), outcome.message


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_exercise_keeps_two_wrong_answers(source):
    kept = [wrong.exercise for wrong in build.wrong_answers(source)]

    for name in exercises_of(lesson_of(source)):
        assert kept.count(name) >= 2, name


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_exercise_is_asked_and_checked_in_its_lesson(source):
    cells = build.solution(source).cells
    checks = "\n".join(
        cell.source for cell in cells if "check" in cell.metadata.get("tags", ())
    )

    assert set(build.answers(source)) == set(exercises_of(lesson_of(source)))
    for name in exercises_of(lesson_of(source)):
        assert f'"{name}"' in checks


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_reference_of_every_exercise_passes_on_fresh_inputs(source):
    for exercise in exercises_of(lesson_of(source)).values():
        if isinstance(exercise.reference, os.PathLike):
            continue  # a file that the notebook writes; nbval hands it in
        assert grade(exercise, exercise.reference).status == PASS, exercise.name


@pytest.mark.parametrize(("path", "kind"), BUILT)
def test_a_notebook_is_what_a_fresh_build_makes(path, kind):
    source = catalogue.folder() / "src" / f"{path.stem}.py"
    fresh = getattr(build, kind)(source)
    built = notebook_at(path)

    assert built.metadata == fresh.metadata
    kept = ("cell_type", "id", "metadata", "source")
    for ours, theirs in zip(fresh.cells, built.cells, strict=True):
        assert {key: theirs[key] for key in kept} == {key: ours[key] for key in kept}


@pytest.mark.parametrize(("path", "kind"), BUILT)
def test_a_notebook_was_executed_and_checks_something(path, kind):
    cells = [cell for cell in notebook_at(path).cells if cell.cell_type == "code"]
    compared = [
        cell
        for cell in cells
        if "nbval-check-output" in cell.metadata.get("tags", ()) and cell.outputs
    ]

    assert all(cell.execution_count for cell in cells)
    assert len(compared) >= FEWEST_CHECKS
    assert not [
        output
        for cell in cells
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


@pytest.mark.parametrize(("path", "kind"), BUILT)
def test_the_last_cell_shows_full_marks_or_none(path, kind):
    score = notebook_at(path).cells[-1].outputs[0].data["text/plain"]
    lesson = catalogue.find(path.name[:2])
    earned = lesson.points if kind == "solution" else 0

    assert score.startswith(f"Lesson {lesson.id}: {earned} of {lesson.points} points")
    if kind == "student":
        assert score.count(UNATTEMPTED) == len(lesson.exercises)


@pytest.mark.parametrize(("path", "kind"), BUILT)
def test_the_last_card_names_the_next_lesson(path, kind):
    last_line = (
        notebook_at(path).cells[-1].outputs[0].data["text/plain"].splitlines()[-1]
    )
    later = [one for one in catalogue.lessons() if one.id > path.name[:2]]

    assert (f"lesson {later[0].id}, {later[0].title}" if later else "last") in last_line


@pytest.mark.parametrize(("path", "kind"), BUILT)
def test_a_notebook_holds_nothing_of_the_machine_it_was_built_on(path, kind):
    # Images in base64 hold every short text now and then.
    text = re.sub("[A-Za-z0-9+/]{70,}", "", path.read_text(encoding="utf-8"))

    assert "/root" not in text
    assert "/tmp" not in text
    assert "widget-state" not in json.dumps(notebook_at(path).metadata)
