"""Scores of a model in training, asked for again and again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.data.streams import Batch
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.pruning.arrays.masks import Weights
from nncompress_lab.pruning.arrays.scores import movement_scores, taylor_scores
from nncompress_lab.pruning.layer_masks import Scores, add_scores
from nncompress_lab.training.gradients import KernelGradients, Loss

RunningScore = Literal["magnitude", "taylor", "movement"]
BATCH_SIZE = 32
BATCHES = 8  # whose gradients are looked at each time


class RunningScores:
    """How much the kernel weights of a model matter at the moment of a call.

    Args:
        model: The model. Its weights are read at each call.
        layers: Its layers that are scored.
        score: `"magnitude"`; `"taylor"`, the sum over the next 8 batches of 32 examples;
            or `"movement"`, the same summed over all calls.
        data: Training data for gradients; it is gone through again and again.
        loss: Whose gradients, as in `KernelGradients`.
    """

    def __init__(
        self,
        model: keras.Model,
        layers: Sequence[KernelLayer],
        score: RunningScore,
        *,
        data: Data | None,
        loss: Loss | None,
    ) -> None:
        self.layers, self.score = layers, score
        self.next_batch = 0
        self.totals = self._zeros()
        self.data = data
        self.stream: Iterator[Batch] = iter(())
        if loss is not None:
            self.gradients = KernelGradients(model, layers, loss=loss)

    def __call__(self) -> Scores:
        """For each layer, scores of the shapes of its kernels."""
        if self.score == "taylor":
            self.totals = self._zeros()
            self._add(taylor_scores)
        elif self.score == "movement":
            self._add(movement_scores)
        else:
            return [
                # In float32 at least: NumPy finds no number below a bfloat16.
                [
                    abs(array.astype(np.result_type(array, np.float32)))
                    for array in layer.arrays()
                ]
                for layer in self.layers
            ]
        return self.totals

    def _zeros(self) -> Scores:
        return [
            [np.zeros(kernel.shape) for kernel in layer.kernels()]
            for layer in self.layers
        ]

    def _add(self, score: Callable[[Weights, Weights], Weights]) -> None:
        weights = [layer.arrays() for layer in self.layers]
        for batch in self._batches():
            gradients = self.gradients(*batch)
            found = [gradients[layer.path] for layer in self.layers]
            add_scores(self.totals, score, weights, found)

    def _batches(self) -> Iterator[Batch]:
        if self.data is None:
            raise TypeError(f"The score {self.score!r} needs training data.")
        for _ in range(BATCHES):
            if self.data.is_stream:
                yield self._next_of(self.data)
                continue
            start = self.next_batch * BATCH_SIZE
            self.next_batch += 1
            yield self.data.rows(np.arange(start, start + BATCH_SIZE) % len(self.data))

    def _next_of(self, data: Data) -> Batch:
        """The next batch of a pipeline, which begins again at its end."""
        batch = next(self.stream, None)
        if batch is None:
            self.stream = data.batches(BATCH_SIZE)
            batch = next(self.stream)
        return batch
