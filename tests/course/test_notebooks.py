"""Every lesson runs from top to bottom as a learner gets it, and then is solved.

nbval runs it in one kernel: first the notebook with its stubs, which must say again what it
said when it was built (the outputs of the cells that are tagged as checks are compared),
then the answers, which must earn full marks. It runs in a process of its own, since with
`--nbval` it would take over every notebook that pytest meets.
"""

import subprocess
import sys
import time
from textwrap import indent

import nbformat
import pytest

from nncompress_lab.course import build, catalogue, progress
from nncompress_lab.course.execute import PEAK_MEMORY, read_notebook
from nncompress_lab.course.exercises import exercises_of

# The long ones first, so that two that run side by side end together.
LESSONS = list(build.sources())[::-1]
CELL_SECONDS = 300
SECONDS = 150  # of a lesson: the goal is 60, and a busy machine takes twice that
PEAK_BYTES = 1.3e9
NOTED = 'with open("peak.txt", "w") as file, contextlib.redirect_stdout(file):'


def answered(source):
    """The learner's notebook, whose last cells answer everything and note the memory."""
    notebook = read_notebook(catalogue.folder() / f"{source.stem}.ipynb")
    last = [
        f'{code}\n\nlesson.check("{name}", {name})'
        for name, code in build.answers(source).items()
    ]
    last.append("import contextlib\n\n" + NOTED + indent(PEAK_MEMORY, "    "))
    notebook.cells += [nbformat.v4.new_code_cell(code) for code in last]
    return notebook


def run(notebook, folder):
    nbformat.write(notebook, folder / "lesson.ipynb")
    options = ["--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    timeout = f"--nbval-cell-timeout={CELL_SECONDS}"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, timeout, "lesson.ipynb"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("source", LESSONS, ids=lambda path: path.stem)
def test_a_notebook_says_again_what_it_said_and_its_answers_earn_full_marks(
    source, tmp_path, progress_file
):
    started = time.perf_counter()
    finished = run(answered(source), tmp_path)
    seconds = time.perf_counter() - started

    assert finished.returncode == 0, finished.stdout[-5000:]
    assert " passed" in finished.stdout
    earned = {
        name for name, record in progress.load(progress_file).items() if record.passed
    }
    lesson = source.stem[:2]
    assert earned == {f"{lesson}/{name}" for name in exercises_of(lesson)}
    assert seconds <= SECONDS
    assert int((tmp_path / "peak.txt").read_text()) <= PEAK_BYTES
