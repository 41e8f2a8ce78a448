"""A copy of a model that takes on one change after the other, and is judged under each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from typing import Any, Final

import keras
import numpy as np

from nncompress_lab.models.kernels import weighted_layers
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.models.stages import Stages
from nncompress_lab.planning.chains import Values, assign_values, values_of
from nncompress_lab.planning.changes import Change
from nncompress_lab.planning.judging import Judge, Judged

BATCH_SIZE: Final = 256
PARTS: Final = tuple(part / 8 for part in range(1, 8))
MOST_BYTES: Final = 1_000_000_000  # of all activations, of which one of seven is held


class Altered:
    """One model, compiled once, with other weights in one place at a time.

    Args:
        model: It is not changed.
        judge: Who says what the outputs are worth.
    """

    def __init__(self, model: keras.Model, judge: Judge) -> None:
        self._judge = judge
        self._model = copy_model(model)
        self._layers = dict(weighted_layers(self._model))
        self._batches = ceil(len(judge.data) / BATCH_SIZE)
        self._stages = Stages(
            self._model,
            judge.data.x,
            batch_size=ceil(len(judge.data) / self._batches),
            parts=PARTS,
            most_bytes=MOST_BYTES,
        )

    def judged(self, change: Change | None = None) -> Judged:
        """What the model is worth under a change, or as it is.

        Changes are best asked for in the order of the layers: what comes before is then
        not computed again.
        """
        if change is not None and change.values is None:
            return self._judge.whole(change.model or self._model)
        with self._under({} if change is None else change.values or {}):
            if not self._judge.takes_outputs:
                return self._judge.whole(self._model)
            return self._judge.outputs(self._outputs())

    @contextmanager
    def _under(self, values: Mapping[str, Values]) -> Iterator[None]:
        layers = {path: self._layers[path] for path in values}
        before = {path: values_of(layer) for path, layer in layers.items()}
        self._stages.keep_only_before(layers.values())
        try:
            for path, layer in layers.items():
                assign_values(layer, values[path])
            self._stages.changed(layers.values())
            yield
        finally:
            for path, layer in layers.items():
                assign_values(layer, before[path])
            self._stages.changed(layers.values())

    def _outputs(self) -> list[Any]:
        batches = [
            keras.tree.flatten(self._stages.outputs(start))
            for start in self._stages.starts
        ]
        return [np.concatenate(one) for one in zip(*batches, strict=True)]
