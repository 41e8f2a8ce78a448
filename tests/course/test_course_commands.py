"""`nncompress lab` and `nncompress grade`, as a learner and a teacher call them."""

import builtins
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace

import nbformat
import pytest
from typer.testing import CliRunner

from nncompress_lab.cli import commands as cli
from nncompress_lab.course import Lesson, catalogue, grading, launch, progress
from nncompress_lab.errors import CompressionError

NEWS = "@jupyterlab/apputils-extension:notification"
URL = re.compile(r"http://127\.0\.0\.1:\d+/lab/tree/\S+")


@pytest.fixture
def own_jupyter(tmp_path):
    folders = ("CONFIG", "DATA", "RUNTIME")
    jupyter = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in folders}
    return {**os.environ, **jupyter, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


@pytest.fixture
def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def url_of(process, seconds=300):
    """Read the server's log until it says where it is."""
    read, end = "", time.monotonic() + seconds
    while time.monotonic() < end:
        line = process.stderr.readline()
        read += line
        if found := URL.search(line):
            return found[0]
        if not line and process.poll() is not None:
            break
    raise AssertionError(f"no URL in:\n{read}")


def page_at(url, seconds=20):
    """Jupyter says where it is a moment before it listens there."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=seconds) as reply:
                return reply.read().decode()
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_lab_opens_the_start_lesson_and_prints_its_address(
    tmp_path, own_jupyter, free_port
):
    root = tmp_path / "her notebooks"
    root.mkdir()
    options = [
        "--no-browser",
        f"--port={free_port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
    ]
    if os.geteuid() == 0:
        options.append("--allow-root")
    process = subprocess.Popen(
        [sys.executable, "-m", "nncompress_lab", "lab", *options],
        cwd=tmp_path,
        env=own_jupyter,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = url_of(process)
        page = page_at(url)
        settings = page_at(re.sub(r"/lab/tree/[^?]+", f"/lab/api/settings/{NEWS}", url))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)

    assert f":{free_port}/lab/tree/nncompress-course/00_start_here.ipynb?token=" in url
    assert "jupyter-config-data" in page
    assert (
        json.loads(settings)["schema"]["properties"]["fetchNews"]["default"] == "false"
    )
    copies = {path.name for path in (root / "nncompress-course").glob("*.ipynb")}
    assert copies == {lesson.file for lesson in catalogue.lessons()}
    assert not (tmp_path / "nncompress-course").exists()


def test_lab_without_jupyterlab_says_how_to_install_it(monkeypatch):
    real_import = builtins.__import__

    def without_jupyterlab(name, *args, **kwargs):
        if name.startswith("jupyterlab"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_jupyterlab)
    with pytest.raises(CompressionError, match=r"nncompress-lab\[lab\]"):
        launch.launch([])


# Lesson 00 with answers of all kinds, and then a piece of lesson 02.
CELLS = (
    "from nncompress_lab.course import Lesson\nlesson = Lesson('00')",
    "lesson.check('sparsity', lambda weights: (weights == 0).mean())",
    "lesson.check('sparsity', ...)",
    "lesson.check('count_weights', len)",
    "raise RuntimeError('mine')",
    "import _thread\ndef bytes_needed(count, bits):\n    _thread.interrupt_main()",
    "lesson.check('bytes_needed', bytes_needed)",
    "_thread.interrupt_main()",
    "lesson = Lesson('02')",
    "lesson.check('magnitude_mask', magnitude_mask)",
    "magnitude_maks",  # a slip of the pen, which the traceback tells best
    "def f():\n    images = images + 1\nf()",  # a name of the lesson, but a local
    "why_no_smaller = b",
)


@pytest.fixture(scope="module")
def notebook():
    """It is run once for all, since a kernel needs seconds for a lesson's imports."""
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"nncompress": {"lesson": "00", "cell_seconds": 200}},
    )


@pytest.fixture(scope="module")
def graded(notebook, tmp_path_factory):
    """The grades of a file of that notebook, which then has the outputs."""
    folder = tmp_path_factory.mktemp("graded")
    path, learned = folder / "lesson.ipynb", folder / "progress.json"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(progress.ENVIRONMENT_VARIABLE, str(learned))
        patch.setattr(grading, "read_notebook", lambda _path: notebook)
        grades = grading.grade_notebook(path)
    assert path.read_bytes() == before
    assert not learned.exists()
    return grades


def test_a_graded_notebook_counts_what_it_checked(graded):
    marks = {mark.name: mark for mark in graded.marks}

    assert marks["sparsity"].status == "PASS"
    assert marks["count_weights"].status == "FAIL"
    stopped = marks["bytes_needed"]
    assert stopped.status == "ERROR"
    assert "Stopped in your line `_thread.interrupt_main()`" in stopped.message
    assert {mark.status for mark in graded.marks} >= {"UNATTEMPTED"}
    assert graded.errors[4] == "RuntimeError: mine"
    assert set(graded.errors) & {*range(8)} == {4}
    assert 0 < graded.earned < graded.possible


def test_a_cell_that_wants_what_a_cell_above_makes_says_so_in_a_card(notebook, graded):
    wanted, slip, local, letter = (cell.outputs for cell in notebook.cells[9:])

    assert (
        wanted[0]
        .data["text/plain"]
        .startswith("! ERROR · `magnitude_mask` is not there yet")
    )
    assert slip[0].ename == "NameError"
    assert local[0].ename == "UnboundLocalError"
    assert 'why_no_smaller = "b"' in letter[0].data["text/plain"]
    assert set(graded.errors) >= {10, 11}


def grade(grades, monkeypatch, *options):
    """The command on a notebook that was run already."""
    monkeypatch.setattr(grading, "grade_notebook", lambda _path: grades)
    return CliRunner().invoke(cli.app, ["grade", "lesson.ipynb", *options])


def test_grade_prints_a_line_for_each_exercise_and_ends_with_1(graded, monkeypatch):
    run = grade(graded, monkeypatch)

    assert run.exit_code == cli.NOT_PASSED
    assert "FAIL" in run.stdout
    assert "UNATTEMPTED" in run.stdout
    assert f"Lesson 00: {graded.earned} of" in run.stdout


def test_grade_prints_json_for_programs(graded, monkeypatch):
    run = grade(graded, monkeypatch, "--json")

    facts = json.loads(run.stdout)
    sparsity = next(one for one in facts["checks"] if one["name"] == "sparsity")
    assert (sparsity["status"], sparsity["earned"]) == ("PASS", sparsity["points"])
    assert facts["earned"] == sparsity["points"] < facts["possible"]
    assert facts["seconds"] > 0


def test_grade_counts_as_the_panel_and_the_cards_do(graded, monkeypatch):
    progress.save("00", "count_weights", progress.Record("PASS", "Right."))

    run = grade(graded, monkeypatch, "--json")

    one = {mark["name"]: mark for mark in json.loads(run.stdout)["checks"]}
    assert one["count_weights"]["status"] == "FAIL"
    assert one["count_weights"]["earned"] == one["count_weights"]["points"]
    assert "An earlier answer of yours passed" in one["count_weights"]["message"]
    assert progress.load()["00/sparsity"].passed
    assert repr(Lesson("00").score()).startswith(
        f"Lesson 00: {json.loads(run.stdout)['earned']} of"
    )


def test_grade_alone_leaves_the_progress_out(graded, monkeypatch):
    progress.save("00", "count_weights", progress.Record("PASS", "Right."))

    run = grade(graded, monkeypatch, "--alone", "--json")

    assert json.loads(run.stdout)["earned"] == graded.earned
    assert set(progress.load()) == {"00/count_weights"}


def test_grade_ends_with_0_when_everything_passes(graded, monkeypatch):
    marks = tuple(replace(mark, earned=mark.points) for mark in graded.marks)

    run = grade(replace(graded, marks=marks), monkeypatch)

    assert run.exit_code == 0, run.stdout


def test_grade_of_a_file_that_is_no_lesson_ends_with_2(tmp_path, monkeypatch, capfd):
    path = tmp_path / "no.ipynb"
    path.write_text("{}")
    monkeypatch.setattr(sys, "argv", ["nncompress", "grade", str(path)])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == cli.BAD_INPUT
    assert "not a notebook that can be read" in capfd.readouterr().err
