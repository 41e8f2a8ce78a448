"""Lesson 08, first part: a kernel as a matrix along one of its axes, and its basis."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_array

CLOSE = 1e-4  # of numbers near 1: bases are found in other orders of arithmetic
SHAPES = ((3, 3, 4, 7), (5, 2, 6, 3), (1, 3, 2, 5))


def random_kernel(*shape: int, seed: int) -> Any:
    """Weights of mixed signs, of very different size from channel to channel."""
    random = generator(seed)
    sizes = [random.uniform(0.2, 2.0, size) for size in shape]
    kernel = random.normal(size=shape)
    for axis, one in enumerate(sizes):
        kernel *= one.reshape(
            [-1 if place == axis else 1 for place in range(len(shape))]
        )
    return kernel


def _unfold(kernel: Any, mode: int) -> Any:
    return np.moveaxis(kernel, mode, 0).reshape(kernel.shape[mode], -1)


unfold = Exercise(
    "unfold",
    title="Unfold a kernel along a mode",
    points=1,
    hints=(
        "The axis of the mode must come first, and the others stay in their order: "
        "`np.moveaxis` does that.",
        "Then `reshape` with as many rows as the axis is long; -1 stands for the rest.",
        "np.moveaxis(kernel, mode, 0).reshape(kernel.shape[mode], -1)",
    ),
    reference=_unfold,
)


def _unfolded(answer: Any, kernel: Any, mode: int) -> Any:
    shape = kernel.shape[mode], kernel.size // kernel.shape[mode]
    what = f"The unfolding of a kernel of shape {kernel.shape} along mode {mode}"
    return require_array(call(answer, kernel, mode), shape=shape, what=what)


@unfold.check
def has_a_row_for_each_channel(answer):
    _unfolded(answer, random_kernel(2, 3, 4, 5, seed=1), 2)


@unfold.check
def takes_every_mode(answer):
    for mode in range(4):
        _unfolded(answer, random_kernel(2, 3, 4, 5, seed=2), mode)


@unfold.check
def keeps_the_weights_of_a_channel_together(answer):
    kernel = np.arange(24.0).reshape(1, 2, 3, 4)
    rows = _unfolded(answer, kernel, 2)
    require(
        np.array_equal(np.sort(rows[0]), np.sort(kernel[:, :, 0].ravel())),
        "The first row must hold the weights of the first input channel, "
        f"kernel[:, :, 0], which are {np.sort(kernel[:, :, 0].ravel()).tolist()}. "
        f"Received: {rows[0].tolist()}. `reshape` alone cuts the numbers as they lie in "
        "memory; move the axis to the front first.",
    )


@unfold.check
def leaves_the_other_axes_in_order(answer):
    for shape in SHAPES:
        kernel = random_kernel(*shape, seed=3)
        for mode in range(4):
            found = _unfolded(answer, kernel, mode)
            require(
                np.array_equal(found, _unfold(kernel, mode)),
                f"For a kernel of shape {shape} and mode {mode} the columns stand in "
                "another order than that of the axes that are left."
                + _other_order(found, kernel, mode),
            )


def _other_order(found: Any, kernel: Any, mode: int) -> str:
    """Which well-known order the columns of an unfolding have, if any."""
    first = np.moveaxis(kernel, mode, 0)
    if np.array_equal(found, first.reshape(len(first), -1, order="F")):
        return (
            " Books on tensors let the first of them run fastest, as yours does; here it "
            "is NumPy's own order, in which the last one does."
        )
    if np.array_equal(found, np.swapaxes(kernel, 0, mode).reshape(len(first), -1)):
        return (
            " `np.swapaxes` puts axis 0 where the mode was; `np.moveaxis` leaves the "
            "others in their order."
        )
    return ""


def _mode_basis(kernel: Any, mode: int, rank: int) -> Any:
    left = np.linalg.svd(_unfold(kernel, mode), full_matrices=False)[0]
    return left[:, :rank]


mode_basis = Exercise(
    "mode_basis",
    title="The directions that a mode needs most",
    points=2,
    hints=(
        "Unfold the kernel along the mode, then `np.linalg.svd(..., full_matrices=False)`. "
        "It returns three arrays; which of them has as many rows as the mode has channels?",
        "The singular values come in descending order: the first columns belong to the "
        "largest.",
        "np.linalg.svd(unfold(kernel, mode), full_matrices=False)[0][:, :rank]",
    ),
    reference=_mode_basis,
)


def _basis(answer: Any, kernel: Any, mode: int, rank: int) -> Any:
    what = (
        f"The basis of rank {rank} for mode {mode} of a kernel of shape {kernel.shape}"
    )
    size, rest = _unfold(kernel, mode).shape
    basis = call(answer, kernel, mode, rank)
    require(
        rest not in np.shape(basis),
        f"{what} has {size} numbers for each direction, one for each index of the mode. "
        f"Yours have {rest}: those are the right singular vectors.",
    )
    require(
        rank == size or np.shape(basis) != (rank, size),
        f"{what} has its directions as columns. Received: {rank} rows.",
    )
    return require_array(basis, shape=(size, rank), what=what)


@mode_basis.check
def is_as_long_as_the_mode(answer):
    kernel = random_kernel(3, 3, 4, 7, seed=4)
    _basis(answer, kernel, 2, 2)
    _basis(answer, kernel, 3, 3)


@mode_basis.check
def is_orthonormal(answer):
    basis = _basis(answer, random_kernel(3, 3, 4, 7, seed=5), 3, 3)
    products = basis.T @ basis
    require(
        np.allclose(products, np.eye(3), atol=CLOSE),
        "The columns of a basis have the length 1 and are at right angles: basis.T @ basis "
        f"is the identity. Yours have the lengths {np.sqrt(np.diag(products)).round(3)}. "
        "The singular values belong into the core, not into the basis.",
    )


@mode_basis.check
def points_where_the_weights_are(answer):
    kernel = np.zeros((1, 1, 3, 2))
    kernel[0, 0] = [[0.1, 0.0], [0.0, 0.0], [0.0, 9.0]]
    basis = _basis(answer, kernel, 2, 1)
    require(
        np.allclose(np.abs(basis.ravel()), [0, 0, 1], atol=CLOSE),
        "Of three input channels the last has weights of 9, the others next to none: the "
        f"one direction to keep is [0, 0, 1]. Received: {basis.ravel().round(3).tolist()}.",
    )


@mode_basis.check
def keeps_most_of_the_kernel(answer):
    for shape in SHAPES:
        kernel = random_kernel(*shape, seed=6)
        for mode in range(4):
            for rank in {1, max(1, shape[mode] - 1)}:
                basis = _basis(answer, kernel, mode, rank)
                best = _mode_basis(kernel, mode, rank)
                require(
                    np.allclose(basis @ basis.T, best @ best.T, atol=CLOSE),
                    f"For a kernel of shape {shape}, mode {mode} and rank {rank} another "
                    "basis keeps more: the left singular vectors of the unfolding, those "
                    "of the largest singular values first.",
                )
