"""What controls of stored kernels share: settings of a layer or of the whole model."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import ipywidgets
import traitlets

from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.kernels import WHOLE_MODEL, Choice
from nncompress_lab.trials.storing import StoringTrial
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.control import Control
from nncompress_widgets.parts import Parts
from nncompress_widgets.worker import Worker

FLOATS = 32  # bits of a kernel that stays as it is


class StoringView(Protocol):
    """The inputs and the picture of such a control."""

    inputs: list[ipywidgets.Widget]
    picture: ipywidgets.HTML
    details: ipywidgets.Widget

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""

    def draw(self, traits: Mapping[str, Any], choice: Choice) -> None:
        """Bring the picture to a setting, which may take its time."""


class StoringExplorer(Control):
    """A control whose choice has a pass for the whole model or for each layer.

    A subclass has traits, says which of them each target keeps for itself (`KNOBS`) and
    which are shown beside them (`VIEWS`), and makes a pass of them in `step_of`.

    Args:
        trial: Of the model.
        view: Inputs and picture.
        parts: What is brought to the page.
        code: Writes the setting as code.
        goal: What the setting is to reach, if anything.

    Attributes:
        target: The path of a layer, or `"*"`: one setting for the whole model. Each layer
            keeps its own, and those of all layers apply together.
        bits: Of a weight; 32 leaves the target as it is.
        snr_db: Signal-to-noise ratio of all kernels, in decibels; read-only.
    """

    KNOBS: ClassVar[tuple[str, ...]]
    VIEWS: ClassVar[tuple[str, ...]] = ()

    target = traitlets.Unicode(WHOLE_MODEL)
    bits = traitlets.Int(4)
    snr_db = traitlets.Float(read_only=True)

    def __init__(
        self,
        trial: StoringTrial,
        view: StoringView,
        parts: Parts,
        *,
        code: CodePanel,
        goal: Goal | None,
    ) -> None:
        self._storing, self._view = trial, view
        first = {name: self.trait_defaults(name) for name in self.KNOBS}
        self._chosen = {path: {**first, "bits": FLOATS} for path in trial.layers}
        self._chosen[WHOLE_MODEL] = first
        self._draw_later = Worker(self._draw, on_error=self._show_error)
        super().__init__(trial, parts, code=code, goal=goal)
        self._begin(lambda: self._follow("target", WHOLE_MODEL))
        self._view.on_change(
            lambda name, value: self._by_hand(lambda: self._follow(name, value))
        )

    @staticmethod
    def step_of(settings: Mapping[str, Any]) -> Any:
        """The pass for one target; raises a `ValueError` for what does not fit."""
        raise NotImplementedError

    def wait(self) -> None:
        """Return when picture and figures belong to what the inputs show."""
        self._draw_later.join()
        super().wait()

    @property
    def choice(self) -> Choice:
        """What applies: the one setting of the whole model, or those of all layers."""
        with self._lock:
            whole = self.target == WHOLE_MODEL
            targets = [WHOLE_MODEL] if whole else self._storing.layers
            return Choice(
                {
                    one: self.step_of(self._chosen[one])
                    for one in targets
                    if self._chosen[one]["bits"] != FLOATS
                }
            )

    def _checked(self, proposal: Any) -> Any:
        """Refuse a value that a program assigns and that does not fit."""
        name, value = proposal["trait"].name, proposal["value"]
        if self._moving:  # the control brings its own traits into line
            return value
        if name == "target":
            self._storing.check_target(value)
        elif name in self.KNOBS:
            settings = {**self._chosen[self.target], name: value}
            if settings["bits"] != FLOATS:
                self.step_of(settings)
        return value

    def _from_program(self, change: Any) -> None:
        self._by_program(lambda: self._follow(change["name"], change["new"]))

    def _follow(self, name: str, value: Any) -> None:
        """Take a new value of one trait and bring the others and the inputs into line."""
        setattr(self, name, value)
        if name in self.KNOBS:
            self._chosen[self.target][name] = value
        for knob, held in self._chosen[self.target].items():
            setattr(self, knob, held)
        self._view.show(self._inputs_say())

    def _inputs_say(self) -> dict[str, Any]:
        shown = ("target", *self.KNOBS, *self.VIEWS)
        return {one: getattr(self, one) for one in shown}

    def _begin(self, align: Callable[[], object]) -> None:
        super()._begin(align)
        self._draw()

    def _by_program(self, align: Callable[[], object]) -> None:
        super()._by_program(align)
        if not self._moving:
            self._draw()

    def _by_hand(self, align: Callable[[], object]) -> None:
        super()._by_hand(align)
        if not self._moving:
            self._draw_later.request()

    def _draw(self) -> None:
        """Rounding a large kernel takes longer than a hand wants to wait."""
        with self._lock:
            traits, choice = self._inputs_say(), self.choice
        self._view.draw(traits, choice)

    def _show(self) -> None:
        super()._show()
        final = self._outcome.final(self.choice)
        if final is not None:
            self.set_trait("snr_db", final.more["snr_db"])
