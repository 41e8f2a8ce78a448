"""What controls of stored kernels share: settings of a layer or of the whole model."""

from collections.abc import Mapping
from typing import Any

import traitlets

from nncompress_lab.trials.kernels import WHOLE_MODEL, Choice
from nncompress_lab.trials.storing import StoringTrial
from nncompress_widgets.storing_view import StoringView
from nncompress_widgets.target_explorer import TargetExplorer

FLOATS = 32  # bits of a kernel that stays as it is


class StoringExplorer(TargetExplorer):
    """A control whose choice has a pass for the whole model or for each layer.

    A subclass makes a pass of the settings of a target in `step_of`.

    Attributes:
        target: The path of a layer, or `"*"`: one setting for the whole model. Each layer
            keeps its own, and those of all layers apply together.
        bits: Of a weight; 32 leaves the target as it is.
        snr_db: Signal-to-noise ratio of all kernels, in decibels; read-only.
    """

    _trial: StoringTrial
    _view: StoringView

    target = traitlets.Unicode(WHOLE_MODEL)
    bits = traitlets.Int(4)
    snr_db = traitlets.Float(read_only=True)

    @staticmethod
    def step_of(settings: Mapping[str, Any]) -> Any:
        """The pass for one target; raises a `ValueError` for what does not fit."""
        raise NotImplementedError

    @property
    def choice(self) -> Choice:
        """What applies: the one setting of the whole model, or those of all layers."""
        with self._lock:
            whole = self.target == WHOLE_MODEL
            targets = [WHOLE_MODEL] if whole else self._trial.layers
            return Choice(
                {
                    one: self.step_of(self._chosen[one])
                    for one in targets
                    if self._chosen[one]["bits"] != FLOATS
                }
            )

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a layer."""
        self._trial.check_target(target)

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for settings that are no pass."""
        if settings["bits"] != FLOATS:
            self.step_of(settings)

    def _first_settings(self) -> dict[str, dict[str, Any]]:
        first = {name: self.trait_defaults(name) for name in self.KNOBS}
        rest = {path: {**first, "bits": FLOATS} for path in self._trial.layers}
        return {WHOLE_MODEL: first, **rest}

    def _show(self) -> None:
        super()._show()
        final = self._outcome.final(self.choice)
        if final is not None:
            self.set_trait("snr_db", final.more["snr_db"])
