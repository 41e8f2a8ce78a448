"""The code of a control's setting, to read and to insert into the notebook."""

import html
from collections.abc import Sequence
from typing import Any, Protocol

import ipywidgets

from nncompress_lab import Pass
from nncompress_lab.data.data import CALIBRATION_EXAMPLES
from nncompress_lab.report.formats import count, size
from nncompress_lab.report.metrics import Metric
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures, percent, score_in_words
from nncompress_lab.trials.trial import Measured
from nncompress_widgets.figures import judged_on
from nncompress_widgets.rows import row_of
from nncompress_widgets.source_code import (
    answer_of,
    context_of,
    gives_class_indices,
    images_of,
    judging_of,
    source_of,
    variable_of,
)


class Known(Protocol):
    """What is known about a setting: its figures, and what they belong to."""

    trial: Any
    weighed_of: Any
    weighed: Figures

    def final(self, choice: Any) -> Measured | None:
        """The score on all examples, if it is known for this choice."""


class CodePanel:
    """A button that shows programs, each with a button of the JupyterLab plugin.

    Args:
        model: The user's model, for its name.
        data: The user's data, likewise.
        answer: The variable that a lesson wants the setting in, if any.
        context: The expression for what the pass is given, if it is not all of the data.
    """

    def __init__(
        self,
        model: object,
        data: Given,
        *,
        answer: str | None,
        context: str | None = None,
    ) -> None:
        self._context = context or context_of(data, CALIBRATION_EXAMPLES)
        self.model = model
        self.data = data
        self._answer = answer
        self._classifies = gives_class_indices(model, data)
        self.programs = ipywidgets.HTML(layout={"display": "none"})
        self.button = ipywidgets.ToggleButton(
            description="Use this in my code", icon="code", layout={"width": "auto"}
        )
        self.button.observe(self._toggle, "value")
        self.rows = [row_of(self.button), self.programs]

    def show(self, setting: Pass, outcome: Known, choice: Any) -> None:
        """Write the programs for a setting, with what is known about it."""
        model = variable_of(self.model)
        comments = comments_of(outcome, choice)
        if model is None:
            comments = [
                f"`model` is the {outcome.trial.name} of the control",
                *comments,
            ]
        examples = outcome.trial.examples
        judging = None if self._classifies else judging_of(self.data, examples)
        program = source_of(
            setting,
            comments=comments,
            model=model or "model",
            images=images_of(self.data, examples) if self._classifies else None,
            context=self._context,
            judging=judging,
        )
        panels = [panel_of(program, "Insert below")]
        if self._answer is not None:
            answer = answer_of(setting, self._answer, comments=comments)
            panels.insert(0, panel_of(answer, "Insert as my answer", self._answer))
        self.programs.value = "".join(panels)

    def _toggle(self, change: dict[str, Any]) -> None:
        self.programs.layout.display = None if change["new"] else "none"


def comments_of(outcome: Known, choice: Any) -> Sequence[str]:
    """What is known about a setting, a line each."""
    trial, metric = outcome.trial, outcome.trial.metric
    now: Figures = trial.counted(choice)
    final = outcome.final(choice)
    if final is not None:
        now = {trial.metric.name: final.score, **now}
    if outcome.weighed_of == choice:
        now = {**now, **outcome.weighed}
    return [
        f"{trial.name}, seed 0, {judged_on(metric, trial.examples)}",
        f"original: {_said(metric, trial.original)}",
        f"this setting: {_said(metric, now) or 'not measured yet'}",
    ]


def _said(metric: Metric, figures: Figures) -> str:
    said = []
    if metric.name in figures:
        score = score_in_words(metric, figures[metric.name])
        said.append(f"{metric.title} {score}")
    if "packed_bytes" in figures:
        said.append(f"packed {size(round(figures['packed_bytes']))}")
    if "macs" in figures:
        said.append(f"{count(round(figures['macs']))} MACs an image")
    if "zeros" in figures:
        said.append(f"{percent(figures['zeros'])} zeros")
    return ", ".join(said)


def panel_of(source: str, button: str, answer: str = "") -> str:
    """A program to read, with a button that the JupyterLab plugin answers to.

    Args:
        source: The program.
        button: What the button says.
        answer: The exercise whose cell the program is for; below the control's without.
    """
    escaped = html.escape(source)
    attribute = escaped.replace("\n", "&#10;")
    exercise = f' data-nncompress-exercise="{html.escape(answer)}"' if answer else ""
    return (
        f'<div class="nncompress-code" data-nncompress-code="{attribute}"{exercise}>'
        f'<button type="button" class="nncompress-insert">{button}</button>'
        f"<pre><code>{escaped}</code></pre></div>"
    )
