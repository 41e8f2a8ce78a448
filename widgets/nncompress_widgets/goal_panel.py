"""The goal of a control, the button that hands a setting in, and the verdict."""

import html
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets

from nncompress_lab.trials.figures import FIGURES, Figures
from nncompress_lab.trials.goal import Goal
from nncompress_widgets.rows import row_of


class GoalPanel:
    """A goal in words with a Register button; nothing at all without a goal.

    Args:
        goal: What a setting is to reach, if anything.
        known: The figures that there are.

    Raises:
        TypeError: If `goal` is not a `Goal`.
        ValueError: If it bounds a figure that there is not.
    """

    def __init__(self, goal: Goal | None, known: Iterable[str]) -> None:
        self.goal = _checked(goal, known)
        self._judged = ""
        self._measuring = False
        self._verdict = ipywidgets.HTML()
        self.button = ipywidgets.Button(
            description="Register",
            button_style="primary",
            layout={"width": "auto"},
            tooltip="Hand in this setting; it can be registered again at any time",
        )
        words = ipywidgets.HTML(
            f'<div class="nncompress-goal"><b>Goal:</b> {html.escape(str(goal))}.</div>'
        )
        self.rows: list[ipywidgets.Widget] = (
            [row_of(words, self.button), self._verdict] if goal else []
        )

    def on_click(self, call: Callable[[], object]) -> None:
        """Have `call()` called when the user presses Register."""

        def pressed(_button: object) -> None:
            self._measuring = True
            self.show(is_registered=False)
            call()

        self.button.on_click(pressed)

    def give_up(self) -> None:
        """No verdict comes: what was registered could not be measured."""
        self._measuring = False
        self._verdict.value = ""
        self.show(is_registered=False)

    def judge(self, figures: Figures) -> None:
        """Compare the figures of the setting that was registered with the goal."""
        self._measuring = False
        if self.goal is None:
            return
        shortfalls = self.goal.shortfalls(figures)
        if shortfalls:
            kind, title, words = "unmet", "✗ Goal not met:", "; ".join(shortfalls)
        else:
            kind, title = "met", "✓ Goal met:"
            words = "; ".join(
                FIGURES[name].value(figures[name]) for name in self.goal.bounds
            )
        self._judged = (
            f'<div class="nncompress-verdict nncompress-{kind}" role="status">'
            f"<b>{title}</b> {html.escape(words)}. {{state}}</div>"
        )

    def show(self, *, is_registered: bool) -> None:
        """Say whether the verdict is on what the control shows."""
        if self._measuring:
            self._verdict.value = (
                '<div class="nncompress-verdict" role="status">'
                "Measuring the setting that you registered …</div>"
            )
        elif self._judged:
            self._verdict.value = self._judged.format(
                state="This setting is registered."
                if is_registered
                else "That setting is registered; the control has moved on since."
            )


def _checked(goal: Any, known: Iterable[str]) -> Goal | None:
    if goal is None:
        return None
    if not isinstance(goal, Goal):
        raise TypeError(
            "`goal` must be a Goal, such as Goal(zeros=0.8, accuracy_drop=0.02). "
            f"Received: {goal!r} of type {type(goal).__name__}."
        )
    known = [*known, "accuracy_drop"] if "accuracy" in known else list(known)
    if unknown := sorted(set(goal.bounds) - set(known)):
        raise ValueError(
            "The goal bounds what this control does not change. Received: "
            f"{', '.join(unknown)}. It has: {', '.join(known)}."
        )
    return goal
