"""Arrays that are in memory as a whole."""

from dataclasses import dataclass

import numpy as np

from nncompress_lab.server.statistics import Array
from nncompress_lab.server.weights_file import even_blocks


@dataclass(frozen=True, eq=False)
class LoadedArray:
    """An array in memory.

    Args:
        array: The numbers.
        dtype: The name of their type.
        raw_bytes: That they take in the file.
    """

    array: Array
    dtype: str
    raw_bytes: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the array."""
        return self.array.shape

    @property
    def size(self) -> int:
        """Numbers in the array."""
        return self.array.size

    def read(self, most: int) -> Array:
        """At most so many of the numbers, flat."""
        return even_sample(self.array, most)


def even_sample(array: Array, most: int) -> Array:
    """The numbers of an array, flat; of a large one evenly spread blocks."""
    if array.size <= most:
        return array.reshape(-1)
    places = even_blocks(array.shape, most)
    return np.concatenate([array[place].reshape(-1) for place in places])
