"""Every lesson runs from top to bottom: once as a learner gets it, once solved.

The learner's notebook says again what it said when it was built: nbval compares the outputs
of the cells that are tagged as checks. It runs in a process of its own, since with
`--nbval` it would take over every notebook that pytest meets. The solved one is graded.
"""

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from nncompress_lab.cli import commands as cli
from nncompress_lab.course import build, catalogue

NOTEBOOKS = [catalogue.folder() / f"{source.stem}.ipynb" for source in build.sources()]
CELL_SECONDS = 300
SECONDS = 120  # of a solved lesson: the goal is 60, and a busy machine takes twice that
PEAK_BYTES = 1.3e9


def run(notebook, folder):
    copy = shutil.copy(notebook, folder)  # a lesson writes files beside itself
    options = ["--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    timeout = f"--nbval-cell-timeout={CELL_SECONDS}"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, timeout, copy],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_again_what_it_said(notebook, tmp_path):
    finished = run(notebook, tmp_path)

    assert finished.returncode == 0, finished.stdout[-5000:]
    assert " passed" in finished.stdout


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_solution_earns_full_marks_within_its_budget(notebook):
    solution = catalogue.folder() / "solutions" / notebook.name

    run = CliRunner().invoke(cli.app, ["grade", str(solution), "--json"])

    facts = json.loads(run.stdout)
    assert run.exit_code == 0, facts
    assert facts["errors"] == {}
    assert facts["earned"] == facts["possible"] > 0
    assert facts["seconds"] <= SECONDS
    assert facts["peak_bytes"] <= PEAK_BYTES
