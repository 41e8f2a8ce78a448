"""Every lesson runs from top to bottom and says again what it said when it was built.

The solutions, which are the same cells with the exercises solved, are run and marked by
`nncompress grade`. nbval compares the outputs of the cells that are tagged as checks. It
runs in a process of its own: with `--nbval` it would take over every notebook that pytest
meets.
"""

import shutil
import subprocess
import sys

import pytest

from nncompress_lab.course import build, catalogue

NOTEBOOKS = [catalogue.folder() / f"{source.stem}.ipynb" for source in build.sources()]
CELL_SECONDS = 300


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
