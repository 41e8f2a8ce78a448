"""Arrays with a role: `Data` is inputs with labels, `Dataset` is three of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Data:
    """Inputs and their labels.

    Args:
        x: Inputs; the first axis counts the examples, for example images of shape
            `(n, 28, 28, 1)`. A list becomes an array, and so does one of labels.
        y: Labels, one a row of `x`: class indices of shape `(n,)`, or any target that
            Keras's losses take.
        name: What it is called in reports.

    Raises:
        ValueError: If `x` and `y` have different lengths or none at all.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    name: str = "data"

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            if isinstance(getattr(self, name), list | tuple):
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
        scalar = np.ndim(self.x) < 1 or np.ndim(self.y) < 1
        if scalar or len(self.x) != len(self.y) or not len(self.x):
            raise ValueError(
                "`x` and `y` must be non-empty arrays with one label for each example. "
                f"Received: x of shape {np.shape(self.x)}, y of shape "
                f"{np.shape(self.y)}. Pass as many labels as inputs."
            )

    @classmethod
    def of(cls, pair: Any) -> "Data":
        """The data that a pair of arrays is: inputs and labels, as `fit` takes them.

        Raises:
            TypeError: If `pair` is no pair.
        """
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(
                "Data are inputs with their labels: Data(x, y), or a pair (x, y). "
                f"Received: {type(pair).__name__}."
            )
        return cls(*pair)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return (
            f"Data(x: {self.x.dtype} {self.x.shape}, y: {self.y.dtype} {self.y.shape})"
        )

    def take(self, count: int) -> "Data":
        """The first `count` examples (all of them when there are fewer)."""
        return Data(self.x[:count], self.y[:count], self.name)


@dataclass(frozen=True, eq=False)
class Dataset:
    """The three parts of a data set, each with one use.

    Args:
        name: What it is called in reports.
        train: What a model is fitted to.
        validation: What settings are chosen on. It holds no training image.
        test: What the final figure is measured on, once. It comes from the official
            test split.
        class_names: The meaning of each label.
    """

    name: str
    train: Data
    validation: Data
    test: Data
    class_names: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}: {len(self.train)} train, "
            f"{len(self.validation)} validation, {len(self.test)} test, "
            f"{len(self.class_names)} classes)"
        )


def balanced_order(
    labels: npt.NDArray[np.integer[Any]], *, per_class: int, seed: int
) -> npt.NDArray[np.int64]:
    """Pick `per_class` examples of each class, classes taking turns.

    Any first `k * classes` of the result hold every class `k` times, so a prefix of
    the selection is balanced too.

    Args:
        labels: Class indices, shape `(n,)`.
        per_class: How many examples of each class, at least 1.
        seed: Of the permutation; the same seed gives the same selection everywhere.

    Returns:
        Indices into `labels`, shape `(per_class * classes,)`.

    Raises:
        ValueError: If a class has fewer than `per_class` examples.

    Example:
        >>> labels = np.array([0, 0, 1, 1, 0, 1])
        >>> picked = balanced_order(labels, per_class=2, seed=0)
        >>> labels[picked]
        array([0, 1, 0, 1])
    """
    rng = np.random.default_rng(seed)
    columns = []
    for value in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == value))
        if len(members) < per_class:
            raise ValueError(
                f"Every class needs at least {per_class} examples. Received: "
                f"{len(members)} of class {value}. Ask for fewer a class."
            )
        columns.append(members[:per_class])
    return np.stack(columns, axis=1).reshape(-1).astype(np.int64)
