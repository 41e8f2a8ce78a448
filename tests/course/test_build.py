"""The builder on a small source, and a run of what it made."""

import nbformat
import pytest

from nncompress_lab.course import build
from nncompress_lab.course.execute import NotebookRunError, execute, read_notebook
from nncompress_lab.course.grading import grade_notebook

SOURCE = '''
# ---
# jupyter:
#   nncompress:
#     lesson: "00"
#     title: A small one
#     minutes: 1
#     difficulty: 1
# ---

# %% [markdown]
# # Title

# %% tags=["exercise:sparsity"]
def sparsity(weights):
    """Say it."""
    # BEGIN SOLUTION
    count = (weights == 0).sum()
    return count / weights.size
    # END SOLUTION


# %% tags=["exercise:first_reading"]
# BEGIN SOLUTION
first_reading = "b"
# END SOLUTION

# %% tags=["wrong:sparsity:is_a_fraction"]
def sparsity(weights):
    return 7

# %% tags=["check"]
print(first_reading)

# %% [markdown] tags=["solution"]
# Only for teachers.
'''.lstrip()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "00_small.py"
    path.write_text(SOURCE)
    return path


def code(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_a_student_gets_stubs_and_no_answers(source):
    made = code(build.student(source))

    assert 'raise NotImplementedError("Your code here")' in made
    assert "first_reading = ...  # your answer here" in made
    assert '"""Say it."""' in made
    for hidden in ("count", '"b"', "SOLUTION", "return 7", "Only for teachers"):
        assert hidden not in made


def test_a_solution_holds_the_answers_and_no_marks(source):
    made = code(build.solution(source))

    assert "return count / weights.size" in made
    assert "Only for teachers" in made
    assert "SOLUTION" not in made
    assert "return 7" not in made


def test_answers_and_wrong_answers_are_found(source):
    assert set(build.answers(source)) == {"sparsity", "first_reading"}
    (wrong,) = build.wrong_answers(source)
    assert (wrong.exercise, wrong.check) == ("sparsity", "is_a_fraction")


def test_checks_are_compared_and_ids_are_stable(source):
    first, second = build.student(source), build.student(source)

    assert first == second
    assert "nbval-check-output" in first.cells[3].metadata.tags
    nbformat.validate(first)


def notebook_of(*cells):
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )


def test_a_run_fills_the_outputs_and_tells_time_memory_and_errors():
    notebook = notebook_of("print(6 * 7)", "1 / 0", "print(1)")

    run = execute(notebook, keep_going=True)

    assert notebook.cells[0].outputs[0].text == "42\n"
    assert notebook.cells[2].outputs[0].text == "1\n"
    assert run.seconds > 0
    assert run.peak_bytes > 10e6
    assert run.errors == {1: "ZeroDivisionError: division by zero"}
    assert len(notebook.cells) == 3


def test_a_cell_that_raises_stops_a_run():
    with pytest.raises(NotebookRunError, match="ZeroDivisionError"):
        execute(notebook_of("1 / 0"))


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"cells": 3}'])
def test_what_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(content)

    with pytest.raises(NotebookRunError, match=r"x\.ipynb is not"):
        grade_notebook(path)


def test_a_missing_notebook_and_a_foreign_one_are_refused(tmp_path):
    with pytest.raises(NotebookRunError, match="no file"):
        read_notebook(tmp_path / "none.ipynb")
    nbformat.write(notebook_of("1"), tmp_path / "foreign.ipynb")
    with pytest.raises(NotebookRunError, match="not a lesson"):
        grade_notebook(tmp_path / "foreign.ipynb")


def test_a_cell_that_takes_too_long_is_stopped_and_the_rest_runs():
    waiting = "import time\ntime.sleep(600)"  # which costs nothing here
    endless = notebook_of(waiting, "print(1)")

    run = execute(endless, keep_going=True, cell_seconds=2)

    assert run.errors == {0: "TimeoutError: it was stopped after 2 s"}
    assert endless.cells[1].outputs[0].text == "1\n"
    caught = "try:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    pass"
    with pytest.raises(NotebookRunError, match="stopped after 2 s"):
        execute(notebook_of("import time", caught), cell_seconds=2)


def test_a_stopped_cell_of_a_lesson_shows_a_card_and_no_traceback():
    notebook = notebook_of(
        "from nncompress_lab.course import cards, grade, kernel",
        "kernel.show_when_stopped(lambda stop: cards.stopped_card(grade.told(stop)))",
        "while True:\n    pass",
    )

    execute(notebook, keep_going=True, cell_seconds=2)

    (card,) = notebook.cells[2].outputs
    assert card.data["text/plain"].startswith("! ERROR · This cell was stopped")
    assert "Stopped in your line <code>" in card.data["text/html"]
