"""`Data`: inputs with their labels, as arrays or as a pipeline that gives batches."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nncompress_lab.data.streams import (
    Batch,
    Changed,
    check_stream,
    count_of,
    is_stream,
    known_batches,
    read,
)
from nncompress_lab.data.structures import (
    as_arrays,
    described,
    joined,
    leaves,
    mapped,
)

CALIBRATION_EXAMPLES = 512  # of a pipeline, or of what there is to train on
DATA_ARE = (
    "Data are inputs with their labels: Data(x, y), a pair (x, y) or a triple (x, y, "
    "sample_weight); or a pipeline that gives batches of them, such as a tf.data.Dataset."
)


class Data:
    """Inputs and their labels: arrays, or a pipeline that gives batches of both.

    Args:
        x: Inputs as `fit` takes them. Arrays: the first axis counts the examples, for
            example images of shape `(n, 28, 28, 1)`; several in a list, a tuple or a
            dict, nested if need be. Or a pipeline, alone: a `tf.data.Dataset`, a
            `keras.utils.PyDataset`, a torch `DataLoader`, or a function that returns a
            fresh iterator over batches `(x, y)` or `(x, y, sample_weight)`. It gives one
            epoch each time it is read, in the order and in the batches that are its own.
        y: Labels, one a row of `x`: class indices of shape `(n,)`, or any targets that
            Keras's losses take, in a structure if there are several outputs. None for
            calibration, which looks at inputs only.
        sample_weight: How much each example counts, as in `fit`.
        name: What it is called in reports.

    Raises:
        ValueError: If arrays have different lengths or none at all, or there are labels
            beside a pipeline.
        TypeError: If `x` is an iterator, which can be read only once.

    Example:
        >>> data = Data({"a": np.zeros((3, 2)), "b": np.ones((3, 5))}, [0, 1, 0])
        >>> len(data), data.take(2).y
        (3, array([0, 1]))
    """

    def __init__(
        self, x: Any, y: Any = None, sample_weight: Any = None, name: str = "data"
    ) -> None:
        if isinstance(sample_weight, str):  # the name's place before there were weights
            name, sample_weight = sample_weight, None
        self.name = name
        self.stream = x if is_stream(x) else None
        self._arrays = None if self.is_stream else _checked(x, y, sample_weight)
        self._begun: tuple[int, Data] | None = None
        self._counted: tuple[int, int] | None = None
        if self.is_stream:
            check_stream(x)
            if y is not None or sample_weight is not None:
                raise ValueError(
                    "A pipeline gives inputs and labels together. Received: labels or "
                    f"weights beside {type(x).__name__}. Let it give batches (x, y) or "
                    "(x, y, sample_weight), and pass it alone."
                )

    @classmethod
    def of(cls, value: Any) -> "Data":
        """The data that a pair or a triple of arrays, a pipeline, or inputs alone are.

        `Data` are themselves.

        Raises:
            TypeError: If `value` is none of these.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, list | tuple):
            if 1 <= len(value) <= 3:
                return cls(*value)
        elif isinstance(value, dict) or is_stream(value) or np.ndim(value):
            return cls(value)
        raise TypeError(f"{DATA_ARE} Received: {type(value).__name__}.")

    @property
    def is_stream(self) -> bool:
        """Whether it is a pipeline, which is read batch by batch."""
        return self.stream is not None

    @property
    def x(self) -> Any:
        """The inputs, an array or a structure of arrays.

        Raises:
            TypeError: If this is a pipeline.
        """
        return self._whole[0]

    @property
    def y(self) -> Any:
        """The labels, an array or a structure of arrays, or None; raises as `x`."""
        return self._whole[1]

    @property
    def sample_weight(self) -> Any:
        """How much each example counts, or None; raises as `x`."""
        return self._whole[2]

    @property
    def size(self) -> int | None:
        """How many examples; None for a pipeline whose batches nobody has counted."""
        if self._arrays is not None:
            return count_of(self._arrays)
        return self._counted[1] if self._counted else None

    def __len__(self) -> int:
        if self.size is None:
            raise TypeError(
                "How many examples a pipeline gives is not known before it has been read. "
                f"Received: {self!r}. Use `data.size`, which is None then, or "
                "`data.steps(batch_size)`, which counts the batches."
            )
        return self.size

    def __bool__(self) -> bool:
        return True  # not by the length, which need not be known

    def __repr__(self) -> str:
        if self._arrays is None:
            return f"Data(a pipeline: {type(self.stream).__name__})"
        named = zip(("x", "y", "sample_weight"), self._arrays, strict=True)
        parts = (f"{name}: {described(one)}" for name, one in named if one is not None)
        return f"Data({', '.join(parts)})"

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Inputs, labels and weights in order, batch by batch, as NumPy arrays.

        Args:
            batch_size: Examples a batch; the last may have fewer. A pipeline gives the
                batches that it is made of.

        Yields:
            `(x, y, sample_weight)`, structures as those of the data; None where missing.
        """
        if self._arrays is None:
            yield from read(self.stream)
            return
        for start in range(0, len(self), batch_size):
            yield self.rows(slice(start, start + batch_size))

    def rows(self, index: Any) -> Batch:
        """Inputs, labels and weights of some examples; raises as `x` for a pipeline."""
        x, y, weight = (mapped(lambda one: one[index], part) for part in self._whole)
        return x, y, weight

    def steps(self, batch_size: int) -> int:
        """How many batches there are in one epoch.

        A pipeline that does not know is read once from beginning to end and counted.

        Raises:
            ValueError: If a pipeline never ends, or is empty.
        """
        if self._arrays is not None:
            return math.ceil(len(self) / batch_size)
        known = known_batches(self.stream)
        if known is None and self._counted is None:
            counts = [count_of(batch) for batch in self.batches(batch_size)]
            self._counted = len(counts), sum(counts)
        steps = known if self._counted is None else self._counted[0]
        if not steps:
            raise ValueError(f"{self!r} gives no batches: there is nothing to read.")
        return steps

    def take(self, count: int) -> "Data":
        """The first `count` examples as arrays (all of them when there are fewer).

        Of a pipeline no more batches are read than that takes. Batches of other lengths,
        say of sentences, are filled with zeros at the end. What was read is kept for the
        next call, so that all who ask see the same examples.
        """
        if self._arrays is not None:
            return Data(*self.rows(slice(count)), name=self.name)
        asked, begun = self._begun or (0, self)
        if asked < count:
            begun = self._read(count)
            self._begun = count, begun
        return begun.take(count)

    def mapped(self, function: Callable[[Any, Any, Any], Batch]) -> "Data":
        """The data with a function of inputs, labels and weights in their place.

        Args:
            function: Called with `(x, y, sample_weight)`, returns the same three: arrays
                as a whole, and of a pipeline each batch when it is read.
        """
        if self._arrays is not None:
            return Data(*function(*self._arrays), name=self.name)
        changed = Data(Changed(self.stream, function), name=self.name)
        changed._counted = self._counted
        return changed

    def _read(self, count: int) -> "Data":
        batches, read = [], 0
        for batch in self.batches(count):
            batches.append(batch)
            read += count_of(batch)
            if read >= count:
                break
        if not batches:
            raise ValueError(f"{self!r} gives no batches: there is nothing to read.")
        x, y, weight = (joined(part) for part in zip(*batches, strict=True))
        return Data(x, y, weight, self.name)

    @property
    def _whole(self) -> Batch:
        if self._arrays is None:
            raise TypeError(
                "A pipeline is read batch by batch and has no arrays of all examples. "
                f"Received: {self!r}. Use `data.batches(batch_size)`, or "
                "`data.take(count)` for arrays of its first examples."
            )
        return self._arrays


def _checked(x: Any, y: Any, sample_weight: Any) -> Batch:
    """Inputs, labels and weights as arrays of equally many examples."""
    labels = as_arrays(y, examples=_length(x)) if y is not None else None
    inputs = as_arrays(x, examples=_length(labels))
    weight = None if sample_weight is None else as_arrays(sample_weight)
    arrays = [one for part in (inputs, labels, weight) for one in leaves(part)]
    counts = [len(one) if np.ndim(one) else 0 for one in arrays]
    if len(set(counts)) > 1 or not leaves(inputs) or not counts[0]:
        raise ValueError(
            "`x` and `y` must be non-empty arrays with one label for each example. "
            f"Received: x of shape {_shapes(inputs)}, y of shape {_shapes(labels)}"
            + (f", sample_weight of shape {_shapes(weight)}" if leaves(weight) else "")
            + ". Pass as many labels as inputs; a list of arrays is several inputs or "
            "outputs, and numpy.stack makes one of it."
        )
    return inputs, labels, weight


def _length(value: Any) -> int | None:
    """Of an array or a list, which may hold the examples."""
    if isinstance(value, list):
        return len(value)
    shape = getattr(value, "shape", ())
    return int(shape[0]) if shape else None


def _shapes(structure: Any) -> Any:
    shapes = [np.shape(one) for one in leaves(structure)]
    return shapes[0] if len(shapes) == 1 else shapes
