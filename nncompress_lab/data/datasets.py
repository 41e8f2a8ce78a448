"""Data with a role: a `Dataset` has one part to train on, to choose by and to test on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.data.data import Data
from nncompress_lab.settings import check_settings

__all__ = ["Data", "Dataset", "balanced_order"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """The parts of a data set, each with one use.

    For each part, a pair `(x, y)` or a pipeline will do, as for a `Context`.

    Args:
        name: What it is called in reports.
        train: What a model is fitted to.
        validation: What settings are chosen on. It holds no training image.
        test: What the final figure is measured on, once. It comes from the official
            test split.
        class_names: The meaning of each label, where they are classes.
    """

    name: str
    train: Data
    validation: Data
    test: Data | None = None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_settings(self)

    def __repr__(self) -> str:
        parts = {name: getattr(self, name) for name in ("train", "validation", "test")}
        sizes = [
            f"{name} as a pipeline" if part.size is None else f"{part.size} {name}"
            for name, part in parts.items()
            if part is not None
        ]
        classes = [f"{len(self.class_names)} classes"] if self.class_names else []
        return f"Dataset({self.name!r}: {', '.join([*sizes, *classes])})"


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
