"""The notebook that this program runs in, if it runs in one."""

import ast
import gc
import re
import sys
from collections.abc import Callable
from typing import Any


def shell() -> Any | None:
    """IPython's shell; None in an ordinary program."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


class _Runs:
    """Counts the cells that a shell runs, from when it is first asked.

    The shell's own number stands still where nobody keeps a history, as in nbval.
    """

    def __init__(self, notebook: Any) -> None:
        self.number = 0
        notebook.events.register("pre_run_cell", self.next)

    def next(self, _info: Any = None) -> None:
        """Another cell begins."""
        self.number += 1


_runs: dict[int, _Runs] = {}


def running_cell() -> int | None:
    """A number of the run of a cell; another one in each run, None outside a notebook."""
    notebook = shell()
    if notebook is None:
        return None
    if id(notebook) not in _runs:
        _runs[id(notebook)] = _Runs(notebook)
    return _runs[id(notebook)].number


def keep_what_is_imported() -> None:
    """Let Python look for garbage among what a notebook makes, and in nothing older.

    It looks again when the objects have grown by a quarter. With all that TensorFlow
    imports that is rare, and models that a lesson has long given up, which point at
    themselves, lie around meanwhile. Without it Python looks often, at little.
    """
    if shell() is not None and not gc.get_freeze_count():
        gc.freeze()
        gc.collect()  # counts what is left: nothing


def cells_run() -> list[str]:
    """The sources of all cells that ran, with that which runs; none outside a notebook."""
    notebook = shell()
    return list(notebook.user_ns["In"]) if notebook else []


def defines(name: str, cells: list[str]) -> bool:
    """Whether one of these cells gives the name a value of the learner's."""
    return any(_gives(name, source) for source in cells)


def _gives(name: str, source: str) -> bool:
    """Whether a cell makes a name, and not from what a check hands back."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a command of IPython, or what stopped the cell
        return bool(
            re.search(rf"^\s*(def\s+{name}\b|{name}\s*=)", source, re.MULTILINE)
        )
    accepted = [
        target
        for node in nodes
        if isinstance(node, ast.Assign) and "accept(" in ast.unparse(node.value)
        for target in node.targets
    ]
    return any(
        (isinstance(node, ast.FunctionDef) and node.name == name)
        or (isinstance(node, ast.Name) and node.id == name and _is_made(node, accepted))
        for node in nodes
    )


def _is_made(node: ast.Name, accepted: list[ast.expr]) -> bool:
    return isinstance(node.ctx, ast.Store) and node not in accepted


def show(result: object) -> None:
    """Show a result in the output of the running cell; print it outside a notebook."""
    if shell() is None:
        print(result)  # noqa: T201
    else:
        from IPython.display import display

        display(result)


def show_when_stopped(result: Callable[[BaseException], object]) -> None:
    """Let a cell show something short in place of a traceback.

    Args:
        result: What to show, by the `KeyboardInterrupt` or the `NameError` that ended
            the cell; for None the traceback is shown.
    """

    def shows(
        shell: Any, kind: object, error: BaseException, trace: object, tb_offset: object
    ) -> list[str]:
        found = result(error)
        if found is None:
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        else:
            show(found)
        return []

    notebook = shell()
    if notebook is not None:
        notebook.set_custom_exc((KeyboardInterrupt, NameError), shows)
