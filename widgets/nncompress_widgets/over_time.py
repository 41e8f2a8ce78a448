"""A tab that trains a model while it prunes it, and replays what happened on the way."""

import html
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
import traitlets

from nncompress_lab import GradualPruning
from nncompress_lab.report.formats import size
from nncompress_lab.trials.figures import Figures, drop_in_words, percent
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.over_time import OverTimeTrial, Replay
from nncompress_lab.trials.trial import Measured
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.figures import Tile, bytes_note, tiles
from nncompress_widgets.goal_panel import GoalPanel
from nncompress_widgets.over_time_picture import over_time_svg
from nncompress_widgets.over_time_view import CURVES, SCOPES, OverTimeView
from nncompress_widgets.worker import Worker

SPARSITY, EPOCHS = 0.95, 4  # to begin with


class OverTime(ipywidgets.VBox):
    """Train a model in some seconds while it is pruned, then replay it step by step.

    Nothing is trained until `train`, or the button, asks for it; then on a thread, and the
    picture follows. The last training stays until the next one.

    Args:
        trial: Of the model.
        code: Writes the setting as code.
        goal: What the trained model is to reach, if anything.
        on_register: Called with a pass that is registered.

    Attributes:
        sparsity: At the end, a fraction.
        curve: `"cubic"`, slowly, or `"constant"`, at once and then trained.
        scope: What competes: `"layer"`, `"global"` or `"adaptive"`.
        epochs: Of the training.
        moment: Which moment of the last training is shown, from 0.
        accuracy: Of the trained model, or None if this setting is not the trained one.
    """

    sparsity = traitlets.Float(SPARSITY, min=0.0, max=0.999)
    curve = traitlets.Enum(list(CURVES), "cubic")
    scope = traitlets.Enum(list(SCOPES), "adaptive")
    epochs = traitlets.Int(EPOCHS, min=1)
    moment = traitlets.Int(0, min=0)
    accuracy = traitlets.Float(None, allow_none=True, read_only=True)

    def __init__(
        self,
        trial: OverTimeTrial,
        code: CodePanel,
        *,
        goal: Goal | None,
        on_register: Callable[[GradualPruning], object],
    ) -> None:
        self._lock = threading.RLock()
        self._moving = False
        self._stopped = threading.Event()
        self.trial = trial
        self._code, self._on_register = code, on_register
        self._replay: Replay | None = None
        self._trained_of: GradualPruning | None = None
        self._registered: GradualPruning | None = None
        self._view = OverTimeView(can_train=trial.can_train)
        self._goal = GoalPanel(goal, known=("zeros", "packed_bytes", "accuracy_drop"))
        self._train_later = Worker(self._train, on_error=self._show_error)
        self._register_later = Worker(self.register, on_error=self._show_error)
        self._once_later = Worker(self._measure_at_once, on_error=self._show_error)
        self._at_once: dict[GradualPruning, float] = {}
        self._message = ipywidgets.HTML()
        rows = [*self._view.rows, *self._goal.rows, self._message, *code.rows]
        super().__init__(rows)
        self._measure_at_once()
        self.observe(self._moved, ["sparsity", "curve", "scope", "epochs", "moment"])
        self._view.on_change(self._by_hand)
        self._view.train.on_click(lambda _: self._train_later.request())
        self._view.stop.on_click(lambda _: self._stopped.set())
        self._goal.on_click(self._register_later.request)

    @property
    def setting(self) -> GradualPruning:
        """The pass that does what the inputs say."""
        with self._lock:
            end = 0.0 if self.curve == "constant" else GradualPruning.end
            return GradualPruning(
                sparsity=self.sparsity,
                curve=self.curve,
                scope=self.scope,
                epochs=self.epochs,
                end=end,
            )

    @property
    def replay(self) -> Replay | None:
        """The last training, if there was any; one that goes on is growing."""
        return self._replay

    @property
    def sentence(self) -> str:
        """What the tab shows."""
        setting = self.setting
        known = self.accuracy
        came = "not trained yet" if known is None else f"accuracy {percent(known)}"
        epochs = f"{setting.epochs} epoch{'s' * (setting.epochs > 1)}"
        return (
            f"Over time: {percent(setting.sparsity)} zeros, {CURVES[setting.curve]}, "
            f"{setting.scope}, in {epochs}: {came}; at once, without training, "
            f"{percent(self.trial.at_once(setting))}."
        )

    @property
    def picture(self) -> str:
        """The `<svg>` that is shown."""
        return str(self._view.picture.value)

    @property
    def tiles(self) -> list[Tile]:
        """The figures beside it."""
        return self._tiles(self.setting)

    def train(self) -> Replay:
        """Train with the setting of the inputs, as the button does.

        Raises:
            ValueError: If there are no training images.
        """
        self._stopped.clear()
        setting = self.setting
        replay = self.trial.trained(
            setting, lambda so_far: self._heard(setting, so_far)
        )
        self._take(setting, replay)
        return replay

    def register(self) -> GradualPruning:
        """Hand in the setting; it is trained first if it was not."""
        setting = self.setting
        if self._trained_of != setting or self.accuracy is None:
            self._train()
        with self._lock:
            self._goal.give_up()  # a training that was stopped has no verdict
            if self._trained_of == setting and self.accuracy is not None:
                self._registered = setting
                if self._replay:
                    self._goal.judge(self._replay.figures)
                self._on_register(setting)
            self._show()
        return setting

    def wait(self) -> None:
        """Return when no training goes on."""
        for worker in (self._train_later, self._register_later, self._once_later):
            worker.join()

    def _measure_at_once(self) -> None:
        """Measure what pruning at once leaves, which takes longer than a hand waits."""
        setting = self.setting
        accuracy = self.trial.at_once(setting)
        with self._lock:
            self._at_once[setting] = accuracy
            self._show()

    def _train(self) -> None:
        self._view.begin()
        self._view.say("Training on 2,560 images; it can be stopped.")
        try:
            self.train()
            self._view.say("")
        except _StoppedError:
            self._view.say("Stopped; what is shown is the training so far.")
        finally:
            self._view.end()

    def _heard(self, setting: GradualPruning, so_far: Replay) -> None:
        self._take(setting, so_far)
        if self._stopped.is_set():
            raise _StoppedError

    def _take(self, setting: GradualPruning, replay: Replay) -> None:
        with self._lock:
            self._replay, self._trained_of = replay, setting
            self._align({"moment": len(replay.moments) - 1})

    def _by_hand(self, traits: dict[str, Any]) -> None:
        with self._lock:
            if not self._moving:
                self._align(traits)
        if self.setting not in self._at_once:
            self._once_later.request()

    def _moved(self, _change: Any) -> None:
        self._by_hand({})

    def _align(self, traits: dict[str, Any]) -> None:
        """Take new values and bring inputs and picture into line with them."""
        self._moving = True
        try:
            for name, value in traits.items():
                setattr(self, name, value)
            moments = len(self._replay.moments) if self._replay else 1
            self.moment = min(self.moment, moments - 1)
            self._message.value = ""
            self._show()
        finally:
            self._moving = False

    def _show(self) -> None:
        setting = self.setting
        trained = self._replay if self._trained_of == setting else None
        done = trained.figures if trained else {}
        self.set_trait("accuracy", done.get("accuracy"))
        replay = self._replay
        moments = replay.moments if replay else (self.trial.beginning,)
        shown = self._trained_of if replay and self._trained_of else setting
        names = ("sparsity", "curve", "scope", "epochs", "moment")
        self._view.show(
            {name: getattr(self, name) for name in names}, moments=len(moments)
        )
        planned = self.trial.planned(shown)
        self._view.picture.value = over_time_svg(
            self.trial.beginning.histogram,
            moments,
            shown=min(self.moment, len(moments) - 1),
            steps=planned[-1][0],
            planned=planned,
            at_once=self._at_once.get(shown),
        )
        self._view.figures.value = tiles(self._tiles(setting))
        self._goal.show(is_registered=setting == self._registered)
        self._code.show(setting, _Known(self.trial, setting, trained), setting)

    def _tiles(self, setting: GradualPruning) -> list[Tile]:
        original, trial = self.trial.original, self.trial
        at_once = self._at_once.get(setting)
        found = [Tile("Pruned at once", "-", "is being measured")]
        if at_once is not None:
            lost = drop_in_words(original["accuracy"] - at_once)
            found = [Tile("Pruned at once", percent(at_once), f"{lost}; no training")]
        done = self._replay.figures if self._replay else {}
        if not done:
            return [Tile("Trained in the loop", "-", "press Train"), *found]
        current = self._trained_of == setting
        words = drop_in_words(done["accuracy_drop"])
        kept = f"best epoch on {trial.examples:,} validation images; {words}"
        packed = size(round(done["packed_bytes"]))
        note = bytes_note(done["packed_bytes"], original["packed_bytes"])
        return [
            Tile("Trained in the loop", percent(done["accuracy"]), kept, current),
            *found,
            Tile("Zeros", percent(done["zeros"]), "of the kernel weights", current),
            Tile("Packed by ncl.pack", packed, note, current),
        ]

    def _show_error(self, error: Exception) -> None:
        self._goal.give_up()
        text = html.escape(f"{type(error).__name__}: {error}")
        self._message.value = f'<div class="nncompress-error" role="alert">{text}</div>'


class _Known:
    """What a `CodePanel` asks an outcome."""

    def __init__(
        self, trial: OverTimeTrial, setting: GradualPruning, replay: Replay | None
    ) -> None:
        self.trial: Any = trial
        self.weighed_of: Any = setting
        self.weighed: Figures = replay.figures if replay else {}

    def final(self, choice: Any) -> Measured | None:
        """The accuracy of the trained model, if there is one."""
        if choice != self.weighed_of or "accuracy" not in self.weighed:
            return None
        accuracy, drop = self.weighed["accuracy"], self.weighed["accuracy_drop"]
        return Measured(accuracy, drop, self.trial.examples)


class _StoppedError(Exception):
    """Somebody pressed Stop."""
