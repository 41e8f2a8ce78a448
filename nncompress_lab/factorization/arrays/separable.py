"""A kernel approximated by a depthwise convolution and a 1x1 convolution. NumPy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.factorization.arrays.chain import (
    Array,
    Chain,
    Link,
    Shape,
    check_kernel,
    check_rank,
)


def separable_factors(kernel: Array, *, depth_multiplier: int = 1) -> Chain:
    """Make a kernel depthwise-separable, as well as possible.

    For each input channel the kernel is a matrix of taps and outputs, and its best
    approximation is its truncated singular value decomposition: each left vector is one
    spatial filter of that channel.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`. It is not changed.
        depth_multiplier: Spatial filters an input channel, 1 to `min(height * width,
            out)`; the largest is exact.

    Returns:
        A chain `"depthwise"` of shape `(height, width, in, depth_multiplier)` and
        `"pointwise"` of shape `(1, 1, in * depth_multiplier, out)`.

    Raises:
        ValueError: If `kernel` is no kernel or `depth_multiplier` is out of range.

    Example:
        >>> kernel = np.einsum("hwi,io->hwio", np.ones((3, 3, 2)), np.ones((2, 4)))
        >>> bool(np.allclose(separable_factors(kernel).product(), kernel))
        True

    References:
        Guo, Li, Lin, Chen, "Network Decoupling: From Regular to Depthwise Separable
        Convolutions", BMVC 2018, section 3. https://arxiv.org/abs/1808.05517
    """
    check_kernel(kernel)
    most = separable_full_rank(kernel.shape)
    check_rank(depth_multiplier, most, name="depth_multiplier")
    left, values, right = np.linalg.svd(channel_slices(kernel), full_matrices=False)
    root = np.sqrt(values[:, None, :depth_multiplier])  # shared evenly by both
    depthwise = (left[:, :, :depth_multiplier] * root).transpose(1, 0, 2)
    pointwise = right[:, :depth_multiplier] * root.transpose(0, 2, 1)
    shapes = separable_links(kernel.shape, (depth_multiplier,))
    return Chain(
        shapes,
        (
            depthwise.reshape(shapes[0].shape),
            pointwise.reshape(shapes[1].shape),
        ),
    )


def separable_energies(kernel: Array) -> npt.NDArray[np.float64]:
    """Which fraction of a kernel each depth multiplier keeps.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`.

    Returns:
        Float array of shape `(min(height * width, out),)`, ascending to 1.
    """
    check_kernel(kernel)
    slices = channel_slices(kernel).astype(np.float64)
    squares = (np.linalg.svd(slices, compute_uv=False) ** 2).sum(axis=0)
    total = squares.sum()
    if total == 0:
        return np.ones(squares.size)
    kept: npt.NDArray[Any] = np.minimum(np.cumsum(squares) / total, 1.0)
    kept[-1] = 1.0
    return kept


def separable_full_rank(shape: Shape) -> int:
    """The depth multiplier at which the approximation is exact for any kernel."""
    height, width, _, outputs = shape
    return min(height * width, outputs)


def channel_slices(kernel: Array) -> Array:
    """One matrix of taps and outputs for each input channel, shape `(in, taps, out)`."""
    height, width, inputs, outputs = kernel.shape
    return kernel.reshape(height * width, inputs, outputs).transpose(1, 0, 2)


def separable_links(shape: Shape, ranks: tuple[int, ...]) -> tuple[Link, ...]:
    """The links of a depthwise-separable chain."""
    height, width, inputs, outputs = shape
    return (
        Link(
            "depthwise", (height, width, inputs, ranks[0]), axes=(0, 1), depthwise=True
        ),
        Link("pointwise", (1, 1, inputs * ranks[0], outputs)),
    )
