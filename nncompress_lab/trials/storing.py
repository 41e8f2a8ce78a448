"""Kernels stored in fewer bits, tried out on scratch copies, fast enough for a slider."""

import glob
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import keras

from nncompress_lab import measure
from nncompress_lab.models.attention import ATTENTION
from nncompress_lab.models.kernels import KernelLayer, walk
from nncompress_lab.models.selection import Selection
from nncompress_lab.passes import Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.quantization.activation_quantization import ActivationQuantization
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.kernels import WHOLE_MODEL, Choice, Kernels
from nncompress_lab.trials.model_trial import EXAMPLES, ModelTrial
from nncompress_lab.trials.scratch import Layers, Scratch
from nncompress_lab.trials.trial import Measured

ORIGINAL: Final = Choice()


class StoringTrial(ModelTrial[Choice]):
    """One model with its kernels in fewer bits, without a new model for each setting.

    The weights are those that the layers of the pass's result compute with, to the last
    bit. The trial may be used from several threads at once.

    Args:
        model: A built functional or sequential model. It is not changed.
        data: As `ModelTrial` takes it.
        examples: How many of the examples, from the first on.

    Raises:
        UnsupportedModelError: If the model cannot be copied or has no kernel to quantize.
        TypeError: If `data` is none of what `ModelTrial` takes.
        ValueError: If the examples do not fit the model, or nobody says its task.
    """

    def __init__(
        self, model: keras.Model, data: Given, *, examples: int = EXAMPLES
    ) -> None:
        super().__init__(model, data, examples=examples, unchanged=ORIGINAL)
        self.kernels = Kernels(self._original)
        self._inner = _projections(self._original)
        self._memory = measure.bytes_in_memory(model)
        self._parameters = measure.parameters(model)
        self._lock = threading.Lock()
        self._rounding: tuple[ActivationQuantization, keras.Model, Any] | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that can be quantized, in the order of the model."""
        return tuple(self.kernels.layers)

    @property
    def largest(self) -> str:
        """The layer with the most weights."""
        return max(self.layers, key=self.size)

    def size(self, target: str) -> int:
        """How many weights a layer's kernels hold, or those of `"*"`, the whole model.

        Raises:
            ValueError: If there is no such layer.
        """
        self.check_target(target)
        chosen = self.layers if target == WHOLE_MODEL else [target]
        return sum(self.kernels.layers[path].size for path in chosen)

    def setting(self, choice: Choice) -> Pass:
        """The pass that does what a choice says.

        Raises:
            ValueError: If a layer is unknown.
        """
        rounds = choice.activations
        return _together([rounds] if rounds else [], self._steps(choice))

    def counted(self, choice: Choice) -> Figures:
        """Bytes in memory and parameters; no weight is touched."""
        saved = sum(self.kernels.bytes_saved(choice, path) for path in self.layers)
        return {"memory_bytes": self._memory - saved, "parameters": self._parameters}

    def measured(self, choice: Choice) -> Iterator[Measured]:
        """The score on ever more of the examples, and what the kernels have lost."""
        self._check(choice)
        scratch = self._scratch(choice.activations)
        kernels = replace(choice, activations=None)
        return self._measured_on(scratch, kernels, self.kernels.noise(choice).figures)

    def weighed(self, choice: Choice) -> Figures:
        """Bytes of the file that the pass's result has."""
        model = self._base(choice.activations)
        sizes = measure.file_sizes(self._alone(choice)(model))
        return {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a layer."""
        if target != WHOLE_MODEL and target not in self.layers:
            raise ValueError(
                f"{self.name!r} has no layer {target!r} that can be quantized. It has: "
                f"{', '.join(self.layers)}; {WHOLE_MODEL!r} is the whole model."
            )

    def _apply(
        self, layers: Layers, choice: Choice, held: Choice | None
    ) -> list[KernelLayer]:
        changed = []
        # In a model that rounds, the projections of an attention layer have other paths.
        for (path, floats), layer in zip(
            self.kernels.floats.items(), self._in_order(layers), strict=True
        ):
            if held is None or held.of(path) != choice.of(path):
                stored = self.kernels.stored(choice, path)
                layer.assign(stored.decoded if stored else floats)
                changed.append(layer)
        return changed

    def _in_order(self, layers: Layers) -> list[KernelLayer]:
        names = {*self.layers, *map(self._rounded_path, self.layers)}
        return [layer for path, layer in layers.items() if path in names]

    def _steps(self, choice: Choice) -> list[Any]:
        self._check(choice)
        if WHOLE_MODEL in choice.steps:
            return [choice.steps[WHOLE_MODEL]]
        rename = self._rounded_path if choice.activations else str
        return [
            replace(step, select=Selection(names=(glob.escape(rename(path)),)))
            for path in self.layers
            if (step := choice.steps.get(path)) is not None
        ]

    def _alone(self, choice: Choice) -> Pass:
        return _together(self._steps(choice))

    def _rounded_path(self, path: str) -> str:
        return f"{path}/{path.rpartition('/')[2]}" if path in self._inner else path

    def _base(self, activations: ActivationQuantization | None) -> keras.Model:
        """The original, with activations rounded if they are to be."""
        return self._rounded(activations)[0] if activations else self._original

    def _scratch(self, activations: ActivationQuantization | None) -> Scratch[Choice]:
        return self._rounded(activations)[1] if activations else self._measuring

    def _rounded(self, rounds: ActivationQuantization) -> tuple[keras.Model, Any]:
        """For the one rounding that was asked for last: its model and a scratch copy."""
        with self._lock:
            if self._rounding is None or self._rounding[0] != rounds:
                model = rounds(self._original, self.context)
                scratch = Scratch(model, self.scoring, self._apply)
                self._rounding = rounds, model, scratch
            return self._rounding[1:]

    def _check(self, choice: Choice) -> None:
        for target in choice.steps:
            self.check_target(target)
        if WHOLE_MODEL in choice.steps and len(choice.steps) > 1:
            raise ValueError(
                "A setting is for the whole model or for single layers. Received both: "
                f"{sorted(choice.steps)}. Leave out {WHOLE_MODEL!r} or the layers."
            )


def _together(*parts: list[Any]) -> Pass:
    """The one step that there is, or a pipeline."""
    steps: list[Pass] = [step for part in parts for step in part]
    return steps[0] if len(steps) == 1 else pipeline(*steps)


def _projections(model: keras.Model) -> set[str]:
    """Paths of the layers inside attention layers."""
    parents = [path for path, layer in walk(model) if type(layer) in ATTENTION]
    return {path for path, _ in walk(model) if path.rpartition("/")[0] in parents}
