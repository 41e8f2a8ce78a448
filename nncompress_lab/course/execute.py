"""Run a notebook from top to bottom in a fresh kernel, and look what came of it."""

import logging
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from nncompress_lab.course import progress
from nncompress_lab.errors import CompressionError

CELL_SECONDS = 600
# Prints the largest resident memory of a kernel, in bytes, or 0.
# `ru_maxrss` would be no less than what the process that starts the kernel has had.
PEAK_MEMORY = """
try:
    lines = open("/proc/self/status").read().splitlines()
    print(1024 * int(next(line for line in lines if "VmHWM" in line).split()[1]))
except OSError:
    try:
        import resource, sys
        scale = 1 if sys.platform == "darwin" else 1024
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
    except ImportError:
        print(0)
"""


class NotebookRunError(CompressionError):
    """A cell of a notebook raised an exception."""


@dataclass(frozen=True)
class Execution:
    """What a run left behind.

    Args:
        seconds: From the start of the kernel to the end of the last cell.
        peak_bytes: The largest resident memory of the kernel; 0 where the system does
            not tell.
        records: The outcome of each check, by `"lesson/exercise"`.
        errors: The cells that raised, by number, with the exception's text.
    """

    seconds: float
    peak_bytes: int
    records: dict[str, progress.Record]
    errors: dict[int, str]


def execute(
    notebook: NotebookNode,
    *,
    keep_going: bool = False,
    cell_seconds: int = CELL_SECONDS,
) -> Execution:
    """Run all cells in place, in an empty folder and with progress of its own.

    Args:
        notebook: Its outputs are replaced.
        keep_going: Collect the exceptions of cells instead of stopping at the first.
        cell_seconds: A cell that takes longer is stopped, as a learner would stop it.

    Returns:
        Time, memory, outcomes and exceptions.

    Raises:
        NotebookRunError: If a cell raises or is stopped and `keep_going` is False.
    """
    with tempfile.TemporaryDirectory() as folder:
        outcomes = Path(folder) / ".progress.json"
        client = NotebookClient(
            notebook,
            timeout=cell_seconds,
            interrupt_on_timeout=True,
            allow_errors=keep_going,
            resources={"metadata": {"path": folder}},
        )
        client.log.setLevel(logging.CRITICAL)  # a cell that is stopped is told below
        started = time.perf_counter()
        try:
            # What a kernel says before its first cell is for its developers.
            with client.setup_kernel(
                stderr=subprocess.DEVNULL, env=_environment(outcomes)
            ):
                stopped = _run_cells(client, cell_seconds)
                seconds = time.perf_counter() - started
                peak = _peak_bytes(client, len(notebook.cells))
        except CellExecutionError as error:
            raise NotebookRunError(f"A cell raised {error}") from error
        if stopped and not keep_going:
            raise NotebookRunError(f"Cells took too long: {stopped}")
        errors = _errors(notebook) | stopped
        return Execution(seconds, peak, progress.load(outcomes), errors)


def _run_cells(client: NotebookClient, cell_seconds: int) -> dict[int, str]:
    """Run all cells and tell those that had to be stopped."""
    stopped = {}
    for index, cell in enumerate(client.nb.cells):
        started = time.perf_counter()
        client.execute_cell(cell, index)
        if time.perf_counter() - started >= cell_seconds:
            stopped[index] = f"TimeoutError: it was stopped after {cell_seconds} s"
    return stopped


def read_notebook(path: Path) -> NotebookNode:
    """The notebook in a file.

    Raises:
        NotebookRunError: If there is no file, or no notebook in it.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise NotebookRunError(
            f"There is no file {path}. `nncompress lab` copies the lessons to "
            "nncompress-course."
        ) from None
    except Exception as error:  # nbformat raises many kinds for other JSON
        raise NotebookRunError(
            f"{path} is not a notebook that can be read ({type(error).__name__}). "
            "Open it in JupyterLab, or copy the lesson anew."
        ) from error


def _environment(outcomes: Path) -> dict[str, str]:
    """Of the kernel, which writes its outcomes where we read them."""
    return {
        **os.environ,
        progress.ENVIRONMENT_VARIABLE: str(outcomes),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _peak_bytes(client: NotebookClient, index: int) -> int:
    cell = nbformat.v4.new_code_cell(PEAK_MEMORY)
    client.nb.cells.append(cell)
    try:
        client.execute_cell(cell, index)
    finally:
        client.nb.cells.pop()
    return int(cell.outputs[0].text)


def _errors(notebook: NotebookNode) -> dict[int, str]:
    return {
        index: f"{output.ename}: {output.evalue}"
        for index, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    }
