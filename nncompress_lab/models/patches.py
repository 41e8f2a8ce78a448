"""What a layer's kernel is multiplied with, as rows of a matrix. NumPy only.

A kernel of shape `(rows, channels)`, the axes that are summed over first, turns each row
of these matrices into one output. Where groups of channels see different inputs, as in a
grouped or depthwise convolution, there is one matrix for each group.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.models.einsum import Einsum

Array = npt.NDArray[Any]


def as_matrix(kernel: Array, channel_axes: Sequence[int]) -> Array:
    """A kernel as a matrix `(rows, channels)`, with the axes that are summed over first.

    Args:
        kernel: Of any shape.
        channel_axes: Which of its axes count outputs, as `kernels.channel_axes` says.

    Example:
        >>> as_matrix(np.ones((3, 3, 8, 16)), (3,)).shape
        (72, 16)
    """
    ordered = kernel.transpose(summed_first(kernel.ndim, channel_axes))
    return ordered.reshape(-1, math.prod(kernel.shape[axis] for axis in channel_axes))


def from_matrix(
    matrix: Array, shape: Sequence[int], channel_axes: Sequence[int]
) -> Array:
    """The kernel that `as_matrix` made a matrix of.

    Args:
        matrix: Shape `(rows, channels)`.
        shape: Of the kernel.
        channel_axes: As for `as_matrix`.

    Example:
        >>> kernel = np.arange(6.0).reshape(1, 2, 3)
        >>> from_matrix(as_matrix(kernel, (1,)), kernel.shape, (1,)).tolist()
        [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
    """
    order = summed_first(len(shape), channel_axes)
    return matrix.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))


def summed_first(ndim: int, channel_axes: Sequence[int]) -> tuple[int, ...]:
    """The axes of a kernel with those that are summed over first."""
    summed = tuple(axis for axis in range(ndim) if axis not in channel_axes)
    return (*summed, *channel_axes)


def image_patches(
    images: Array,
    *,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    padding: str = "valid",
    dilation: Sequence[int],
) -> Array:
    """The inputs that a convolution multiplies with its kernel at each position.

    Args:
        images: Shape `(n, *spatial, channels)` with any number of spatial axes.
        kernel_size: One number for each spatial axis, as all sizes here.
        strides: Steps between positions.
        padding: `"valid"`, `"same"` or `"causal"`, with Keras's meaning: `"same"` puts
            the odd zero at the end, `"causal"` all zeros at the beginning.
        dilation: Steps between the taps of the kernel.

    Returns:
        Shape `(positions, taps, channels)`: positions count examples and output pixels
        in C order, taps the kernel's spatial axes in C order.

    Example:
        >>> row = np.arange(4.0).reshape(1, 4, 1)
        >>> image_patches(row, kernel_size=(2,), strides=(1,), dilation=(1,))[..., 0]
        array([[0., 1.],
               [1., 2.],
               [2., 3.]])

    References:
        Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for
        Document Processing", 2006, section 2. https://inria.hal.science/inria-00112631
    """
    rank = images.ndim - 2
    spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    margins = [
        _margin(size, span, stride, padding)
        for size, span, stride in zip(images.shape[1:-1], spans, strides, strict=True)
    ]
    padded = np.pad(images, [(0, 0), *margins, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, spans, axis=tuple(range(1, rank + 1))
    )
    every = slice(None)
    windows = windows[
        (every, *(every_nth(s) for s in strides), every, *map(every_nth, dilation))
    ]
    taps = tuple(range(rank + 2, 2 * rank + 2))
    ordered = windows.transpose(*range(rank + 1), *taps, rank + 1)
    return ordered.reshape(-1, int(np.prod(kernel_size)), images.shape[-1])


def every_nth(step: int) -> slice:
    """The slice that takes each `step`-th entry."""
    return slice(None, None, step)


def _margin(size: int, span: int, stride: int, padding: str) -> tuple[int, int]:
    """Zeros before and after one axis."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return span - 1, 0
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def einsum_rows(inputs: Array, equation: str) -> Array:
    """The inputs of an `EinsumDense` as rows.

    Args:
        inputs: What the layer was called with.
        equation: Of the layer, for example `"abc,cde->abde"`; `...` is allowed.

    Returns:
        Shape `(groups, n, rows)`. Letters that inputs, kernel and output share make the
        groups; the other letters of the input that the output has make `n`.

    Raises:
        ValueError: If `has_einsum_rows` is False for the equation.

    Example:
        >>> einsum_rows(np.ones((2, 3, 4)), "abc,cd->abd").shape
        (1, 6, 4)
    """
    if not has_einsum_rows(equation):
        raise ValueError(
            "The kernel must be summed over letters of the input, and letters that both "
            f"share with the output must come first in it. Received: {equation!r}."
        )
    einsum = Einsum.parse(equation).expanded(inputs.ndim)
    free = "".join(one for one in einsum.given if one not in einsum.kernel)
    order = [einsum.given.index(one) for one in einsum.shared + free + einsum.summed]
    sizes = dict(zip(einsum.given, inputs.shape, strict=True))
    return inputs.transpose(order).reshape(
        math.prod(sizes[one] for one in einsum.shared),
        -1,
        math.prod(sizes[one] for one in einsum.summed),
    )


def has_einsum_rows(equation: str) -> bool:
    """Whether `einsum_rows` can lay out the inputs of this equation."""
    one = Einsum.parse(equation)
    alone = set(one.given) - set(one.kernel) - set(one.output)
    shared_first = one.channels.startswith(one.shared)
    return set(one.summed) <= set(one.given) and shared_first and not alone
