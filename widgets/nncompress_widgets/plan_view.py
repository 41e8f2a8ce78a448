"""What `PlanExplorer` is made of on the page: inputs and the picture of a scan."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from nncompress_lab.report.formats import size
from nncompress_lab.trials.figures import percent
from nncompress_lab.trials.plan import PlanTrial
from nncompress_lab.trials.plan_choices import Choice
from nncompress_widgets.plan_picture import in_words, plan_svg
from nncompress_widgets.plot import round_step
from nncompress_widgets.rows import dropdown, follow, labelled, note

POSITIONS = 300  # of the slider, about
_WAYS = [("its own for each layer", False), ("one for all layers", True)]


class PlanView:
    """The widgets of a `PlanExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: PlanTrial) -> None:
        self._trial = trial
        self.budget = labelled(
            ipywidgets.IntSlider, "Packed bytes", "430px", readout_format=",d"
        )
        self.alike = dropdown("Setting", _WAYS)
        self.inputs: list[ipywidgets.Widget] = [self.budget, self.alike]
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        for one in self.inputs:
            one.disabled = True
        self.scanning(0.0)

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        follow(self, ("budget", "alike"), call)

    def scanning(self, done: float) -> None:
        """Show how far the scan is."""
        self.picture.value = plan_svg(
            None, self._trial.options, (), rows=len(self._trial.layers), done=done
        )

    def ready(self, least: int, most: int) -> None:
        """Let the user move the inputs, between two budgets."""
        self.budget.step = max(1, round(round_step(max(most - least, 1) / POSITIONS)))
        # Of a slider the lower end may never be above the upper one.
        self.budget.max, self.budget.min = self.rounded(most), self.rounded(least)
        for one in self.inputs:
            one.disabled = False

    def rounded(self, count: int) -> int:
        """A number of bytes, up to the next position of the slider."""
        step: int = self.budget.step
        return -(-count // step) * step

    def show(self, budget: int, choice: Choice, *, alike: bool) -> None:
        """Bring inputs and picture to a setting."""
        choices = self._trial.choices
        if choices is None:
            return
        self.budget.value, self.alike.value = budget, alike
        self.picture.value = plan_svg(
            choices.scan,
            self._trial.options,
            choice,
            rows=len(choices.scan.units),
            budget=budget,
        )
        words = f"For {size(budget)}: {in_words(choices.scan, choice)}"
        if found := self._trial.foretold(choice):
            said = f"{size(round(found[0]))} and {percent(found[1])}"
            words += f" By the scan, all changes added up: {said}."
        self.details.value = note(words)
