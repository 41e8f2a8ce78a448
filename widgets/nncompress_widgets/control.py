"""What every control does: it measures, weighs, judges a goal and hands out code."""

import html
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from nncompress_lab import Pass
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.trial import Trial
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.expectation import Expectation
from nncompress_widgets.figures import Tile, judged_on, tiles
from nncompress_widgets.goal_panel import GoalPanel
from nncompress_widgets.outcome import WEIGHED, Outcome
from nncompress_widgets.parts import Parts
from nncompress_widgets.rows import beside, row_of
from nncompress_widgets.still import still
from nncompress_widgets.trail import trail_svg
from nncompress_widgets.worker import Worker

PAUSE = 0.03  # seconds without a slider step after which the score is measured
AT_REST = 1.0  # and after which the file is written
_STYLE = (Path(__file__).parent / "static" / "control.css").read_text(encoding="utf-8")


class Control(ipywidgets.VBox):
    """A control on a real model, with a setting that is a pass of the library.

    It knows no technique: what a choice does to the model is the trial's. A subclass
    builds inputs and a picture and hands them to this constructor; it defines `choice` and
    `sentence`, and brings its inputs into line in a function that it gives to `_by_hand`
    or `_by_program`.

    Nothing that takes long runs on the kernel's event loop. When the user moves an input,
    the score is measured on one thread and, at rest, the file weighed on another, and
    what is overtaken is dropped between two batches. A program finds the figures
    there when its assignment returns.

    Args:
        trial: Any technique on one model.
        parts: What the subclass brings to the page.
        code: Writes the setting as code.
        goal: What the setting is to reach, if anything.

    Attributes:
        model: What the control was made with.
        data: Likewise.
        registered: The pass that was registered last, or None.
        score: On all validation examples, the figure that judges the task.
        accuracy: The score, a fraction, if it is an accuracy; else None.
        file_bytes: Bytes of the compressed model's `.keras` file.
        packed_bytes: Bytes of the file that `ncl.pack` writes.

    Raises:
        TypeError: If `goal` is not a `Goal`.
        ValueError: If it bounds a figure that the trial does not have.
    """

    registered = traitlets.Instance(
        Pass, allow_none=True, read_only=True, help="The setting that was registered."
    )
    score = traitlets.Float(read_only=True)
    accuracy = traitlets.Float(None, allow_none=True, read_only=True)
    file_bytes = traitlets.Int(read_only=True)
    packed_bytes = traitlets.Int(read_only=True)

    def __init__(
        self,
        trial: Trial[Any],
        parts: Parts,
        *,
        code: CodePanel,
        goal: Goal | None,
    ) -> None:
        # Clicks may come on another thread than the one that runs the cells.
        self._lock = threading.RLock()
        self._moving = False
        self._trial = trial
        self._parts = parts
        self._outcome = Outcome(trial, parts.shown, parts.cost)
        self._goal_panel = GoalPanel(goal, known=trial.original)
        self._goal_panel.on_click(lambda: self._register_later.request(self.choice))
        self._code_panel = code
        self.model, self.data = code.model, code.data
        self._measure_later = Worker(
            self._measure, on_error=self._show_error, pause=PAUSE
        )
        self._weigh_later = Worker(
            self._weigh, on_error=self._show_error, pause=AT_REST
        )
        self._register_later = Worker(self._register, on_error=self._show_error)
        self._figures = ipywidgets.HTML()
        self._trail = ipywidgets.HTML()
        self._expectation = Expectation(trial.metric)
        self._expectation.on_change(self._expect)
        self._message = ipywidgets.HTML()
        note = judged_on(trial.metric, trial.examples)
        head = ipywidgets.HTML(
            f"<style>{_STYLE}</style><div><b>{html.escape(parts.title)}</b> "
            f'<span class="nncompress-note">{html.escape(note)}</span></div>'
        )
        super().__init__(
            [
                head,
                row_of(*parts.inputs),
                beside(parts.picture, self._figures),
                row_of(
                    self._trail,
                    ipywidgets.VBox([parts.details, *self._expectation.widgets]),
                ),
                *self._goal_panel.rows,
                self._message,
                *self._code_panel.rows,
            ]
        )
        self.add_class("nncompress-control")

    @property
    def goal(self) -> Goal | None:
        """What the setting is to reach, if anything."""
        return self._goal_panel.goal

    @property
    def choice(self) -> Any:
        """What the inputs say, as the trial takes it; a new object each time."""
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """What the control is and where it stands; equal on every machine."""
        raise NotImplementedError

    @property
    def setting(self) -> Pass:
        """The pass that does what the control shows now."""
        return self._trial.setting(self.choice)

    def register(self) -> Pass:
        """Hand in the current setting, as the Register button does.

        A setting that misses the goal is registered all the same, and the control says
        what is missing.

        Returns:
            The pass, which is `registered` from now on.
        """
        return self._register(self.choice)

    @property
    def stored(self) -> tuple[str, list[Tile]]:
        """The picture and the figures that a notebook stores."""
        return self._parts.picture.value, self._outcome.tiles(self.choice)

    def wait(self) -> None:
        """Return when all figures belong to what the inputs show."""
        for worker in (self._measure_later, self._weigh_later, self._register_later):
            worker.join()

    def __repr__(self) -> str:
        return f"{self.sentence} Run this cell to move the slider."

    def _repr_mimebundle_(
        self, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a notebook stores: pictures and a sentence beside the control itself."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        sentence = repr(self)
        picture, figures = self.stored
        stored = still(
            self._parts.title, picture, figures, style=_STYLE, sentence=sentence
        )
        shown = {
            "text/plain": sentence,
            "text/html": stored.page,
            "image/png": stored.png,
        }
        return {**bundle, **shown}, {"image/png": {"alt": sentence}}

    def _by_program(self, align: Callable[[], object]) -> None:
        """A program moved an input: bring all into line and measure at once."""
        if self._move(align):
            self._measure()
            self._weigh()

    def _begin(self, align: Callable[[], object]) -> None:
        """The first setting: its score is there when the control appears."""
        self._move(align)
        self._measure()
        self._weigh_later.request()

    def _by_hand(self, align: Callable[[], object]) -> None:
        """The user moved an input: bring all into line, the figures follow."""
        try:
            if self._move(align):
                self._measure_later.request()
                self._weigh_later.request()
        except Exception as error:  # nobody but the user can take it
            self._show_error(error)

    def _move(self, align: Callable[[], object]) -> bool:
        """Bring traits and inputs into line, which calls this again; then it is False."""
        with self._lock:
            if self._moving:
                return False
            self._moving = True
            try:
                align()
            finally:
                self._moving = False
            self._message.value = ""
            self._show()
        return True

    def _expect(self) -> None:
        with self._lock:
            self._show()

    def _measure(self) -> None:
        """Measure the score; dropped as soon as the control moves on."""
        choice = self.choice
        if self._outcome.final(choice):
            return
        for measured in self._trial.measured(choice):
            with self._lock:
                if choice != self.choice:
                    return
                self._outcome.take_measured(choice, measured)
                self._show()

    def _weigh(self) -> None:
        """Measure the bytes of the file; the trail wants them even when moved on."""
        choice = self.choice
        if self._outcome.weighed_of == choice:
            return
        measured = self._outcome.final(choice)
        weighed = self._trial.weighed(choice)
        with self._lock:
            self._outcome.take_weighed(choice, weighed, measured, now=self.choice)
            self._show()

    def _register(self, choice: Any) -> Pass:
        if choice == self.choice:
            self._measure()  # shows what it judges
        figures = self._figures_of(choice)
        setting = self._trial.setting(choice)
        with self._lock:
            self.set_trait("registered", setting)
            self._goal_panel.judge(figures)
            self._show()
        return setting

    def _figures_of(self, choice: Any) -> Figures:
        """All that a goal can bound."""
        final = self._outcome.final(choice)
        if final is None:
            *_, final = self._trial.measured(choice)
        figures = {**self._trial.counted(choice), **final.figures}
        if self.goal and set(self.goal.bounds) & set(WEIGHED):
            figures |= self._trial.weighed(choice)
        return figures

    def _show(self) -> None:
        """Bring figures, verdict and code up to date; whoever calls it holds the lock."""
        choice, outcome = self.choice, self._outcome
        setting = self._trial.setting(choice)
        if outcome.final(outcome.measured_of):
            self.set_trait("score", outcome.measured.score)
            if "accuracy" in self._trial.original:
                self.set_trait("accuracy", self.score)
        self.set_trait("file_bytes", outcome.weighed["keras_bytes"])
        self.set_trait("packed_bytes", outcome.weighed["packed_bytes"])
        self._figures.value = tiles(outcome.tiles(choice))
        self._trail.value = self._trail_picture(choice)
        self._expectation.show(outcome.final(choice))
        self._goal_panel.show(is_registered=setting == self.registered)
        self._code_panel.show(setting, outcome, choice)

    def _trail_picture(self, choice: Any) -> str:
        """Every setting visited."""
        outcome = self._outcome
        return trail_svg(
            outcome.trail,
            self._trial.original,
            goal=self.goal,
            metric=self._trial.metric,
            expected=self._expectation.score,
            here=bool(outcome.trail) and outcome.trail[-1].choice == choice,
            cost=outcome.cost,
        )

    def _show_error(self, error: Exception) -> None:
        self._goal_panel.give_up()
        text = html.escape(f"{type(error).__name__}: {error}")
        self._message.value = f'<div class="nncompress-error" role="alert">{text}</div>'
