"""Tucker-2: a convolution between two 1x1 convolutions that narrow its channels.

NumPy only.
"""

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

SWEEPS = 20
LEAST_GAIN = 5e-4  # of the squared error: a sweep that gains less is the last one


def tucker2(kernel: Array, *, ranks: tuple[int, int], sweeps: int = SWEEPS) -> Chain:
    """Factor a kernel along its input and its output channels.

    The bases of the two modes come from a sequentially truncated higher-order singular
    value decomposition, whose squared error is at most the energy that was dropped in the
    two modes. Alternating orthogonal iterations then improve each basis with the other
    one fixed, until a sweep gains next to nothing; none makes the error larger.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`. It is not changed.
        ranks: Of the input mode, 1 to `min(in, height * width * out)`, and of the output
            mode, 1 to `min(out, height * width * in)`.
        sweeps: How often both bases are improved at most, at least 0.

    Returns:
        A chain `"in"` of shape `(1, 1, in, ranks[0])`, `"core"` of shape `(height, width,
        *ranks)` and `"out"` of shape `(1, 1, ranks[1], out)`, of the type of `kernel`.
        The first and the last are orthonormal.

    Raises:
        ValueError: If `kernel` is no kernel, or a rank or `sweeps` is out of range.

    Example:
        >>> kernel = np.einsum("hw,i,o->hwio", np.ones((3, 3)), [1.0, 2.0], [3.0, 4.0])
        >>> chain = tucker2(kernel, ranks=(1, 1))
        >>> bool(np.allclose(chain.product(), kernel))
        True

    References:
        Kim, Park, Yoo, Choi, Yang, Shin, "Compression of Deep Convolutional Neural
        Networks for Fast and Low Power Mobile Applications", ICLR 2016, section 3.
        https://arxiv.org/abs/1511.06530
        Vannieuwenhoven, Vandebril, Meerbergen, "A New Truncation Strategy for the
        Higher-Order Singular Value Decomposition", SIAM J. Sci. Comput. 2012.
        De Lathauwer, De Moor, Vandewalle, "On the Best Rank-1 and Rank-(R1,...,RN)
        Approximation of Higher-Order Tensors", SIAM J. Matrix Anal. Appl. 2000.
    """
    check_kernel(kernel)
    most = tucker2_full_ranks(kernel.shape)
    check_rank(ranks[0], most[0], name="ranks[0]")
    check_rank(ranks[1], most[1], name="ranks[1]")
    if sweeps < 0:
        raise ValueError(f"`sweeps` must be at least 0. Received: sweeps={sweeps!r}.")
    height, width, inputs, outputs = kernel.shape
    taps = kernel.reshape(height * width, inputs, outputs)
    first = _leading(_input_unfolding(taps), ranks[0])
    narrowed = first.T @ taps
    last = _leading(_output_unfolding(narrowed), ranks[1])
    core = narrowed @ last
    lost = np.inf
    for _ in range(sweeps):
        # The bases are orthonormal: what the core does not hold is the squared error.
        before, lost = lost, float(np.vdot(taps, taps) - np.vdot(core, core))
        if lost > (1 - LEAST_GAIN) * before:
            break
        first = _improved(first, _input_unfolding(taps @ last))
        narrowed = first.T @ taps
        last = _improved(last, _output_unfolding(narrowed))
        core = narrowed @ last
    return Chain(
        tucker2_links(kernel.shape, ranks),
        (
            first[None, None],
            core.reshape(height, width, *ranks),
            last.T[None, None].copy(),
        ),
    )


def tucker2_full_ranks(shape: Shape) -> tuple[int, int]:
    """The ranks at which Tucker-2 is exact for any kernel of a shape."""
    height, width, inputs, outputs = shape
    taps = height * width
    return min(inputs, taps * outputs), min(outputs, taps * inputs)


def tucker2_links(shape: Shape, ranks: tuple[int, ...]) -> tuple[Link, ...]:
    """The links of a Tucker-2 chain."""
    height, width, inputs, outputs = shape
    return (
        Link("in", (1, 1, inputs, ranks[0])),
        Link("core", (height, width, ranks[0], ranks[1]), axes=(0, 1)),
        Link("out", (1, 1, ranks[1], outputs)),
    )


def tucker2_energies(kernel: Array) -> npt.NDArray[np.float64]:
    """Which fraction of a kernel each pair of ranks keeps at least.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`.

    Returns:
        Float array with the shape of `tucker2_full_ranks`, ascending along both axes to
        1. Entry `[a - 1, b - 1]` is the energy of the truncated higher-order singular
        value decomposition; `tucker2(kernel, ranks=(a, b))` keeps no less.

    Example:
        >>> tucker2_energies(np.diag([2.0, 1.0])[None, None])
        array([[0.8, 0.8],
               [0.8, 1. ]])
    """
    check_kernel(kernel)
    most = tucker2_full_ranks(kernel.shape)
    taps = kernel.reshape(-1, *kernel.shape[2:]).astype(np.float64)
    first = _leading(_input_unfolding(taps), most[0])
    last = _leading(_output_unfolding(taps), most[1])
    squares = ((first.T @ taps @ last) ** 2).sum(axis=0)
    total = squares.sum()
    if total == 0:
        return np.ones(most)
    kept: npt.NDArray[np.float64] = squares.cumsum(axis=0).cumsum(axis=1) / total
    kept[-1, -1] = 1.0
    return np.minimum(kept, 1.0)


def tucker2_views(kernel: Array) -> tuple[Array, Array]:
    """The matrices whose ranks are those of the two modes, shape `(channels, rest)`."""
    taps = kernel.reshape(-1, *kernel.shape[2:])
    return _input_unfolding(taps), _output_unfolding(taps)


def _input_unfolding(taps: Array) -> Array:
    return taps.transpose(1, 0, 2).reshape(taps.shape[1], -1)


def _output_unfolding(taps: Array) -> Array:
    return taps.reshape(-1, taps.shape[2]).T


def _leading(matrix: Array, rank: int) -> npt.NDArray[Any]:
    """An orthonormal basis of the columns' leading directions, by the Gram matrix."""
    vectors = np.linalg.eigh(matrix @ matrix.T)[1]
    return np.ascontiguousarray(vectors[:, : -rank - 1 : -1])


def _improved(basis: Array, matrix: Array) -> Array:
    """One orthogonal iteration: `basis` turned towards the leading directions."""
    turned: Array = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    return turned
