"""What controls share whose targets each keep settings of their own."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Protocol

import ipywidgets
import traitlets

from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.goal import Goal
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.control import Control
from nncompress_widgets.figures import score_in_a_sentence
from nncompress_widgets.parts import Parts
from nncompress_widgets.worker import Worker

_BEHIND: Final = "nncompress-behind"  # the picture is still that of another setting


class TargetView(Protocol):
    """The inputs and the picture of such a control."""

    inputs: list[ipywidgets.Widget]
    picture: ipywidgets.HTML
    details: ipywidgets.Widget

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""

    def draw(self, traits: Mapping[str, Any], choice: Any) -> None:
        """Bring the picture to a setting, which may take its time."""


class TargetExplorer(Control):
    """A control that sets one target after the other, such as each layer.

    A subclass names its trial, its view, its title and the figures that it shows. It has
    traits, says which of them each target keeps for itself (`KNOBS`) and which are shown
    beside them (`VIEWS`), refuses what does not fit, and makes a `choice` of what
    `_chosen` holds.

    Args:
        model: A built functional or sequential Keras model of any task. It is not changed.
        data: A data set or a `Context`, whose validation examples are used, or a single
            `Data`. What judges the model is the objective of the context, or what it was
            compiled with, or what the labels tell.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        target: Which target the inputs set.
    """

    TRIAL: ClassVar[Any]  # makes a trial of a model and data
    VIEW: ClassVar[Any]  # makes inputs and a picture, a `TargetView`, of a trial
    TITLE: ClassVar[str]  # with {} for the model
    SHOWN: ClassVar[tuple[str, ...]]  # figures beside the score
    COST: ClassVar[str] = "packed_bytes"  # the figure that the trail is drawn over
    KNOBS: ClassVar[tuple[str, ...]]
    VIEWS: ClassVar[tuple[str, ...]] = ()
    _valid: ClassVar[Any]
    _trial: Any
    _view: Any

    target = traitlets.Unicode()

    def __init_subclass__(cls, **options: Any) -> None:
        """Have what a program assigns to the traits of a subclass checked."""
        super().__init_subclass__(**options)
        if hasattr(cls, "KNOBS"):
            names = ("target", *cls.KNOBS, *cls.VIEWS)
            cls._valid = traitlets.validate(*names)(cls._checked)

    def __init__(
        self,
        model: Any,
        data: Given,
        goal: Goal | None = None,
        *,
        answer: str | None = None,
    ) -> None:
        self._trial = trial = self._trial_of(model, data)
        self._view = view = self.VIEW(trial)
        self._chosen = self._first_settings()
        self._draw_later = Worker(self._draw, on_error=self._show_error)
        parts = Parts(
            title=self.TITLE.format(trial.name),
            inputs=view.inputs,
            picture=view.picture,
            details=view.details,
            shown=self._shown(),
            cost=self.COST,
        )
        code = CodePanel(model, data, answer=answer)
        super().__init__(trial, parts, code=code, goal=goal)
        self._begin(lambda: self._follow("target", next(iter(self._chosen))))
        self.observe(self._from_program, ["target", *self.KNOBS, *self.VIEWS])
        self._view.on_change(
            lambda name, value: self._by_hand(lambda: self._follow(name, value))
        )

    @property
    def score_in_words(self) -> str:
        """The score as a sentence says it, such as `"validation accuracy 88 %"`."""
        return score_in_a_sentence(self._trial.metric, self.score)

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a target."""
        raise NotImplementedError

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for settings of a target that do not fit."""
        raise NotImplementedError

    def check_view(self, name: str, value: Any) -> None:
        """Raise a `ValueError` for what is shown beside them and does not fit."""

    def wait(self) -> None:
        """Return when picture and figures belong to what the inputs show."""
        self._draw_later.join()
        super().wait()

    def _checked(self, proposal: Any) -> Any:
        """Refuse a value that a program assigns and that does not fit."""
        name, value = proposal["trait"].name, proposal["value"]
        if self._moving:  # the control brings its own traits into line
            return value
        if name == "target":
            self.check_target(value)
        elif name in self.KNOBS:
            settings = {**self._chosen[self.target], name: value}
            self.check_settings(self.target, settings)
        else:
            self.check_view(name, value)
        return value

    def _trial_of(self, model: Any, data: Given) -> Any:
        """What the figures come from."""
        return self.TRIAL(model, data)

    def _shown(self) -> tuple[str, ...]:
        """The figures that there are for this model."""
        return self.SHOWN

    def _first_settings(self) -> dict[str, dict[str, Any]]:
        """Those of each target; the first target is shown first."""
        raise NotImplementedError

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
            self._view.picture.add_class(_BEHIND)
            self._draw_later.request()

    def _draw(self) -> None:
        """To make a picture of a large kernel takes longer than a hand wants to wait."""
        with self._lock:
            traits, choice = self._inputs_say(), self.choice
        self._view.draw(traits, choice)
        with self._lock:
            if traits == self._inputs_say():
                self._view.picture.remove_class(_BEHIND)
