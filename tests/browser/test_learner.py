"""A learner's way through lesson 02: run it, move the control, pass a check."""

import json
import time

import pytest
from lab_pages import (
    evaluate,
    open_notebook,
    run_all,
    run_command,
    show_course,
    sources,
)
from playwright.sync_api import expect

from nncompress_lab.course import catalogue, copies

LESSON = catalogue.find("02")
ACCURACY = ".nncompress-tile:has-text('Validation accuracy')"
NONZEROS = ".nncompress-tile:has-text('Non-zeros')"
LESSON_SECONDS = 300  # a busy machine; the notebook itself runs in under one minute
SECONDS_TO_FOLLOW = 3  # for an accuracy that takes a tenth of that in quiet


def opened(page, lab):
    copy = copies.copy_lesson(LESSON.id, lab.root / copies.COURSE_FOLDER)
    open_notebook(page, lab, f"{copies.COURSE_FOLDER}/{copy.name}")


def cell_of(exercise, path):
    """The place of an exercise in a notebook, and its source."""
    cells = json.loads(path.read_text())["cells"]
    for index, cell in enumerate(cells):
        if f"exercise:{exercise}" in cell["metadata"].get("tags", ()):
            return index, "".join(cell["source"])
    raise LookupError(exercise)


def answer(page, name):
    """Write the right answer into the cell of an exercise."""
    index, _ = cell_of(name, catalogue.folder() / LESSON.file)
    _, source = cell_of(name, catalogue.folder() / "solutions" / LESSON.file)
    script = """const [index, source] = argument;
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = index;
                notebook.activeCell.model.sharedModel.setSource(source);
                return null;"""
    evaluate(page, script, [index, source])
    for _ in range(2):  # the answer, and the check below it
        run_command(page, "notebook:run-cell-and-select-next")


@pytest.mark.jupyterlab
def test_a_learner_runs_the_lesson_moves_the_control_and_passes_a_check(page, lab):
    opened(page, lab)
    panel = show_course(page)
    expect(panel).to_contain_text(LESSON.title)
    run_all(page, seconds=LESSON_SECONDS)

    # The control answers to the keyboard with a real accuracy.
    figure = page.locator(ACCURACY)
    before, nonzeros = figure.inner_text(), page.locator(NONZEROS).inner_text()
    handle = page.locator(".nncompress-control .noUi-handle").first
    handle.focus()
    handle.press("PageUp")
    started = time.monotonic()
    expect(page.locator(NONZEROS)).not_to_contain_text(nonzeros)
    expect(page.locator(f".nncompress-stale{ACCURACY}")).to_have_count(0)
    expect(figure).not_to_contain_text("±")
    expect(figure).not_to_contain_text(before.splitlines()[1])
    assert time.monotonic() - started < SECONDS_TO_FOLLOW

    # A check that passes moves the panel.
    entry = panel.get_by_role("listitem").filter(has_text=LESSON.title)
    expect(entry).to_contain_text(f"0 / {LESSON.points}")
    answer(page, "prune_below")
    expect(entry).to_contain_text(f"2 / {LESSON.points}")
    assert json.loads(lab.progress.read_text())["checks"]["02/prune_below"] == {
        "status": "PASS",
        "message": "Every check passes.",
        "mistake": "",
    }

    # The control's setting becomes the answer, in the cell of its exercise.
    cells = len(sources(page))
    page.get_by_role("button", name="Use this in my code").click()
    page.get_by_role("button", name="Insert as my answer").click()
    assert len(sources(page)) == cells
    answers = [each for each in sources(page) if "chosen_pruning = ncl." in each]
    assert len(answers) == 1
