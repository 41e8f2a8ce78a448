"""What controls of stored kernels share: settings of a layer or of the whole model."""

from collections.abc import Mapping
from typing import Any, ClassVar

import traitlets

from nncompress_lab import Data, Dataset
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.kernels import WHOLE_MODEL, Choice
from nncompress_lab.trials.storing import StoringTrial
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.parts import Parts
from nncompress_widgets.storing_view import StoringView
from nncompress_widgets.target_explorer import TargetExplorer

FLOATS = 32  # bits of a kernel that stays as it is


class StoringExplorer(TargetExplorer):
    """A control whose choice has a pass for the whole model or for each layer.

    A subclass names its trial, its view, its title and the figures that it shows. It has
    traits, says which of them each target keeps for itself (`KNOBS`) and which are shown
    beside them (`VIEWS`), and makes a pass of them in `step_of`.

    Args:
        model: A built functional or sequential Keras classifier. It is not changed.
        data: A data set, whose validation images are used, or a single `Data`.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        target: The path of a layer, or `"*"`: one setting for the whole model. Each layer
            keeps its own, and those of all layers apply together.
        bits: Of a weight; 32 leaves the target as it is.
        snr_db: Signal-to-noise ratio of all kernels, in decibels; read-only.
    """

    TRIAL: ClassVar[Any]  # the class of trials, made of a model and data
    VIEW: ClassVar[Any]  # the class of views, made of a trial
    TITLE: ClassVar[str]  # with {} for the model
    SHOWN: ClassVar[tuple[str, ...]]  # figures beside the accuracy

    target = traitlets.Unicode(WHOLE_MODEL)
    bits = traitlets.Int(4)
    snr_db = traitlets.Float(read_only=True)

    def __init__(
        self,
        model: Any,
        data: Dataset | Data,
        goal: Goal | None = None,
        *,
        answer: str | None = None,
    ) -> None:
        self._storing: StoringTrial = self.TRIAL(model, data)
        trial = self._storing
        view: StoringView = self.VIEW(trial)
        parts = Parts(
            title=self.TITLE.format(trial.name),
            inputs=view.inputs,
            picture=view.picture,
            details=view.details,
            shown=self.SHOWN,
        )
        first = {name: self.trait_defaults(name) for name in self.KNOBS}
        chosen = {path: {**first, "bits": FLOATS} for path in trial.layers}
        super().__init__(
            trial,
            view,
            parts,
            code=CodePanel(model, data, answer=answer),
            goal=goal,
            chosen={WHOLE_MODEL: first, **chosen},
        )

    @staticmethod
    def step_of(settings: Mapping[str, Any]) -> Any:
        """The pass for one target; raises a `ValueError` for what does not fit."""
        raise NotImplementedError

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

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a layer."""
        self._storing.check_target(target)

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for settings that are no pass."""
        if settings["bits"] != FLOATS:
            self.step_of(settings)

    def _show(self) -> None:
        super()._show()
        final = self._outcome.final(self.choice)
        if final is not None:
            self.set_trait("snr_db", final.more["snr_db"])
