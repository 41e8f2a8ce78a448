"""A kernel as a matrix that is cut into groups: what shares a scale, or a table.

The columns of the matrix are the layer's outputs, its rows everything that is summed over.
All three granularities are then one scheme, `(groups, group_size, channels)`. Storey 1: it
works with NumPy or, inside a layer, with `keras.ops`.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import check_choice
from nncompress_lab.models.patches import as_matrix, summed_first
from nncompress_lab.quantization.arrays.affine import check_group_size, split_groups

Granularity = Literal["per_tensor", "per_channel", "per_group"]


@dataclass(frozen=True)
class MatrixView:
    """How the weights of a kernel of one shape are laid out.

    Args:
        shape: Of the kernel.
        channel_axes: Which of its axes count outputs.
        granularity: What belongs together: the whole kernel, an output channel, or a
            group of weights of an output channel.
        wanted_size: Weights a group; only with `"per_group"`.
        format: What else is said of how they are stored.
    """

    shape: tuple[int, ...]
    channel_axes: tuple[int, ...]
    granularity: Granularity = "per_channel"
    wanted_size: int | None = None
    format: Any = None

    @classmethod
    def of(
        cls, format_: Any, shape: tuple[int, ...], channel_axes: tuple[int, ...]
    ) -> Self:
        """How a format cuts up a kernel of one shape."""
        cut = format_.granularity, format_.group_size
        return cls(tuple(shape), tuple(channel_axes), *cut, format_)

    @property
    def stored(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of each stored array, by name; a view says which."""
        return {}

    @property
    def stored_bytes(self) -> int:
        """Bytes of all stored arrays."""
        return sum(
            math.prod(shape) * np.dtype(dtype).itemsize
            for shape, dtype in self.stored.values()
        )

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of the kernel with those that are summed over first."""
        return summed_first(len(self.shape), self.channel_axes)

    @property
    def channels(self) -> int:
        """Columns of the matrix view."""
        return math.prod(self.shape[axis] for axis in self.channel_axes)

    @property
    def rows(self) -> int:
        """Rows of the matrix view: weights of one output channel."""
        return math.prod(self.shape) // self.channels

    @property
    def group_size(self) -> int:
        """Rows of a group."""
        return min(self.wanted_size or self.rows, self.rows)

    @property
    def groups(self) -> int:
        """How often the rows are cut; the last group is filled up with zeros."""
        return -(-self.rows // self.group_size)

    @property
    def grouped_shape(self) -> tuple[int, int, int]:
        """`(groups, group_size, channels)`."""
        return self.groups, self.group_size, self.channels

    @property
    def parts(self) -> tuple[int, int]:
        """How many parts share something: `(groups, channels)`, or `(1, 1)`."""
        whole = self.granularity == "per_tensor"
        return (1, 1) if whole else (self.groups, self.channels)

    @property
    def params_shape(self) -> tuple[int, int, int]:
        """`parts` with an axis of length 1, to broadcast against the groups."""
        groups, channels = self.parts
        return groups, 1, channels

    def matrix(self, kernel: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The kernel as a matrix of shape `(rows, channels)`."""
        return as_matrix(kernel, self.channel_axes)

    def grouped(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A matrix cut into `(groups, group_size, channels)`."""
        return split_groups(matrix, group_size=self.group_size)

    def kernel(self, grouped: Any, *, xp: Any = np) -> Any:
        """The kernel that was cut into groups: the inverse of the two above.

        Args:
            grouped: Array with as many entries as `grouped_shape` has.
            xp: `numpy` or `keras.ops`.
        """
        matrix = xp.reshape(grouped, (-1, self.channels))[: self.rows]
        in_order = xp.reshape(matrix, [self.shape[axis] for axis in self.order])
        return xp.transpose(in_order, [int(i) for i in np.argsort(self.order)])


def check_granularity(granularity: object, group_size: object) -> None:
    """Raise a `ValueError` unless the two are valid and fit each other."""
    check_choice("granularity", granularity, Granularity)
    if (granularity == "per_group") != (group_size is not None):
        raise ValueError(
            "`group_size` belongs to granularity='per_group', which needs it. "
            f"Received: granularity={granularity!r}, group_size={group_size!r}."
        )
    if group_size is not None:
        check_group_size(group_size)
