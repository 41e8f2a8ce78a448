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


def test_a_run_fills_the_outputs_and_tells_time_and_memory():
    notebook = notebook_of("print(6 * 7)")

    run = execute(notebook)

    assert notebook.cells[0].outputs[0].text == "42\n"
    assert run.seconds > 0
    assert run.peak_bytes > 10e6
    assert len(notebook.cells) == 1


def test_a_cell_that_raises_stops_a_run_or_is_collected():
    with pytest.raises(NotebookRunError, match="ZeroDivisionError"):
        execute(notebook_of("1 / 0"))

    run = execute(notebook_of("1 / 0", "print(1)"), keep_going=True)
    assert run.errors == {0: "ZeroDivisionError: division by zero"}


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
    endless = notebook_of("while True:\n    pass", "print(1)")

    run = execute(endless, keep_going=True, cell_seconds=2)

    assert run.errors == {0: "TimeoutError: it was stopped after 2 s"}
    assert endless.cells[1].outputs[0].text == "1\n"
    caught = "try:\n    while True:\n        pass\nexcept KeyboardInterrupt:\n    pass"
    with pytest.raises(NotebookRunError, match="stopped after 2 s"):
        execute(notebook_of(caught), cell_seconds=2)


def test_a_graded_notebook_counts_what_it_checked(tmp_path, progress_file):
    notebook = notebook_of(
        "from nncompress_lab.course import Lesson\nlesson = Lesson('00')",
        "lesson.check('sparsity', lambda weights: (weights == 0).mean())",
        "lesson.check('sparsity', ...)",
        "raise RuntimeError('mine')",
        "import _thread\ndef count_weights(arrays):\n    _thread.interrupt_main()",
        "lesson.check('count_weights', count_weights)",
        "_thread.interrupt_main()",
    )
    notebook.metadata["nncompress"] = {"lesson": "00", "cell_seconds": 200}
    path = tmp_path / "answers.ipynb"
    nbformat.write(notebook, path)
    before = path.read_bytes()

    grades = grade_notebook(path)

    marks = {mark.name: mark for mark in grades.marks}
    assert marks.pop("sparsity").status == "PASS"
    stopped = marks.pop("count_weights")
    assert stopped.status == "ERROR"
    assert "Stopped in your line `_thread.interrupt_main()`" in stopped.message
    assert {mark.status for mark in marks.values()} == {"UNATTEMPTED"}
    assert grades.errors == {3: "RuntimeError: mine"}
    assert 0 < grades.earned < grades.possible
    assert path.read_bytes() == before
    assert not progress_file.exists()


def test_a_cell_that_wants_what_a_cell_above_makes_says_so_in_a_card():
    notebook = notebook_of(
        "from nncompress_lab.course import Lesson\nlesson = Lesson('02')",
        "lesson.check('magnitude_mask', magnitude_mask)",
        "magnitude_maks",  # a slip of the pen, which the traceback tells best
        "def f():\n    images = images + 1\nf()",  # a name of the lesson, but a local
        "why_no_smaller = b",
    )

    run = execute(notebook, keep_going=True)

    wanted, slip, local, letter = (cell.outputs for cell in notebook.cells[1:])
    assert (
        wanted[0]
        .data["text/plain"]
        .startswith("! ERROR · `magnitude_mask` is not there yet")
    )
    assert slip[0].ename == "NameError"
    assert local[0].ename == "UnboundLocalError"
    assert 'why_no_smaller = "b"' in letter[0].data["text/plain"]
    assert set(run.errors) >= {2, 3}


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
