"""The notebook that this program runs in, if it runs in one."""

import re
import sys
from collections.abc import Callable
from typing import Any


def shell() -> Any | None:
    """IPython's shell; None in an ordinary program."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def running_cell() -> int | None:
    """The number of the cell that runs; None outside a notebook."""
    notebook = shell()
    return notebook.execution_count if notebook else None


def cells_run() -> list[str]:
    """The sources of all cells that ran, with that which runs; none outside a notebook."""
    notebook = shell()
    return list(notebook.user_ns["In"]) if notebook else []


def defines(name: str, cells: list[str]) -> bool:
    """Whether one of these cells gives the name a value of the learner's."""
    a_function, a_value = rf"def\s+{name}\b", rf"{name}\b[^=\n]*=(?!=)(?!.*accept\()"
    pattern = re.compile(rf"^\s*({a_function}|{a_value})", re.MULTILINE)
    return any(pattern.search(source) for source in cells)


def show(result: object) -> None:
    """Show a result in the output of the running cell; print it outside a notebook."""
    if shell() is None:
        print(result)  # noqa: T201
    else:
        from IPython.display import display

        display(result)


def show_when_stopped(result: Callable[[BaseException], object]) -> None:
    """Let a cell that is stopped show something short in place of a traceback.

    Args:
        result: What to show, by the exception that stopped the cell.
    """

    def shows(
        shell: Any, kind: object, error: BaseException, trace: object, tb_offset: object
    ) -> list[str]:
        show(result(error))
        return []

    notebook = shell()
    if notebook is not None:
        notebook.set_custom_exc((KeyboardInterrupt,), shows)
