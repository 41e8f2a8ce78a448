"""The same examples in every kind of data that `fit` takes."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

EXAMPLES, BATCH_SIZE = 20, 8  # so that the last batch is smaller
_generator = np.random.default_rng(0)
X = _generator.normal(size=(EXAMPLES, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int32) + (X[:, 1] > 0)


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, EXAMPLES, BATCH_SIZE):
        yield X[start : start + BATCH_SIZE], Y[start : start + BATCH_SIZE]


class Stored(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return list(batches())[index]


def _tensorflow() -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH_SIZE)


def _of_unknown_length() -> Any:
    return _tensorflow().filter(lambda _x, _y: True)


def _torch() -> Any:
    import torch

    pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(pairs, batch_size=BATCH_SIZE)


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


STREAMS: dict[str, Callable[[], Any]] = {
    "PyDataset": Stored,
    "function": lambda: batches,
    "list of batches in a function": lambda: lambda: iter([*map(list, batches())]),
}
if _installed("tensorflow"):
    STREAMS |= {"tf.data": _tensorflow, "of unknown length": _of_unknown_length}
if _installed("torch"):
    STREAMS |= {"DataLoader": _torch}
