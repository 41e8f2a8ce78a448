"""The running kernels of lessons, and how much memory they hold."""

from pathlib import Path
from typing import Any

from nncompress_lab.course import copies

STEP = 10_000_000  # bytes; the panel is not drawn anew for less


def running_lessons(
    sessions: list[dict[str, Any]], root: Path, pids: dict[str, int]
) -> dict[str, list[dict[str, Any]]]:
    """The notebooks of lessons that have a kernel, by lesson.

    Args:
        sessions: As Jupyter lists them.
        root: The folder that Jupyter shows.
        pids: The process of each kernel, by the kernel's id.

    Returns:
        For each lesson dictionaries of `session`, `path` and `memory` in bytes, which is
        None if it is not known.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for session in sessions:
        path, kernel = str(session["path"]), session.get("kernel") or {}
        lesson = copies.lesson_of(root / path) if path.endswith(".ipynb") else None
        if lesson is not None:
            memory = memory_of(pids.get(kernel.get("id", "")))
            one = {"session": session["id"], "path": path, "memory": memory}
            found.setdefault(lesson, []).append(one)
    return found


def memory_of(pid: int | None) -> int | None:
    """Bytes that a process and its children hold, in whole steps; None if not known."""
    try:
        import psutil
    except ImportError:  # it comes with IPython, so only where kernels live elsewhere
        return None
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        held = sum(one.memory_info().rss for one in family)
    except psutil.Error:
        return None
    return int(round(held / STEP) * STEP)
