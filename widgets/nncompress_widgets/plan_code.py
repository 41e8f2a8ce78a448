"""The code that asks `ncl.plan` for what a control of plans shows."""

from collections.abc import Callable
from textwrap import indent
from typing import Any

from nncompress_lab import Data, Dataset, Pass
from nncompress_lab.trials.plan import PlanTrial
from nncompress_widgets.code_panel import CodePanel, Known, comments_of, panel_of
from nncompress_widgets.source_code import expression_of, images_of, variable_of


class PlanCodePanel(CodePanel):
    """Programs that plan for the budget of a control; of a column, the pass alone.

    Args:
        model: The user's model, for its name.
        data: The user's data, likewise.
        answer: The variable that a lesson wants the plan in, if any.
        trial: What the figures come from.
        budget: Returns the budget of the plan in bytes; None where nothing is planned.
    """

    def __init__(
        self,
        model: object,
        data: Dataset | Data,
        *,
        answer: str | None,
        trial: PlanTrial,
        budget: Callable[[], int | None],
    ) -> None:
        super().__init__(model, data, answer=answer)
        self._trial, self._budget = trial, budget

    def show(self, setting: Pass, outcome: Known, choice: Any) -> None:
        """Write the programs for a setting, with what is known about it."""
        budget = self._budget()
        if budget is None:
            super().show(setting, outcome, choice)
            return
        model = variable_of(self.model)
        comments = comments_of(outcome, choice)
        if model is None:
            comments = [f"`model` is the {self._trial.name} of the control", *comments]
        call = self._call(model or "model", budget)
        notes = "".join(f"# {comment}\n" for comment in comments)
        head = f"import nncompress_lab as ncl\n\n{notes}"
        program = f"{head}plan = {call}\ncompressed = plan.passes({model or 'model'})"
        images = images_of(self.data, self._trial.examples)
        if images:
            accuracy = f"{{ncl.measure.accuracy(compressed, {images}):.1%}}"
            program += f'\nprint(f"accuracy: {accuracy}")'
        panels = [panel_of(program, "Insert below")]
        if self._answer is not None:
            answer = f"{head}{self._answer} = {call}"
            panels.insert(0, panel_of(answer, "Insert as my answer", self._answer))
        self.programs.value = "".join(panels)

    def _call(self, model: str, budget: int) -> str:
        data = variable_of(self.data) or "data"
        if isinstance(self.data, Data):
            data = f"ncl.Context(validation={data}, calibration={data})"
        choices = self._trial.choices
        scan = None if choices is None else variable_of(choices.scan)
        bound = f"ncl.Budget(packed_bytes={budget:_})"
        if scan is not None:
            return f"ncl.plan({model}, {bound}, {data}, scan={scan})"
        each = "".join(f"{expression_of(one)},\n" for one in self._trial.options)
        options = indent(each, 8 * " ")
        return (
            f"ncl.plan(\n    {model},\n    {bound},\n    {data},\n"
            f"    techniques=[[\n{options}    ]],\n)"
        )
