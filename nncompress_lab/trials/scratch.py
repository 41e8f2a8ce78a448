"""What trials are made of: a copy whose kernels change, and how it is judged."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from typing import Generic, TypeVar

import keras

from nncompress_lab import measure
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.models.selection import EVERY_LAYER
from nncompress_lab.models.stages import Stages
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.scoring import Scoring

Choice = TypeVar("Choice")
Layers = Mapping[str, KernelLayer]


class Scratch(Generic[Choice]):
    """A copy of a model that takes on one choice after the other.

    It may be used from several threads at once: each waits until the copy is free.

    Args:
        model: It is not changed.
        scoring: How it is judged.
        apply: Called with the copy's kernel layers by path, a choice, and the choice that
            they follow so far or None; gives the layers the weights of the choice and
            returns those that it has changed.
    """

    def __init__(
        self,
        model: keras.Model,
        scoring: Scoring,
        apply: Callable[[Layers, Choice, Choice | None], Iterable[KernelLayer]],
    ) -> None:
        self._model = copy_model(model)
        self._scoring = scoring
        self._apply = apply
        self._held: Choice | None = None
        self._lock = threading.Lock()
        self.layers: Layers = {one.path: one for one in EVERY_LAYER(self._model)}

    @contextmanager
    def under(self, choice: Choice) -> Iterator[keras.Model]:
        """The copy with the weights of a choice, for as long as the block runs."""
        with self._lock:
            if choice != self._held:
                held, self._held = self._held, None
                changed = self._apply(self.layers, choice, held)
                self._stages.changed(one.layer for one in changed)
                self._held = copy(choice)  # the caller's own may change
            yield self._model

    def scores(self, choice: Choice) -> Iterator[tuple[float, int]]:
        """Judge batch by batch; the copy is free for others between two batches.

        Activations before the first layer that has changed are not computed again.

        Args:
            choice: Whose weights the copy has.

        Yields:
            The figure of the examples so far, and how many examples that were.
        """
        count = self._scoring.count()
        for rows in self._scoring.batches(self._stages):
            with self.under(choice):
                outputs = self._stages.outputs(rows.start)
            yield count(rows, outputs), rows.stop

    @cached_property
    def _stages(self) -> Stages:
        return self._scoring.stages(self._model)

    def weighed(self, choice: Choice) -> Figures:
        """Bytes of the file under a choice, as `measure.file_sizes` says."""
        with self.under(choice) as model:
            sizes = measure.file_sizes(model)
        return {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}
