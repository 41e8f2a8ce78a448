"""One progress display for whatever runs long, in a terminal or a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

_active: ContextVar[Progress | None] = ContextVar("_active", default=None)


@dataclass(frozen=True)
class Bar:
    """One line of the display; `advance` moves it, `say` sets the text beside it."""

    progress: Progress
    task: TaskID

    def advance(self, steps: int = 1) -> None:
        """Move the bar by `steps`."""
        self.progress.advance(self.task, steps)

    def say(self, text: str) -> None:
        """Show `text` at the end of the line."""
        self.progress.update(self.task, note=text)


@contextmanager
def bar(description: str, total: int, *, show: bool = True) -> Iterator[Bar]:
    """Open a bar; inside another bar it becomes a second line of the same display.

    Args:
        description: What is going on, a few words.
        total: How many steps there are.
        show: False draws nothing at all.

    Yields:
        The bar to advance.
    """
    outer = _active.get()
    if outer is not None:
        yield Bar(outer, outer.add_task(description, total=total, note=""))
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        disable=not show,
    )
    token = _active.set(progress)
    try:
        with progress:
            yield Bar(progress, progress.add_task(description, total=total, note=""))
    finally:
        _active.reset(token)
