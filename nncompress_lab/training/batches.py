"""Training batches in an order that a seed fixes, on every backend."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.data.datasets import Data

Augment = Callable[[npt.NDArray[Any], np.random.Generator], npt.NDArray[Any]]


class Batches(keras.utils.PyDataset):
    """Shuffled batches for `fit`, the same in every run with the same seed.

    Keras's own shuffling draws from the backend's global random state. Here the order
    of an epoch depends on the seed and the number of the epoch alone, so that a run is
    repeatable, can be resumed, and leaves the caller's random state as it was.

    Args:
        data: What to draw from.
        batch_size: Examples a batch, at least 1; the last batch may be smaller.
        seed: Of the order and of the augmentation.
        augment: Called as `augment(x, generator)` on each batch of inputs.
    """

    def __init__(
        self,
        data: Data,
        *,
        batch_size: int,
        seed: int,
        augment: Augment | None = None,
    ) -> None:
        super().__init__()
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of the epoch with this number (from 0)."""
        self.epoch = epoch
        self.order = np.random.default_rng((self.seed, epoch)).permutation(
            len(self.data)
        )

    def callback(self) -> keras.callbacks.Callback:
        """Keeps the epoch in step with `fit`, also when a run is resumed."""
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _logs: self.start_epoch(epoch)
        )

    def __len__(self) -> int:
        return math.ceil(len(self.data) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x, y = self.data.x[rows], self.data.y[rows]
        if self.augment is not None:
            x = self.augment(x, np.random.default_rng((self.seed, self.epoch, index)))
        return x, y
