"""A line that counts the seconds while a cell works, and is gone when it is done."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nncompress_lab.course.kernel import shell

TICK_SECONDS = 1.0


@contextmanager
def working(what: str, *, seconds: float) -> Iterator[None]:
    """While the block runs, show what goes on and for how long.

    In a notebook the output that the cell had before the block is cleared with the line,
    so the block comes first in its cell. In an ordinary program nothing is shown.

    Args:
        what: What goes on.
        seconds: About how long it takes.
    """
    if shell() is None:
        yield
        return
    from IPython.display import clear_output, display

    line = _Line(what, seconds)
    handle = display(line, display_id=True)
    done = threading.Event()
    counting = threading.Thread(target=_count, args=(line, handle, done), daemon=True)
    counting.start()
    try:
        yield
    finally:
        done.set()
        counting.join()
        clear_output()


class _Line:
    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._seconds = seconds
        self._start = time.monotonic()

    def __repr__(self) -> str:
        passed = time.monotonic() - self._start
        return f"{self._what}: {passed:.0f} s of about {self._seconds:.0f} s"


def _count(line: _Line, handle: Any, done: threading.Event) -> None:
    while not done.wait(TICK_SECONDS):
        handle.update(line)
