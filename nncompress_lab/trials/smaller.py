"""Techniques whose result is a smaller ordinary model: what it costs, how fast it is."""

import threading
from typing import Any, Final

import keras

from nncompress_lab import measure
from nncompress_lab.passes import Pass
from nncompress_lab.runtimes.racing import ONNX_RUNTIME, race_models
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES, ModelTrial
from nncompress_lab.trials.scratch import Choice

ROUNDS: Final = 12  # blocks of a race: it runs while somebody waits


class SmallerTrial(ModelTrial[Choice]):
    """One model under a technique that changes its structure.

    The accuracy is measured on a scratch copy of the *original* shape, whose kernels
    compute what the smaller model computes (the product of two factors; zeros for a
    channel that goes). So no model is built while a hand moves. The smaller model itself
    is built at rest, to weigh its file and to time it.

    Args:
        model: As `ModelTrial` takes it.
        data: Likewise.
        examples: Likewise.
        unchanged: Likewise.
        timed: Whether `weighed` also says how fast the model is in ONNX Runtime.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Given,
        *,
        unchanged: Choice,
        examples: int = EXAMPLES,
        timed: bool = False,
    ) -> None:
        super().__init__(model, data, examples=examples, unchanged=unchanged)
        self._timed = timed
        self._parameters = measure.parameters(model)
        self._macs = measure.macs(model)
        self._building = threading.Lock()
        self._built: tuple[Any, keras.Model] | None = None

    def setting(self, choice: Choice) -> Pass:
        """The pass that does what a choice says."""
        raise NotImplementedError

    def built(self, choice: Choice) -> keras.Model:
        """The pass's result: an ordinary model. That of the last choice is kept."""
        with self._building:
            if self._built is None or self._built[0] != choice:
                self._built = choice, self.setting(choice)(self._original, self.context)
            return self._built[1]

    def weighed(self, choice: Choice) -> Figures:
        """Bytes of the smaller model's file, and its latency where that is timed.

        Returns:
            `keras_bytes` and `packed_bytes`; and if the trial is timed and ONNX Runtime
            takes the model, `latency_ms` of one image on one thread, `speedup`, the
            original's time in the same race over that, and `latency_band`, the noise.
        """
        model = self.built(choice)
        sizes = measure.file_sizes(model)
        figures = {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}
        return {**figures, **(self._times(choice, model) if self._timed else {})}

    def _times(self, choice: Choice, model: keras.Model) -> Figures:
        if choice == self._unchanged:  # nothing to race against
            return {}
        models = {"original": self._original, "smaller": model}
        found = race_models(models, rounds=ROUNDS)
        if found.runtime != ONNX_RUNTIME:
            return {}
        return {
            "latency_ms": found.race.milliseconds["smaller"],
            "speedup": found.race.speedup("smaller"),
            "latency_band": found.race.band,
        }
