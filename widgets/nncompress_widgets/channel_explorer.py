"""Channel pruning under a slider: the widths of a real model, and what they cost."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import traitlets

from nncompress_lab import ChannelPruning
from nncompress_lab.report.formats import count
from nncompress_lab.trials.channels import ChannelTrial
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.kernels import WHOLE_MODEL
from nncompress_widgets.channel_view import ChannelView
from nncompress_widgets.target_explorer import TargetExplorer
from nncompress_widgets.worker import Worker

START = 0.5  # of the MACs


class ChannelExplorer(TargetExplorer):
    """Make the layers of a real model narrower and see at once what it costs.

    The network is a row of bars, one for each layer, drawn to its channels; layers that an
    addition ties together share a colour and move together. Below are the channels of one
    layer, ordered by their scores, and those that go. Beside it is what the narrow model
    really does before any training, and, at rest, how fast it is in ONNX Runtime.

    Everything can be moved from Python, too: after `explorer.macs = 0.3`, the figures are
    those of the new setting.

    Args:
        model: A built functional or sequential Keras model of any task. It is not changed.
        data: As every `TargetExplorer` takes it. The first 512 training images calibrate,
            and on the training images the button trains; a single `Data` has none.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        target: `"*"`, one budget of MACs for the whole model, or the path of a layer. Each
            layer keeps its own width, and those of all layers apply together.
        macs: The fraction of the MACs to keep, in `(0, 1]`; of the whole model.
        channels: How many channels of the layer stay.
        criterion: `"l1"`, `"l2"`, `"taylor"`, or `"batch_norm"` where a
            BatchNormalization scales every channel.
        round_to: The number of channels that stay is a multiple of this.
        trained_score: After one epoch of training of the setting that was trained
            last, or None; read-only.
        trained_accuracy: Likewise, if the score is an accuracy.

    Raises:
        UnsupportedModelError: If no channel of the model can be cut.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model, or the goal bounds a figure that
            channel pruning does not change.

    Example:
        >>> import nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> explorer = ChannelExplorer(ncl.zoo.lenet5(), images)
        >>> explorer.target, explorer.channels = "conv1", 10
        >>> explorer.setting.channels
        (('conv1', 10),)
    """

    TRIAL, VIEW = staticmethod(partial(ChannelTrial, timed=True)), ChannelView
    TITLE = "Channel pruning of {}"
    SHOWN = ("macs", "parameters", "latency_ms")
    COST = "macs"
    KNOBS: ClassVar[tuple[str, ...]] = ("macs", "channels")
    VIEWS: ClassVar[tuple[str, ...]] = ("criterion", "round_to")
    _trial: ChannelTrial
    _view: ChannelView

    macs = traitlets.Float(START)
    channels = traitlets.Int(1)
    criterion = traitlets.Unicode("l1")
    round_to = traitlets.Int(1)
    trained_score = traitlets.Float(None, allow_none=True, read_only=True)
    trained_accuracy = traitlets.Float(None, allow_none=True, read_only=True)

    def __init__(
        self,
        model: Any,
        data: Given,
        goal: Goal | None = None,
        *,
        answer: str | None = None,
    ) -> None:
        self._trained_of: ChannelPruning | None = None
        self._train_later = Worker(self._train, on_error=self._show_error)
        super().__init__(model, data, goal, answer=answer)
        self._view.epoch.on_click(self._train_later.request)

    @property
    def choice(self) -> ChannelPruning:
        """What applies: the budget of the whole model, or the widths of all layers."""
        with self._lock:
            return self._pass_of(
                self.target, self._chosen, self.criterion, self.round_to
            )

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        macs = self._trial.counted(self.choice)["macs"]
        before = self._trial.original["macs"]
        return (
            f"ChannelExplorer of {self._trial.name}: {count(round(macs))} of "
            f"{count(round(before))} MACs, channels by {self.criterion}, "
            f"{self.score_in_words} before any training."
        )

    def train(self) -> float:
        """Train the narrow model for one epoch, as the button does.

        Returns:
            The score after it, which is `trained_score` from now on.

        Raises:
            ValueError: If there are no training images.
        """
        return self._trained(self.choice)

    def wait(self) -> None:
        """Return when all figures belong to what the inputs show."""
        self._train_later.join()
        super().wait()

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a target."""
        if target != WHOLE_MODEL:
            self._trial.channels(target)

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for a width or a budget that cannot be."""
        knob = "macs" if target == WHOLE_MODEL else "channels"
        if set(settings) != {knob}:
            raise ValueError(
                f"`macs` is for the whole model and `channels` for a layer. Received "
                f"{', '.join(sorted(set(settings) - {knob}))} while target={target!r}. "
                f"Choose another target first."
            )
        chosen = {**self._chosen, target: settings}
        self._trial.counted(
            self._pass_of(target, chosen, self.criterion, self.round_to)
        )

    def check_view(self, name: str, value: Any) -> None:
        """Raise a `ValueError` for a criterion or a multiple that cannot be."""
        if name == "round_to" and value < 1:
            raise ValueError(f"`round_to` must be at least 1. Received: {value}.")
        if name == "criterion" and value not in self._trial.criteria:
            raise ValueError(
                f"`criterion` is one of {', '.join(self._trial.criteria)} for this "
                f"model. Received: {value!r}."
            )

    def _shown(self) -> tuple[str, ...]:
        spoilt = ("reestimated",) if self._trial.has_statistics else ()
        return (*self.SHOWN, *spoilt)

    def _first_settings(self) -> dict[str, dict[str, Any]]:
        start = max(START, self._trial.least_macs(1))
        widths = {
            path: {"channels": self._trial.channels(path)}
            for path in self._trial.layers
        }
        return {WHOLE_MODEL: {"macs": start}, **widths}

    def _follow(self, name: str, value: Any) -> None:
        if name == "round_to":  # a budget that no multiple keeps grows with it
            whole = self._chosen[WHOLE_MODEL]
            whole["macs"] = max(whole["macs"], self._trial.least_macs(value))
        super()._follow(name, value)

    def _pass_of(
        self, target: str, chosen: Mapping[str, Any], criterion: Any, round_to: int
    ) -> ChannelPruning:
        if target == WHOLE_MODEL:
            macs = chosen[WHOLE_MODEL]["macs"]
            return ChannelPruning(macs=macs, criterion=criterion, round_to=round_to)
        widths = tuple(
            (path, chosen[path]["channels"])
            for path in self._trial.layers
            if chosen[path]["channels"] != (all_of := self._trial.channels(path))
            and all_of > round_to  # of fewer channels the least multiple is all
        )
        return ChannelPruning(channels=widths, criterion=criterion, round_to=round_to)

    def _show(self) -> None:
        super()._show()
        choice = self.choice
        before = self._outcome.final(choice)
        self._view.epoch.show(
            before.score if before else None,
            self.trained_score if self._trained_of == choice else None,
        )

    def _train(self) -> None:
        """The button's epoch; dropped as soon as the control moves on."""
        choice = self.choice

        def heard(done: float) -> None:
            if choice != self.choice:
                raise _OvertakenError
            self._view.epoch.step(done)

        self._view.epoch.begin()
        try:
            self._trained(choice, heard)
        except _OvertakenError:
            pass
        finally:
            self._view.epoch.end()
            with self._lock:
                self._show()

    def _trained(self, choice: ChannelPruning, heard: Any = lambda done: None) -> float:
        score = self._trial.trained(choice, heard)
        with self._lock:
            self._trained_of = choice
            self.set_trait("trained_score", score)
            if self.accuracy is not None:
                self.set_trait("trained_accuracy", score)
            self._show()
        return score


class _OvertakenError(Exception):
    """The control has moved on from the setting that is being trained."""
