"""What trials are made of: a copy whose kernels change, and images to measure it on."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from typing import Any, Generic, TypeVar

import keras
import numpy as np

from nncompress_lab import measure
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.data.structures import leaves
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.models.selection import EVERY_LAYER
from nncompress_lab.models.stages import BATCH_SIZE, Stages
from nncompress_lab.trials.answers import answers, as_class_indices
from nncompress_lab.trials.figures import Figures

Choice = TypeVar("Choice")
Layers = Mapping[str, KernelLayer]


class Scratch(Generic[Choice]):
    """A copy of a model that takes on one choice after the other.

    It may be used from several threads at once: each waits until the copy is free.

    Args:
        model: It is not changed.
        data: Images and class indices.
        apply: Called with the copy's kernel layers by path, a choice, and the choice that
            they follow so far or None; gives the layers the weights of the choice and
            returns those that it has changed.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Data,
        apply: Callable[[Layers, Choice, Choice | None], Iterable[KernelLayer]],
    ) -> None:
        self._model = copy_model(model)
        self._data = data
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

    def right(self, choice: Choice) -> Iterator[tuple[int, int]]:
        """Classify batch by batch; the copy is free for others between two batches.

        Activations before the first layer that has changed are not computed again.

        Args:
            choice: Whose weights the copy has.

        Yields:
            How many of the examples so far are right, and how many examples that were.
        """
        right = 0
        for start in self._stages.starts:
            with self.under(choice):
                outputs = self._stages.outputs(start)
            labels = self._data.y[start : start + BATCH_SIZE]
            right += int((answers(self._model, outputs) == labels).sum())
            yield right, start + len(labels)

    @cached_property
    def _stages(self) -> Stages:
        return Stages(self._model, self._data.x)

    def weighed(self, choice: Choice) -> Figures:
        """Bytes of the file under a choice, as `measure.file_sizes` says."""
        with self.under(choice) as model:
            sizes = measure.file_sizes(model)
        return {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}


def images_for(model: keras.Model, data: Any, count: int) -> Data:
    """The first validation images of a data set, or of a single `Data`.

    Raises:
        TypeError: If `data` is neither a `Dataset` nor a `Data`.
        ValueError: If the images do not fit the model, the labels are not of classes, or
            the model returns neither one number a class nor a single one for yes or no.
    """
    images = data.validation if isinstance(data, Dataset) else data
    if not isinstance(images, Data):
        raise TypeError(
            "A trial needs images with labels: a data set such as "
            "ncl.data.fashion_mnist(), or Data(x, y). Received: "
            f"{type(data).__name__}."
        )
    images = images.take(count) if images.is_stream else images
    expected = [tuple(tensor.shape) for tensor in model.inputs]
    received = [one.shape for one in leaves(images.x)]
    if not _fits(received, expected):
        shapes = " and ".join(map(str, received))
        raise ValueError(
            f"The images do not fit the model {model.name!r}. It takes "
            f"{' and '.join(map(str, expected))}. Received: {shapes}. Reshape the "
            "images, or choose the data set that the model was trained on."
        )
    images = images.take(count)
    labels = as_class_indices(model, np.asarray(images.y))
    return Data(images.x, labels, images.sample_weight, images.name)


def _fits(
    received: list[tuple[int, ...]], expected: list[tuple[int | None, ...]]
) -> bool:
    return (
        len(expected) == len(received) == 1
        and len(received[0]) == len(expected[0])
        and all(
            size is None or size == given
            for size, given in zip(expected[0], received[0], strict=True)
        )
    )
