"""Kernels split in two by a singular value decomposition of one of their matrix views.

NumPy only.
"""

from nncompress_lab.factorization.arrays.chain import (
    Array,
    Chain,
    Link,
    Shape,
    check_kernel,
)
from nncompress_lab.lowrank.arrays.svd import Floats, low_rank_factors


def spatial_factors(kernel: Array, *, rank: int) -> Chain:
    """Split a kernel into a vertical and a horizontal one, as well as possible.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`. It is not changed.
        rank: Channels between the two, 1 to `min(height * in, width * out)`.

    Returns:
        A chain `"vertical"` of shape `(height, 1, in, rank)` and `"horizontal"` of shape
        `(1, width, rank, out)`. No other pair is nearer to the kernel.

    Raises:
        ValueError: If `kernel` is no kernel or `rank` is out of range.

    Example:
        >>> import numpy as np
        >>> blur = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]).reshape(3, 3, 1, 1)
        >>> bool(np.allclose(spatial_factors(blur, rank=1).product(), blur))
        True

    References:
        Jaderberg, Vedaldi, Zisserman, "Speeding up Convolutional Neural Networks with
        Low Rank Expansions", BMVC 2014, section 2.2. https://arxiv.org/abs/1405.3866
        Tai, Xiao, Zhang, Wang, E, "Convolutional Neural Networks with Low-Rank
        Regularization", ICLR 2016, theorem 1 (the optimum in closed form).
        https://arxiv.org/abs/1511.06067
    """
    check_kernel(kernel)
    factors = low_rank_factors(spatial_matrix(kernel), rank=rank)
    height, width, inputs, outputs = kernel.shape
    vertical = factors.left.reshape(height, 1, inputs, rank)
    horizontal = factors.right.reshape(rank, width, outputs).transpose(1, 0, 2)[None]
    return Chain(spatial_links(kernel.shape, (rank,)), (vertical, horizontal))


def spatial_matrix(kernel: Array) -> Array:
    """The matrix `(height * in, width * out)` whose rank the spatial split has."""
    height, width, inputs, outputs = kernel.shape
    return kernel.transpose(0, 2, 1, 3).reshape(height * inputs, width * outputs)


def spatial_links(shape: Shape, ranks: tuple[int, ...]) -> tuple[Link, ...]:
    """The links of a spatial chain."""
    height, width, inputs, outputs = shape
    return (
        Link("vertical", (height, 1, inputs, ranks[0]), axes=(0,)),
        Link("horizontal", (1, width, ranks[0], outputs), axes=(1,)),
    )


def channel_factors(
    kernel: Array, *, rank: int, second_moment: Floats | None = None
) -> Chain:
    """Split a kernel into one with few filters and a 1x1 kernel that combines them.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`. It is not changed.
        rank: Filters of the first, 1 to `min(height * width * in, out)`.
        second_moment: `rows.T @ rows` of the inputs that the kernel is multiplied with,
            shape `(n, n)` with `n = height * width * in`. With it the pair is nearest in
            its outputs on these inputs.

    Returns:
        A chain `"in"` of shape `(height, width, in, rank)` and `"out"` of shape `(1, 1,
        rank, out)`. No other pair is nearer to the kernel. For a kernel of height and
        width 1 these are the two factors of a Dense layer.

    Raises:
        ValueError: If `kernel` is no kernel or `rank` is out of range.

    Example:
        >>> import numpy as np
        >>> twice = np.repeat(np.arange(9.0).reshape(3, 3, 1, 1), 2, axis=3)
        >>> bool(np.allclose(channel_factors(twice, rank=1).product(), twice))
        True

    References:
        Zhang, Zou, He, Sun, "Accelerating Very Deep Convolutional Networks for
        Classification and Detection", TPAMI 2016, section 3.1.
        https://arxiv.org/abs/1505.06798
    """
    check_kernel(kernel)
    matrix = channel_matrix(kernel)
    factors = low_rank_factors(matrix, rank=rank, second_moment=second_moment)
    filters = factors.left.reshape(*kernel.shape[:3], rank)
    return Chain(
        channel_links(kernel.shape, (rank,)), (filters, factors.right[None, None])
    )


def channel_matrix(kernel: Array) -> Array:
    """The matrix `(height * width * in, out)` whose rank the channel split has."""
    return kernel.reshape(-1, kernel.shape[3])


def channel_links(shape: Shape, ranks: tuple[int, ...]) -> tuple[Link, ...]:
    """The links of a channel chain."""
    height, width, inputs, outputs = shape
    return (
        Link("in", (height, width, inputs, ranks[0]), axes=(0, 1)),
        Link("out", (1, 1, ranks[0], outputs)),
    )
