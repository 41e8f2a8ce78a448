"""A copy of a model that takes on one change after the other, and is judged under each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from typing import Any, Final

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.measure.divergence import all_outputs
from nncompress_lab.models.kernels import weighted_layers
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.models.stages import Stages
from nncompress_lab.passes import Context
from nncompress_lab.planning.chains import Values, assign_values, values_of
from nncompress_lab.planning.changes import Change
from nncompress_lab.planning.judging import Judge, Judged
from nncompress_lab.training.reestimate_batch_norm import (
    ReestimateBatchNorm,
    measuring,
    normalizations,
)

BATCH_SIZE: Final = 512
PARTS: Final = tuple(part / 8 for part in range(1, 8))
MOST_BYTES: Final = 1_000_000_000  # of all activations, of which one of seven is held


class Altered:
    """One model, compiled once, with other weights in one place at a time.

    Args:
        model: It is not changed.
        judge: Who says what the outputs are worth.
        statistics: What each BatchNormalization is measured on anew under each change,
            as by `ReestimateBatchNorm`; None leaves its statistics as they are.

    Attributes:
        original: What the model is worth as it is.
    """

    def __init__(
        self, model: keras.Model, judge: Judge, statistics: Data | None = None
    ) -> None:
        self._judge = judge
        self._model = copy_model(model)
        self._layers = dict(weighted_layers(self._model))
        count = len(judge.data)
        size = ceil(count / ceil(count / BATCH_SIZE))  # as equal batches as can be
        self._stages = self._cut(judge.data, batch_size=size)
        self._reference = (
            self._outputs() if judge.takes_outputs else all_outputs(model, judge.data)
        )
        self.original: Judged = self._judged()
        self._statistics = statistics
        self._normalizations = [layer for _, layer in normalizations(self._model)]
        self._seen: Stages | None = None
        if statistics is not None and self._normalizations:
            self._seen = self._cut(statistics, batch_size=len(statistics), run=_call)
            self._measure_anew(self._seen)
            self._stages.changed(self._normalizations)

    def judged(self, change: Change) -> Judged:
        """What the model is worth under a change.

        Changes are best asked for in the order of the layers: what comes before is then
        not computed again.
        """
        if change.values is None:
            return self._judge.whole(self._result(change), self._reference)
        with self._under(change.values):
            return self._judged()

    def _judged(self) -> Judged:
        if not self._judge.takes_outputs:
            return self._judge.whole(self._model, self._reference)
        return self._judge.outputs(self._outputs(), self._reference)

    def _result(self, change: Change) -> keras.Model:
        if self._seen is None:
            return change.model
        return ReestimateBatchNorm()(
            change.model, Context(calibration=self._statistics)
        )

    def _cut(self, data: Data, **settings: Any) -> Stages:
        return Stages(
            self._model, data.x, parts=PARTS, most_bytes=MOST_BYTES, **settings
        )

    @contextmanager
    def _under(self, values: Mapping[str, Values]) -> Iterator[None]:
        layers = [self._layers[path] for path in values]
        spoilt = [*layers, *(self._normalizations if self._seen else ())]
        before = [values_of(layer) for layer in spoilt]
        runs = [one for one in (self._stages, self._seen) if one is not None]
        for stages in runs:
            stages.keep_only_before(layers)
        try:
            for path, layer in zip(values, layers, strict=True):
                assign_values(layer, values[path])
            for stages in runs:
                stages.changed(layers)
            if self._seen is not None:
                self._measure_anew(self._seen)
            yield
        finally:
            for layer, held in zip(spoilt, before, strict=True):
                assign_values(layer, held)
            for stages in runs:
                stages.changed(layers)

    def _measure_anew(self, seen: Stages) -> None:
        """Normalizations before the change measure what they did, and need not again."""
        with measuring(self._normalizations):
            seen.outputs(0)

    def _outputs(self) -> list[Any]:
        batches = [
            keras.tree.flatten(self._stages.outputs(start))
            for start in self._stages.starts
        ]
        return [np.concatenate(one) for one in zip(*batches, strict=True)]


def _call(stage: keras.Model, value: Any) -> Any:
    return stage(value, training=False)
