"""Which channels are cut together: a union-find over numbered channels. NumPy only."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Shape = tuple[int | None, ...]


class Units:
    """Numbered channels, joined into classes that can only be cut as one.

    A class can be fixed, with a reason: then no channel in it can be cut.

    Example:
        >>> units = Units()
        >>> conv, shortcut = units.new(3), units.new(3)
        >>> units.unite(conv, shortcut)
        >>> units.roots(shortcut)
        array([0, 1, 2])
        >>> units.fix(shortcut[:1], "it is the model's output")
        >>> units.reason(conv[0])
        "it is the model's output"
    """

    def __init__(self) -> None:
        self._parents = np.zeros(0, dtype=np.intp)
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._parents)

    def new(self, count: int) -> Indices:
        """Number `count` further channels, each in a class of its own."""
        first = len(self._parents)
        numbers = np.arange(first, first + count)
        self._parents = np.concatenate([self._parents, numbers])
        return numbers

    def roots(self, units: Indices) -> Indices:
        """The smallest channel of the class of each of `units`."""
        roots = self._parents[units]
        while not np.array_equal(further := self._parents[roots], roots):
            roots = further
        self._parents[units] = roots
        return roots

    def unite(self, one: Indices, other: Indices) -> None:
        """Join the classes of `one[i]` and `other[i]`, for each i."""
        for first, second in zip(one, other, strict=True):
            low, high = sorted(self.roots(np.array([first, second])).tolist())
            if low == high:
                continue
            self._parents[high] = low
            if high in self._reasons:
                self._reasons.setdefault(low, self._reasons.pop(high))

    def fix(self, units: Indices, reason: str) -> None:
        """Keep the classes of `units`; a reason that was given earlier stays."""
        for root in np.unique(self.roots(units)).tolist():
            self._reasons.setdefault(root, reason)

    def reason(self, unit: int) -> str | None:
        """Why the class of a channel cannot be cut, or None if it can."""
        return self._reasons.get(int(self.roots(np.array([unit]))[0]))


@dataclass(frozen=True, eq=False)
class Cost:
    """A cost that is a product: a fixed factor times the length of some axes.

    Args:
        factor: For example the number of positions at which a kernel is used.
        axes: The axes that get shorter when channels are cut.
    """

    factor: float
    axes: tuple[Indices, ...]

    def of(self, kept: Mask) -> float:
        """The cost if only the channels with `kept[unit]` stay."""
        lengths = [int(np.count_nonzero(kept[axis])) for axis in self.axes]
        return float(self.factor * np.prod(lengths, dtype=np.float64))


def product(sizes: Shape) -> float:
    """Their product; not a number if one of them is not known."""
    return math.prod(math.nan if one is None else float(one) for one in sizes)


def take(array: npt.NDArray[Any], axes: list[tuple[int, Mask]]) -> Any:
    """Keep the entries of an array that each axis' mask marks.

    Args:
        array: Of any shape.
        axes: Pairs of an axis and a boolean mask of its length, True where kept.

    Returns:
        A smaller array; zeros of earlier pruning are in it as they were.

    Example:
        >>> take(np.arange(6).reshape(2, 3), [(1, np.array([True, False, True]))])
        array([[0, 2],
               [3, 5]])
    """
    for axis, mask in axes:
        array = np.compress(mask, array, axis=axis)
    return array
