"""What every control has: a style, a message line, the code of its setting, a goal."""

import html
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from nncompress_lab import Pass
from nncompress_lab.trials import Goal
from nncompress_widgets.figures import accuracy_note, percent
from nncompress_widgets.source_code import source_of

_STYLE = (Path(__file__).parent / "static" / "control.css").read_text(encoding="utf-8")
_CODE = "Use this in my code"


class Control(ipywidgets.VBox):
    """A control on a real model, with a setting that is a pass of the library.

    A subclass builds its own widgets, hands them to this constructor, and defines
    `setting`, `sentence` and `_reached`; it calls `_refresh` when the setting changes.

    Args:
        title: What the control does, above everything.
        note: What its figures are measured on, beside the title.
        body: The widgets of the subclass, from top to bottom.
        goal: What the setting is to reach, if anything.

    Attributes:
        registered: The pass that was registered last, or None.

    Raises:
        TypeError: If `goal` is not a `Goal`.
    """

    registered = traitlets.Instance(
        Pass, allow_none=True, read_only=True, help="The setting that was registered."
    )

    def __init__(
        self,
        *,
        title: str,
        note: str,
        body: Sequence[ipywidgets.Widget],
        goal: Goal | None,
    ) -> None:
        self.goal = _checked(goal)
        # Clicks may come on another thread than the one that runs the cells.
        self._lock = threading.RLock()
        self._head = ipywidgets.HTML(
            f"<style>{_STYLE}</style><div><b>{html.escape(title)}</b> "
            f'<span class="nncompress-note">{html.escape(note)}</span></div>'
        )
        self._message = ipywidgets.HTML()
        self._verdict = ipywidgets.HTML()
        self._judged = ""
        super().__init__(
            [self._head, *body, *self._goal_row(), self._message, *self._code_rows()]
        )
        self.add_class("nncompress-control")

    @property
    def setting(self) -> Pass:
        """The pass that does what the control shows now."""
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """What the control is and where it stands; equal on every machine."""
        raise NotImplementedError

    def register(self) -> Pass:
        """Hand in the current setting, as the Register button does.

        A setting that misses the goal is registered all the same, and the control says
        what is missing.

        Returns:
            The pass, which is `registered` from now on.
        """
        with self._lock:
            sparsity, drop = self._reached()
            setting = self.setting
            self.set_trait("registered", setting)
            if self.goal is not None:
                shortfalls = self.goal.shortfalls(sparsity=sparsity, drop=drop)
                self._judged = _verdict(sparsity, drop, shortfalls)
                self._show_verdict()
        return setting

    def __repr__(self) -> str:
        return f"{self.sentence} Run this cell to move the slider."

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """What a notebook stores; ipywidgets would cut the sentence at 110 characters."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        return {**bundle, "text/plain": repr(self)}

    def _reached(self) -> tuple[float, float]:
        """Sparsity and lost accuracy of the current setting, measured."""
        raise NotImplementedError

    def _refresh(self) -> None:
        """Show the code of the current setting and forget old messages."""
        self._code.value = _code_panel(source_of(self.setting))
        self._message.value = ""
        self._show_verdict()

    def _show_verdict(self) -> None:
        if self._judged:
            here = self.setting == self.registered
            self._verdict.value = self._judged.format(
                state="This setting is registered."
                if here
                else "That setting is registered; the control has moved on since."
            )

    def _show_error(self, error: Exception) -> None:
        text = html.escape(f"{type(error).__name__}: {error}")
        self._message.value = f'<div class="nncompress-error" role="alert">{text}</div>'

    def _guarded(self, action: Callable[[], object]) -> None:
        """Run what a click asks for; nobody but the user can take its error."""
        try:
            action()
        except Exception as error:  # whatever it is, the user must see it
            self._show_error(error)

    def _goal_row(self) -> list[ipywidgets.Widget]:
        if self.goal is None:
            return []
        text = ipywidgets.HTML(
            f'<div class="nncompress-goal"><b>Goal:</b> {html.escape(str(self.goal))}.'
            "</div>"
        )
        button = ipywidgets.Button(
            description="Register",
            button_style="primary",
            layout={"width": "auto"},
            tooltip="Hand in this setting; it can be registered again at any time",
        )
        button.on_click(lambda _: self._guarded(self.register))
        self._register_button = button
        return [row_of(text, button), self._verdict]

    def _code_rows(self) -> list[ipywidgets.Widget]:
        self._code = ipywidgets.HTML(layout={"display": "none"})
        self._code_button = ipywidgets.ToggleButton(
            description=_CODE, icon="code", layout={"width": "auto"}
        )
        self._code_button.observe(self._toggle_code, "value")
        return [row_of(self._code_button), self._code]

    def _toggle_code(self, change: dict[str, Any]) -> None:
        self._code.layout.display = None if change["new"] else "none"


def row_of(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Widgets side by side; where the page is narrow, below each other."""
    row = ipywidgets.HBox(widgets)
    row.add_class("nncompress-row")
    return row


def _checked(goal: Any) -> Goal | None:
    if goal is None or isinstance(goal, Goal):
        return goal
    raise TypeError(
        "`goal` must be a Goal, such as Goal(sparsity=0.8, max_drop=0.02). Received: "
        f"{goal!r} of type {type(goal).__name__}."
    )


def _verdict(sparsity: float, drop: float, shortfalls: Sequence[str]) -> str:
    if shortfalls:
        kind, title, words = "unmet", "✗ Goal not met:", "; ".join(shortfalls)
    else:
        kind, title = "met", "✓ Goal met:"
        words = f"{percent(sparsity)} zeros, accuracy {accuracy_note(drop)}"
    return (
        f'<div class="nncompress-verdict nncompress-{kind}" role="status">'
        f"<b>{title}</b> {html.escape(words)}. {{state}}</div>"
    )


def _code_panel(source: str) -> str:
    escaped = html.escape(source)
    attribute = escaped.replace("\n", "&#10;")
    return (
        f'<div class="nncompress-code" data-nncompress-code="{attribute}">'
        f"<pre><code>{escaped}</code></pre>"
        '<button type="button" class="nncompress-insert">Insert below</button></div>'
    )
