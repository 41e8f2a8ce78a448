"""CP: a convolution as a sum of products of four vectors, one for each axis of its kernel.

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

Floats = npt.NDArray[np.float64]
SWEEPS = 50
RIDGE = 1e-4


def cp_factors(
    kernel: Array, *, rank: int, sweeps: int = SWEEPS, merged: bool = False
) -> Chain:
    """Write a kernel as a sum of `rank` products of four vectors, by least squares.

    The start is the best sum of products of the higher-order singular vectors of the two
    spatial axes with singular vectors of the channels: exact at full rank, and never
    further away than `cp_energies` says. Alternating least squares then improves one
    factor at a time. A small ridge on the lengths of the components keeps them from
    growing against each other, which is how plain CP fails.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`. It is not changed.
        rank: Number of components, 1 to `height * width * min(in, out)`, where CP is
            exact.
        sweeps: How often each factor is improved, at least 0.
        merged: Whether the two spatial factors make one depthwise kernel.

    Returns:
        A chain `"in"` of shape `(1, 1, in, rank)`, depthwise `"vertical"` of shape
        `(height, 1, rank, 1)`, depthwise `"horizontal"` of shape `(1, width, rank, 1)`
        and `"out"` of shape `(1, 1, rank, out)`. Merged, the two in the middle are one,
        depthwise `"core"` of shape `(height, width, rank, 1)`. The factors of a component
        are equally long.

    Raises:
        ValueError: If `kernel` is no kernel, or `rank` or `sweeps` is out of range.

    Example:
        >>> kernel = np.einsum("hw,io->hwio", np.ones((3, 3)), np.eye(2))
        >>> bool(np.allclose(cp_factors(kernel, rank=2).product(), kernel, atol=1e-6))
        True

    References:
        Lebedev, Ganin, Rakhuba, Oseledets, Lempitsky, "Speeding-up Convolutional Neural
        Networks Using Fine-tuned CP-Decomposition", ICLR 2015, section 3.
        https://arxiv.org/abs/1412.6553
        Phan, Sobolev, Sozykin, Ermilov, Gusak, Tichavský, Glukhov, Oseledets, Cichocki,
        "Stable Low-rank Tensor Decomposition for Compression of Convolutional Neural
        Network", ECCV 2020, section 3 (why components diverge).
        https://arxiv.org/abs/2008.05441
    """
    check_kernel(kernel)
    check_rank(rank, cp_full_rank(kernel.shape))
    if sweeps < 0:
        raise ValueError(f"`sweeps` must be at least 0. Received: sweeps={sweeps!r}.")
    exact = kernel.astype(np.float64)
    start = factors = _start(exact, rank)
    for _ in range(sweeps):
        factors = _swept(exact, factors)
    if _distance(exact, factors) > _distance(exact, start):
        factors = start  # near full rank the ridge costs more than the sweeps win
    across, along, inputs, outputs = (
        factor.astype(kernel.dtype) for factor in _balanced(factors)
    )
    middle: tuple[Array, ...] = (
        across[:, None, :, None],
        along[None, :, :, None],
    )
    if merged:
        middle = (middle[0] * middle[1],)
    return Chain(
        cp_links(kernel.shape, (rank,), merged=merged),
        (inputs[None, None], *middle, outputs.T[None, None].copy()),
    )


def cp_energies(kernel: Array) -> Floats:
    """Which fraction of a kernel each rank keeps at least.

    Args:
        kernel: Finite floats, shape `(height, width, in, out)`.

    Returns:
        Float array of shape `(height * width * min(in, out),)`, ascending to 1: the
        energies of the start of `cp_factors`.
    """
    check_kernel(kernel)
    rotated = _rotated(kernel.astype(np.float64))[0]
    squares = np.linalg.svd(rotated, compute_uv=False).ravel() ** 2
    total = squares.sum()
    if total == 0:
        return np.ones(squares.size)
    kept: Floats = np.minimum(np.cumsum(np.sort(squares)[::-1]) / total, 1.0)
    kept[-1] = 1.0
    return kept


def cp_full_rank(shape: Shape) -> int:
    """The rank at which the start is exact for any kernel of a shape."""
    height, width, inputs, outputs = shape
    return height * width * min(inputs, outputs)


def cp_links(
    shape: Shape, ranks: tuple[int, ...], *, merged: bool = False
) -> tuple[Link, ...]:
    """The links of a CP chain."""
    height, width, inputs, outputs = shape
    rank = ranks[0]
    middle: tuple[Link, ...] = (
        Link("vertical", (height, 1, rank, 1), axes=(0,), depthwise=True),
        Link("horizontal", (1, width, rank, 1), axes=(1,), depthwise=True),
    )
    if merged:
        middle = (Link("core", (height, width, rank, 1), axes=(0, 1), depthwise=True),)
    return (
        Link("in", (1, 1, inputs, rank)),
        *middle,
        Link("out", (1, 1, rank, outputs)),
    )


def _rotated(kernel: Floats) -> tuple[Floats, Floats, Floats]:
    """The kernel in the singular vectors of its spatial axes, and these vectors."""
    height, width = kernel.shape[:2]
    rows = kernel.reshape(height, -1)
    columns = kernel.transpose(1, 0, 2, 3).reshape(width, -1)
    across = np.linalg.eigh(rows @ rows.T)[1]
    along = np.linalg.eigh(columns @ columns.T)[1]
    turned = np.einsum("hwio,hp,wq->pqio", kernel, across, along, optimize=True)
    return turned, across, along


def _start(kernel: Floats, rank: int) -> list[Floats]:
    """The largest singular triples of all slices of the rotated kernel."""
    rotated, across, along = _rotated(kernel)
    left, values, right = np.linalg.svd(rotated, full_matrices=False)
    largest = np.argsort(-values, axis=None, kind="stable")[:rank]
    row, column, index = np.unravel_index(largest, values.shape)
    outputs = right[row, column, index].T * values[row, column, index]
    return [across[:, row], along[:, column], left[row, column, :, index].T, outputs]


def _swept(kernel: Floats, factors: list[Floats]) -> list[Floats]:
    """One round of least squares over the four factors."""
    height, width, inputs, outputs = kernel.shape
    across, along, channels, filters = factors
    filters, across = _with_length(filters, across)
    half = (kernel.reshape(-1, outputs) @ filters).reshape(height, width, inputs, -1)
    channels, across = _with_length(channels, across)
    along, across = _with_length(along, across)
    across = _solved(
        np.einsum("hwir,wr,ir->hr", half, along, channels, optimize=True),
        (along, channels, filters),
    )
    across, along = _with_length(across, along)
    along = _solved(
        np.einsum("hwir,hr,ir->wr", half, across, channels, optimize=True),
        (across, channels, filters),
    )
    along, channels = _with_length(along, channels)
    channels = _solved(
        np.einsum("hwir,hr,wr->ir", half, across, along, optimize=True),
        (across, along, filters),
    )
    channels, filters = _with_length(channels, filters)
    inner = np.einsum("hr,wr,ir->hwir", across, along, channels)
    filters = _solved(
        kernel.reshape(-1, outputs).T @ inner.reshape(-1, inner.shape[-1]),
        (across, along, channels),
    )
    return [across, along, channels, filters]


def _distance(kernel: Floats, factors: list[Floats]) -> float:
    product = np.einsum("hr,wr,ir,or->hwio", *factors, optimize=True)
    return float(np.linalg.norm(kernel - product))


def _with_length(unit: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Columns of length 1, their lengths moved into another factor."""
    lengths = np.linalg.norm(unit, axis=0)
    safe = np.where(lengths > 0, lengths, 1.0)
    return unit / safe, other * lengths


def _solved(projections: Floats, others: tuple[Floats, ...]) -> Floats:
    """The factor that is best beside three others of unit columns."""
    gram: Any = 1.0
    for other in others:
        gram = gram * (other.T @ other)
    solution: Floats = np.linalg.solve(
        gram + RIDGE * np.eye(len(gram)), projections.T
    ).T
    return solution


def _balanced(factors: list[Floats]) -> list[Floats]:
    """The same components, with the four factors of each equally long."""
    lengths = [np.linalg.norm(factor, axis=0) for factor in factors]
    together = np.prod(lengths, axis=0) ** (1 / len(factors))
    return [
        factor * np.divide(together, own, out=np.zeros_like(own), where=own > 0)
        for factor, own in zip(factors, lengths, strict=True)
    ]
