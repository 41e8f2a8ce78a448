"""Pipelines of passes under sliders: what each pass costs and saves, in which order."""

from collections.abc import Sequence
from typing import Any

import traitlets

from nncompress_lab import Pass, pipeline
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.knobs import Card, first_cards, knob_of
from nncompress_lab.trials.studio import (
    OvertakenError,
    Stage,
    Steps,
    StudioTrial,
    trains,
)
from nncompress_widgets.card_words import name_of, setting_of
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.control import Control
from nncompress_widgets.figures import Tile, score_in_a_sentence
from nncompress_widgets.parts import Parts
from nncompress_widgets.rows import note
from nncompress_widgets.studio_columns import (
    StudioColumns,
    Work,
    card_in_words,
    steps_of,
)
from nncompress_widgets.studio_picture import waterfall_svg
from nncompress_widgets.studio_view import StudioView
from nncompress_widgets.trail import trail_svg

_SHOWN = ("packed_bytes", "macs", "nonzeros")
_TOLD = 0.04  # parts of a pass between two pictures of how far it is


class CompressionStudio(Control):
    """Put passes in a row, move them, switch them off, and see what each one does.

    Each card is a pass. The picture is a waterfall: the bytes of the packed file and the
    accuracy of the model after each card that is applied. What comes before a card that
    is moved is not computed again. Below it are all pipelines visited.

    Everything can be moved from Python, too: after `studio.on = (True, False)`, the
    figures are those of the new pipeline.

    Args:
        model: A built model of any task. It is not changed.
        data: A data set, whose validation examples judge, whose first 512 training
            examples calibrate, and on all of whose training examples is trained where a
            pass does; a `Context` with these; or a single `Data`, without any training.
        goal: What the registered pipeline is to reach.
        steps: The passes of the cards, all of them applied; by default some that suit the
            model, of which pruning and a codebook are applied.
        answer: The variable that a lesson wants the pipeline in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        steps: The passes of all cards, in their order.
        on: For each card whether it is applied.
        selected: The place of the card that the inputs move, from 0.
        stages: What is known of the original, and after each pass that is applied.

    Raises:
        UnsupportedModelError: If the model cannot be copied.
        TypeError: If `data` or `goal` is of another type, or a step is no pass.
        ValueError: If the examples do not fit the model, there is no step, or the goal
            bounds a figure that passes do not change.

    Example:
        >>> import nncompress_lab as ncl
        >>> model, images = ncl.zoo.lenet5(), ncl.data.fashion_mnist().validation.take(50)
        >>> steps = [ncl.MagnitudePruning(sparsity=0.8), ncl.UniformQuantization(bits=4)]
        >>> studio = CompressionStudio(model, images, steps=steps)
        >>> before = studio.packed_bytes
        >>> studio.on = (False, True)
        >>> studio.packed_bytes > before
        True
    """

    _trial: StudioTrial

    steps = traitlets.Tuple()
    on = traitlets.Tuple()
    selected = traitlets.Int(0)

    def __init__(
        self,
        model: Any,
        data: Given,
        goal: Goal | None = None,
        *,
        steps: Sequence[Pass] | None = None,
        answer: str | None = None,
    ) -> None:
        given = None if steps is None else _checked(steps)
        trial = StudioTrial(model, data)
        trial.heard = self._heard
        self._trial = trial
        self._cards: tuple[Card, ...] = ()
        self._columns = StudioColumns(trial)
        self._work: Work | None = None
        self._registering: Steps = ()
        self._view = view = StudioView(self._moved)
        parts = Parts(
            title=f"A pipeline for {trial.name}",
            inputs=view.inputs,
            picture=view.picture,
            details=view.details,
            shown=[name for name in _SHOWN if name in trial.original],
        )
        code = CodePanel(model, data, answer=answer)
        super().__init__(trial, parts, code=code, goal=goal)
        first = first_cards(trial.made(()), can_train=trial.can_train)
        cards = first if given is None else [(step, True) for step in given]
        place = next((at for at, (_, applied) in enumerate(cards) if applied), 0)
        self._begin(lambda: self._deal(cards, selected=place))
        self.observe(
            lambda _: self._by_program(self._follow), ["steps", "on", "selected"]
        )

    @property
    def choice(self) -> Steps:
        """The passes that are applied, in their order."""
        return steps_of(self._cards)

    @property
    def stages(self) -> list[Stage]:
        """What is known of the original, and after each pass that is applied."""
        return self._trial.stages(self.choice)

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        words = ", then ".join(_words(step) for step in self.choice) or "nothing"
        score = score_in_a_sentence(self._trial.metric, self.score)
        return f"CompressionStudio of {self._trial.name}: {words}; {score}."

    @property
    def stored(self) -> tuple[str, list[Tile]]:
        """The picture and the figures that a notebook stores, the bytes among them."""
        self._weigh()
        return super().stored

    def shift(self, by: int) -> None:
        """Apply the card that is selected so many places later, or earlier if negative."""
        self._by_program(lambda: self._shift(by))

    @traitlets.validate("steps")
    def _valid_steps(self, proposal: Any) -> Steps:
        return _checked(proposal["value"])

    @traitlets.validate("on")
    def _valid_on(self, proposal: Any) -> tuple[bool, ...]:
        value = proposal["value"]
        if len(value) != len(self.steps) or not all(type(one) is bool for one in value):
            raise ValueError(
                f"`on` says True or False of each of the {len(self.steps)} cards. "
                f"Received: on={value!r}."
            )
        return tuple(value)

    @traitlets.validate("selected")
    def _valid_selected(self, proposal: Any) -> int:
        value: int = proposal["value"]
        if not 0 <= value < len(self.steps):
            raise ValueError(
                f"`selected` is the place of a card, from 0 to {len(self.steps) - 1}. "
                f"Received: selected={value!r}."
            )
        return value

    def _moved(self, what: str, value: Any) -> None:
        """The user moved something."""
        self._by_hand(lambda: self._take(what, value))

    def _take(self, what: str, value: Any) -> None:
        if what == "shift":
            self._shift(value)
            return
        cards, place = list(self._cards), self.selected
        step, applied = cards[place]
        knob = knob_of(step)
        if what == "applied":
            cards[place] = step, value
        elif what == "value" and knob is not None:
            cards[place] = knob.turned(step, value), applied
        self._deal(cards, selected=value if what == "selected" else place)

    def _shift(self, by: int) -> None:
        cards, place = list(self._cards), self.selected
        to = min(max(place + by, 0), len(cards) - 1)
        cards.insert(to, cards.pop(place))
        self._columns.forget()
        self._deal(cards, selected=to)

    def _deal(self, cards: Sequence[Card], *, selected: int) -> None:
        self.steps = tuple(step for step, _ in cards)
        self.on = tuple(applied for _, applied in cards)
        self.selected = selected
        self._follow()

    def _follow(self) -> None:
        """Bring cards and inputs into line with the traits."""
        if len(self.on) != len(self.steps):
            self._columns.forget()
            self.on = (True,) * len(self.steps)
        self.selected = min(self.selected, len(self.steps) - 1)
        self._cards = tuple(zip(self.steps, self.on, strict=True))
        self._view.show(self._cards, self.selected)

    def _heard(self, steps: Steps, done: float) -> None:
        """A pass is under way; nobody wants it if the control has moved on."""
        wanted = (self.choice, self._registering)
        if all(one[: len(steps)] != steps for one in wanted):
            raise OvertakenError
        known = self._work or Work((), 0.0)
        if done == 1.0:
            self._work = None
        elif known.steps == steps and abs(done - known.done) < _TOLD:
            return
        elif done or trains(steps[-1]):
            with self._lock:
                self._work = Work(steps, done)
                self._draw()

    def _register(self, choice: Steps) -> Pass:
        self._registering = choice  # is wanted, whatever becomes of the inputs
        try:
            return super()._register(choice)
        finally:
            self._registering = ()

    def _show_error(self, error: Exception) -> None:
        if not isinstance(error, OvertakenError):
            super()._show_error(error)
            with self._lock:
                self._work = None
                self._draw()

    def _show(self) -> None:
        super()._show()
        self._draw()

    def _trail_picture(self, choice: Steps) -> str:
        """Every pipeline visited; on a scale of logarithms, as the bytes above it are."""
        trail, original = self._outcome.trail, self._trial.original
        most = original["packed_bytes"]
        return trail_svg(
            trail,
            original,
            goal=self.goal,
            metric=self._trial.metric,
            expected=self._expectation.score,
            here=bool(trail) and trail[-1].choice == choice,
            least=min(most / 10, *(one.cost for one in trail), most),
        )

    def _draw(self) -> None:
        bounds = {} if self.goal is None else dict(self.goal.bounds)
        if "accuracy_drop" in bounds:
            bounds["score"] = self._trial.original["accuracy"] - bounds["accuracy_drop"]
        columns = self._columns.of(self._cards, self.selected, self._work)
        self._view.picture.value = waterfall_svg(columns, self._trial.metric, bounds)
        self._view.details.value = note(
            card_in_words(self._trial, self._cards, self.selected)
        )


def _checked(steps: Sequence[Any]) -> Steps:
    passes = pipeline(*steps).passes
    if not passes:
        raise ValueError(
            "A studio needs at least one step, such as ncl.MagnitudePruning(sparsity=0.8)."
            f" Received: steps={steps!r}."
        )
    return passes


def _words(step: Pass) -> str:
    return " ".join(filter(None, (name_of(step).lower(), setting_of(step))))
