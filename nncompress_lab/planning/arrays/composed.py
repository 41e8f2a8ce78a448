"""The one kernel that a chain of linear layers amounts to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class LinearStep:
    """One layer of a chain as a convolution of images; a Dense layer is one of 1 x 1.

    Args:
        kernel: Shape `(height, width, in, out)`, zeros between groups of channels.
        strides: Of both axes.
    """

    kernel: Array
    strides: tuple[int, int] = (1, 1)


def composed(steps: Sequence[LinearStep]) -> LinearStep | None:
    """The step that does what several do one after the other.

    Args:
        steps: At least one.

    Returns:
        The step; None if two of them see neighbours along the same axis, or one that
        does comes after one that leaves some out: how borders are filled then matters.

    Example:
        >>> column = LinearStep(np.ones((3, 1, 2, 1)))
        >>> row = LinearStep(np.ones((1, 3, 1, 4)), strides=(1, 2))
        >>> together = composed([column, row])
        >>> together.kernel.shape, together.strides
        ((3, 3, 2, 4), (1, 2))
    """
    for axis in (0, 1):
        sizes = [one.kernel.shape[axis] for one in steps]
        strides = [one.strides[axis] for one in steps]
        wide = [place for place, size in enumerate(sizes) if size > 1]
        if len(wide) > 1 or (wide and max(strides[: wide[0]], default=1) > 1):
            return None
    return reduce(_followed, steps)


def _followed(first: LinearStep, second: LinearStep) -> LinearStep:
    # Along each axis one of the two is a single entry wide.
    kernel = np.einsum("abim,cdmo->acbdio", first.kernel, second.kernel)
    shape = (
        first.kernel.shape[0] * second.kernel.shape[0],
        first.kernel.shape[1] * second.kernel.shape[1],
        first.kernel.shape[2],
        second.kernel.shape[3],
    )
    rows, columns = zip(first.strides, second.strides, strict=True)
    return LinearStep(
        kernel.reshape(shape), (rows[0] * rows[1], columns[0] * columns[1])
    )


def spread_groups(kernel: Array, groups: int) -> Array:
    """A kernel `(h, w, in / groups, out)` as one of all inputs, `(h, w, in, out)`."""
    height, width, inputs, outputs = kernel.shape
    spread = np.zeros((height, width, inputs * groups, outputs), kernel.dtype)
    for part, columns in enumerate(np.split(np.arange(outputs), groups)):
        rows = slice(part * inputs, (part + 1) * inputs)
        spread[:, :, rows, columns] = kernel[..., columns]
    return spread


def gathered_groups(kernel: Array, groups: int) -> Array:
    """What `spread_groups` made of a kernel, as it was."""
    columns = np.split(kernel, groups, axis=3)
    inputs = kernel.shape[2] // groups
    return np.concatenate(
        [
            one[:, :, part * inputs : (part + 1) * inputs]
            for part, one in enumerate(columns)
        ],
        axis=3,
    )
