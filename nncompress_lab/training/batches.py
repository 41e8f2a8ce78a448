"""Training batches in an order that a seed fixes, on every backend."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.data.datasets import Data
from nncompress_lab.data.streams import Batch, known_batches
from nncompress_lab.quiet import quiet_logger

BATCH_SIZE = 32  # of arrays where nobody asks for another
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
        return self.data.steps(self.batch_size)

    def __getitem__(self, index: int) -> Any:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x, y, weight = self.data.rows(rows)
        if self.augment is not None:
            x = self.augment(x, np.random.default_rng((self.seed, self.epoch, index)))
        return _packed(x, y, weight)


class PipelineBatches(keras.utils.PyDataset):
    """The batches of a function that makes iterators, as many each epoch.

    The first batch of an epoch is the first of a fresh iterator. Where one has fewer
    batches than were counted, another goes on.

    Args:
        data: A pipeline.
    """

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.data = data
        self.batches: Iterator[Batch] = iter(())

    def __len__(self) -> int:
        return self.data.steps(BATCH_SIZE)

    def __getitem__(self, index: int) -> Any:
        batch = next(self.batches, None) if index else None
        if batch is None:
            self.batches = self.data.batches(BATCH_SIZE)
            batch = next(self.batches, None)
        if batch is None:
            raise ValueError(
                f"{self.data!r} gives batches once and none the next time. Let the "
                "function return a fresh iterator at each call."
            )
        return _packed(*batch)


def training_batches(
    data: Data, *, batch_size: int, seed: int
) -> tuple[Any, list[keras.callbacks.Callback]]:
    """What `fit` takes as `x` to train on some data, and the callbacks that go with it.

    Args:
        data: Arrays are drawn in an order that the seed fixes; a pipeline keeps its own.
        batch_size: Examples a batch of arrays.
        seed: Of the order.
    """
    if data.is_stream:
        return _pipeline(data), []
    batches = Batches(data, batch_size=batch_size, seed=seed)
    return batches, [batches.callback()]


def held_out(data: Data) -> Any:
    """What `fit` takes as `validation_data`: all examples in order."""
    return _pipeline(data) if data.is_stream else _packed(*data.rows(slice(None)))


def evaluation(data: Data, *, batch_size: int = BATCH_SIZE) -> dict[str, Any]:
    """The arguments of `evaluate` for some data.

    Args:
        data: Arrays or a pipeline, which has batches of its own.
        batch_size: The most examples a batch of arrays.
    """
    if data.is_stream:
        return {"x": _pipeline(data)}
    x, y, sample_weight = data.rows(slice(None))
    size = even_batch(len(data), batch_size)
    return {
        "x": for_keras(x),
        "y": y,
        "sample_weight": sample_weight,
        "batch_size": size,
    }


def even_batch(examples: int, batch_size: int) -> int:
    """The largest batch that leaves no smaller one at the end.

    TensorFlow and JAX compile a model once more for a last batch of another size, which
    takes longer than the batch and keeps memory as long as the model lives.

    Args:
        examples: In all.
        batch_size: The most examples a batch.

    Returns:
        A divisor of `examples` from `batch_size` down to half of it; `batch_size` where
        there is none.

    Example:
        >>> even_batch(1000, 256), even_batch(100, 256), even_batch(509, 256)
        (250, 256, 256)
    """
    smaller = range(batch_size, batch_size // 2, -1)
    return next((size for size in smaller if examples % size == 0), batch_size)


def predicted(model: keras.Model, x: Any, *, batch_size: int) -> Any:
    """What a model returns for inputs as `Data` holds them.

    Args:
        model: A Keras model.
        x: Arrays of examples.
        batch_size: The most examples a forward pass.
    """
    size = even_batch(len(keras.tree.flatten(x)[0]), batch_size)
    with quiet_logger("tensorflow"):  # it takes several models for one that changes
        return model.predict(for_keras(x), batch_size=size, verbose=0)


def _pipeline(data: Data) -> Any:
    """The user's own pipeline where Keras knows its kind, with as many batches an epoch.

    Of one whose length is unknown Keras says at each end that it ran out of data.
    """
    stream: Any = data.stream
    made_by = [kind.__module__ for kind in type(stream).__mro__]
    of_tensorflow = any(one.startswith("tensorflow.python.data") for one in made_by)
    of_torch = any(one.startswith("torch.utils.data") for one in made_by)
    if known_batches(stream) is None:
        if of_tensorflow:
            return stream.repeat().take(data.steps(BATCH_SIZE))
        return PipelineBatches(data)
    known = of_tensorflow or of_torch or isinstance(stream, keras.utils.PyDataset)
    return stream if known else PipelineBatches(data)


def _packed(x: Any, y: Any, sample_weight: Any) -> Any:
    """A batch for Keras, which takes a list in one for rows of numbers."""
    parts = map(keras.tree.lists_to_tuples, (for_keras(x), y, sample_weight))
    return keras.utils.pack_x_y_sample_weight(*parts)


def for_keras(inputs: Any) -> Any:
    """The same inputs, with strings as tensors: Keras takes no NumPy arrays of them."""
    return keras.tree.map_structure(
        lambda array: (
            keras.ops.convert_to_tensor(array) if array.dtype.kind in "US" else array
        ),
        inputs,
    )
