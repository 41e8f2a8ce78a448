"""What a user does in JupyterLab, with time limits, for tests in a browser."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab_server import Lab
from playwright.sync_api import Locator, TimeoutError

ATTEMPTS = 10
PATIENCE = 2_000  # milliseconds

# `evaluate` waits for ever for a promise that is never settled.
BOUNDED = """async ([argument, milliseconds, what]) => {
  const late = new Promise((_, reject) => setTimeout(
    () => reject(new Error(`${what} took over ${milliseconds} ms`)), milliseconds));
  return Promise.race([(async () => { %s })(), late]);
}"""


def evaluate(
    page: Any, script: str, argument: Any = None, *, seconds: float = 60
) -> Any:
    """Run the body of an async function in the page, for some seconds at most.

    Args:
        page: The page.
        script: Sees `argument`; what it returns must be JSON.
        argument: Anything that is JSON.
        seconds: The limit.
    """
    what = script.strip().partition("\n")[0][:60]
    return page.evaluate(BOUNDED % script, [argument, 1000 * seconds, what])


def ready(page: Any) -> None:
    """Wait until JupyterLab has started and restored its layout."""
    page.wait_for_function("() => window.jupyterapp !== undefined")
    evaluate(page, "await window.jupyterapp.restored; return null;")
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def open_lab(page: Any, lab: Lab) -> None:
    """Open JupyterLab with its launcher."""
    page.goto(lab.url())
    ready(page)


def run_command(
    page: Any, command: str, arguments: dict[str, Any] | None = None, **limit: float
) -> None:
    """Run one of JupyterLab's commands and wait for its end."""
    script = """const [command, args] = argument;
                await window.jupyterapp.commands.execute(command, args);
                return null;"""
    evaluate(page, script, [command, arguments or {}], **limit)


def kernel_ready(page: Any) -> None:
    """Wait for the kernel of the notebook in front.

    The notebook says "idle" before there is a kernel, and running cells then never
    ends; the kernel's answer to "who are you" is a sign that can be relied on.
    """
    page.locator(".jp-NotebookPanel:visible .jp-Notebook").wait_for()
    script = """const panel = window.jupyterapp.shell.currentWidget;
                await panel.context.ready;
                await panel.sessionContext.ready;
                await panel.sessionContext.session.kernel.info;
                return null;"""
    evaluate(page, script)


def open_notebook(page: Any, lab: Lab, path: str) -> None:
    """Open a notebook and wait for its kernel."""
    page.goto(lab.url(f"/tree/{path}"))
    ready(page)
    kernel_ready(page)


def run_all(page: Any, *, seconds: float = 120) -> None:
    """Run all cells of the notebook in front and wait for the last."""
    run_command(page, "notebook:run-all-cells", seconds=seconds)


def write_notebook(path: Path, sources: list[str]) -> None:
    """Write a notebook with code cells that were not run."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def open_by_double_click(page: Any, name: str) -> None:
    """Open a file of the file browser's folder."""
    page.locator(".jp-DirListing-item", has_text=name).dblclick()


def show_course(page: Any) -> Any:
    """Open the course panel on the left and return it."""
    page.locator('.jp-SideBar [title="Model compression course"]').click()
    panel = page.locator("#nncompress-lab-course")
    panel.wait_for()
    return panel


def in_palette(
    page: Any, text: str, command: str, then: Callable[[Locator], object]
) -> None:
    """Do something with the entries of a command in the palette, after typing some text.

    The palette closes when anything else takes the focus, which a page that is still
    starting does; then everything is done again. So `then` must be quick to give up.
    """
    field = page.locator(".lm-CommandPalette-input")
    entries = page.locator(f'.lm-CommandPalette-item[data-command="{command}"]')
    for left in reversed(range(ATTEMPTS)):
        try:
            if not field.is_visible():
                run_command(page, "apputils:activate-command-palette")
            field.fill(text, timeout=PATIENCE)
            then(entries)
            break
        except (AssertionError, TimeoutError):
            if not left:
                raise


def sources(page: Any) -> list[str]:
    """The source of each cell of the notebook in front."""
    script = """const { model } = window.jupyterapp.shell.currentWidget.content;
                return [...model.cells].map(cell => cell.sharedModel.getSource());"""
    return list(evaluate(page, script))
