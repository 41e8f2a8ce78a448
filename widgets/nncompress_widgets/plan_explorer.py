"""Plans under a slider: a setting for each layer, from a scan and a budget."""

from collections.abc import Sequence
from typing import Any

import traitlets

from nncompress_lab import Data, Dataset, Pass, Sensitivity
from nncompress_lab.report.formats import size
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.plan import OPTIONS, PlanTrial
from nncompress_lab.trials.plan_choices import Choice
from nncompress_widgets.control import Control
from nncompress_widgets.outcome import Visit
from nncompress_widgets.parts import Parts
from nncompress_widgets.plan_code import PlanCodePanel
from nncompress_widgets.plan_view import PlanView
from nncompress_widgets.trail import Foretold, trail_svg
from nncompress_widgets.worker import Worker

_TOLD = 0.02  # parts of the scan between two pictures of how far it is


class PlanExplorer(Control):
    """Give a budget of bytes and see which layer gets which setting, and what it costs.

    The picture is a scan: how far the outputs move if one layer alone gets a setting.
    The frames are the plan for the budget, which follows the slider; beside it is what
    the model really does with it, and below all budgets visited on the line that the
    scan foretells. The scan runs when the control is made, unless it is handed one.

    Everything can be moved from Python, too: after `explorer.budget = 90_000`, the figures
    are those of the new plan.

    Args:
        model: A built functional or sequential Keras classifier. It is not changed.
        data: A data set, whose validation images are used and whose first 512 training
            images calibrate; or a single `Data`, for both.
        goal: What the registered plan is to reach.
        options: What may become of a layer: passes that go layer by layer, and pipelines
            of them; 2 to 8 bits, and 70 % zeros with them, by default.
        scan: What `ncl.sensitivity` has measured of this model; its options then.
        answer: The variable that a lesson wants the plan in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        budget: Packed bytes that the plan may cost by the scan; the real file may differ
            a little.
        alike: Whether all layers have one setting, the best that fits, for comparison.
        scanned: The part of the scan that is done; read-only.

    Raises:
        UnsupportedModelError: If the model cannot be copied.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model, the scan is of another model, or
            the goal bounds a figure that plans do not change.

    Example:
        >>> import nncompress_lab as ncl
        >>> model, images = ncl.zoo.lenet5(), ncl.data.fashion_mnist().validation.take(50)
        >>> rounded = [ncl.UniformQuantization(bits=bits) for bits in (4, 8)]
        >>> explorer = PlanExplorer(model, images, options=rounded)
        >>> explorer.budget = 200_000
        >>> explorer.packed_bytes < 201_000
        True
    """

    _trial: PlanTrial

    budget = traitlets.Int(0)
    alike = traitlets.Bool(False)
    scanned = traitlets.Float(0.0, read_only=True)

    def __init__(
        self,
        model: Any,
        data: Dataset | Data,
        goal: Goal | None = None,
        *,
        options: Sequence[Pass] = OPTIONS,
        scan: Sensitivity | None = None,
        answer: str | None = None,
    ) -> None:
        trial = PlanTrial(model, data, options=options, scan=scan)
        self._trial = trial
        self._choice: Choice = ()
        self._view = view = PlanView(trial)
        parts = Parts(
            title=f"Plan for {trial.name}",
            inputs=view.inputs,
            picture=view.picture,
            details=view.details,
            shown=("divergence", "predicted_bytes", "packed_bytes"),
        )
        code = PlanCodePanel(
            model, data, answer=answer, trial=trial, budget=self._planned_budget
        )
        super().__init__(trial, parts, code=code, goal=goal)
        self._scan_later = Worker(self._scan, on_error=self._show_error)
        self._begin(self._follow if scan is None else self._ready)
        self.observe(lambda _: self._by_program(self._follow), ["budget", "alike"])
        view.on_change(
            lambda name, value: self._by_hand(lambda: self._take(name, value))
        )
        if scan is None:
            self._scan_later.request()

    @property
    def choice(self) -> Choice:
        """For each unit of the scan the index of its option, or None."""
        return self._choice

    @property
    def scan(self) -> Sensitivity | None:
        """What has been measured; None until the scan is done."""
        return None if self._trial.choices is None else self._trial.choices.scan

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        if self.scan is None:
            return f"PlanExplorer of {self._trial.name}: the scan is not done yet."
        way = "one setting for all layers" if self.alike else "a setting for each layer"
        return (
            f"PlanExplorer of {self._trial.name}: {way} within {size(self.budget)}, "
            f"validation accuracy {100 * self.accuracy:.0f} %."
        )

    def wait(self) -> None:
        """Return when the scan is done and all figures belong to what the inputs show."""
        self._scan_later.join()
        super().wait()

    @traitlets.validate("budget")
    def _checked(self, proposal: Any) -> int:
        value: int = proposal["value"]
        if self._trial.choices is not None and not self._moving and value < 1:
            raise ValueError(
                f"`budget` is at least 1 byte. Received: budget={value!r}."
            )
        return value

    def _scan(self) -> None:
        """In a thread of its own; the plan is shown when it is done."""
        self._trial.run_scan(self._heard)
        self.set_trait("scanned", 1.0)
        self._by_hand(self._ready)

    def _heard(self, done: int, cells: int) -> None:
        part = done / cells
        if part - self.scanned >= _TOLD:
            self.set_trait("scanned", part)
            self._view.scanning(part)

    def _ready(self) -> None:
        if self._trial.choices is not None:
            self.set_trait("scanned", 1.0)
            self._view.ready(*self._trial.choices.bounds)
            self.budget = self.budget or self._view.rounded(self._trial.choices.middle)
        self._follow()

    def _take(self, name: str, value: Any) -> None:
        setattr(self, name, value)
        self._follow()

    def _follow(self) -> None:
        """Plan for the budget, and bring inputs and picture into line."""
        if self._trial.choices is None:
            return
        self._choice = self._trial.choices.within(self.budget, alike=self.alike)
        self._view.show(self.budget, self._choice, alike=self.alike)

    def _planned_budget(self) -> int | None:
        return None if self.alike or self.scan is None else self.budget

    def _trail_picture(self, choice: Choice) -> str:
        """Every plan visited, on the line that the scan foretells."""
        trail: list[Visit] = self._outcome.trail
        here = self._trial.foretold(choice)
        return trail_svg(
            trail,
            self._trial.original,
            goal=self.goal,
            expected=self._expectation.score,
            here=bool(trail) and trail[-1].choice == choice,
            foretold=None if here is None else Foretold(self._trial.line(), here),
        )
