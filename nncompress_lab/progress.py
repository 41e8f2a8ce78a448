"""One progress display for whatever runs long, in a terminal or a notebook."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

_active: ContextVar[Any] = ContextVar("_active", default=None)


@dataclass(frozen=True)
class Bar:
    """One line of the display; `advance` moves it, `say` sets the text beside it."""

    progress: Any  # a `Progress`, or what is called alike
    task: TaskID

    def advance(self, steps: int = 1) -> None:
        """Move the bar by `steps`."""
        self.progress.advance(self.task, steps)

    def say(self, text: str, figures: Mapping[str, float] | None = None) -> None:
        """Show `text` at the end of the line; who listens gets its figures as numbers."""
        self.progress.update(self.task, note=text, figures=figures or {})


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


@contextmanager
def heard_by(
    call: Callable[[float], object],
    figures: Callable[[Mapping[str, float]], object] = lambda _: None,
) -> Iterator[None]:
    """While the block runs, bars of this thread draw nothing and tell how far they are.

    Args:
        call: Called after each step with the fraction that is done. What it raises ends
            the work that is under way.
        figures: Called with the figures that stand beside a bar, such as an epoch's.
    """
    token = _active.set(_Listener(call, figures))
    try:
        yield
    finally:
        _active.reset(token)


class _Listener:
    def __init__(
        self,
        call: Callable[[float], object],
        figures: Callable[[Mapping[str, float]], object],
    ) -> None:
        self._call = call
        self._figures = figures
        self._steps: list[list[int]] = []

    def add_task(self, description: str, *, total: int, note: str) -> TaskID:
        self._steps.append([0, total])
        return TaskID(len(self._steps) - 1)

    def advance(self, task: TaskID, steps: int) -> None:
        self._steps[task][0] += steps
        done, total = self._steps[task]
        self._call(min(done / total, 1.0) if total else 1.0)

    def update(self, task: TaskID, *, note: str, figures: Mapping[str, float]) -> None:
        """Figures are passed on, words are not."""
        self._figures(figures)
