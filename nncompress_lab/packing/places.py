"""Which rows or columns belong to a class, in two bytes each where there are many.

A file that nobody trusts can say that an array has as many columns as numbers, and that
they are of two classes. NumPy only.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.packing import entropy

Classes = npt.NDArray[np.uint8]

CHUNK = 2**16  # places that are looked at at a time


class Places:
    """Some places, in ascending order.

    Args:
        parts: Of each stretch of `CHUNK` places, those that are meant, from its start.
    """

    def __init__(self, parts: list[npt.NDArray[Any]]) -> None:
        self._parts = parts
        self.size = sum(part.size for part in parts)

    def below(self, end: int) -> "Places":
        """Those before the place `end`."""
        whole, rest = divmod(end, CHUNK)
        last = [part[: np.searchsorted(part, rest)] for part in self._parts[whole:][:1]]
        return Places([*self._parts[:whole], *last])

    def some(self, most: int) -> Iterator[npt.NDArray[np.int64]]:
        """All in order, at most so many at a time."""
        for place, part in enumerate(self._parts):
            for start in range(0, part.size, most):
                yield part[start : start + most] + np.int64(place * CHUNK)

    def at_once(self) -> Iterator[npt.NDArray[np.int64]]:
        """All in order, in one array unless they are many."""
        found = self.some(CHUNK)
        few = 0 < self.size <= CHUNK
        return iter([np.concatenate(list(found))]) if few else found


def members_of(classes: Classes) -> list[Places]:
    """For each class that occurs, in ascending order, the places where it does.

    Example:
        >>> even, odd = members_of(np.arange(10, dtype=np.uint8) % 2)
        >>> list(odd.below(5).some(9))
        [array([1, 3])]
    """
    kind = np.int64 if classes.size <= CHUNK else np.uint16
    return [
        Places(
            [
                np.flatnonzero(classes[start : start + CHUNK] == one).astype(kind)
                for start in range(0, classes.size, CHUNK)
            ]
        )
        for one in np.flatnonzero(entropy.counted(classes))
    ]
