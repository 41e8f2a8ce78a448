"""The leading eigenvectors of a Gram matrix, without the others. NumPy only.

NumPy computes all eigenvectors or none. Where few are wanted of a large matrix, a Krylov
space finds them in a fraction of the time, and a certificate tells whether it did.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

SMALLEST = 1024  # below, computing all eigenvectors takes no longer
FEW = 6  # how many times smaller than the matrix the wanted part must be
SPACE = 3  # dimensions of the Krylov space for each wanted vector
BLOCKS = 12  # blocks of the Krylov space in as many dimensions as vectors are wanted
EXCESS = 1e-3  # what is left out may be this much larger than the smallest possible
LEAST_LEFT = 1e-4  # of the trace: below, float32 cannot tell what is left out


def leading_eigenvectors(gram: Floats, *, count: int) -> tuple[Floats, Floats]:
    """The largest eigenvalues of a Gram matrix and their eigenvectors.

    Args:
        gram: Symmetric and positive semidefinite, float64, shape `(n, n)`.
        count: How many are wanted, 1 to `n`.

    Returns:
        The eigenvalues, descending, shape `(count,)`, and the eigenvectors as columns,
        shape `(n, count)`. The root of what they leave out, the trace of `gram` less the
        eigenvalues, is at most 0.1 % above the smallest possible.

    Example:
        >>> values, vectors = leading_eigenvectors(np.diag([1.0, 3.0, 2.0]), count=2)
        >>> values
        array([3., 2.])
        >>> abs(vectors)
        array([[0., 0.],
               [1., 0.],
               [0., 1.]])
    """
    return Eigenvectors(gram).leading(count)


class Eigenvectors:
    """Those of one Gram matrix, for several counts: all of them are computed once.

    Args:
        gram: As `leading_eigenvectors` takes it.
    """

    def __init__(self, gram: Floats) -> None:
        self._gram = gram

    def leading(self, count: int) -> tuple[Floats, Floats]:
        """As `leading_eigenvectors`, to the last bit."""
        if len(self._gram) >= SMALLEST and count * FEW <= len(self._gram):
            found = _by_krylov_space(self._gram, count)
            if found is not None:
                return found
        values, vectors = self._all
        return values[::-1][:count], vectors[:, ::-1][:, :count]

    @cached_property
    def _all(self) -> tuple[Floats, Floats]:
        values, vectors = np.linalg.eigh(self._gram)
        return values, vectors


def _by_krylov_space(gram: Floats, count: int) -> tuple[Floats, Floats] | None:
    """Leading eigenpairs from a block Krylov space; None if they are not good enough.

    Golub, Underwood, "The block Lanczos method for computing eigenvalues", 1977; Musco,
    Musco, "Randomized Block Krylov Methods for Stronger and Faster Approximate Singular
    Value Decomposition", NIPS 2015. https://arxiv.org/abs/1504.05477
    """
    scale = float(np.trace(gram)) / len(gram)
    if not scale:
        return None
    small = (gram / scale).astype(np.float32)
    basis, image = _krylov_space(small, block=-(-count // BLOCKS), size=SPACE * count)
    projected = (basis.T @ image).astype(np.float64)
    values, turn = np.linalg.eigh((projected + projected.T) / 2)
    values, turn = values[::-1][:count], turn[:, ::-1][:, :count].astype(np.float32)
    vectors = basis @ turn
    residual = image @ turn - vectors * values.astype(np.float32)
    if not _certified(small, values, vectors, residual):
        return None
    return values * scale, vectors.astype(np.float64)


def _krylov_space(gram: Singles, *, block: int, size: int) -> tuple[Singles, Singles]:
    """An orthonormal basis of the space that a random block spans, and `gram @ basis`."""
    steps = -(-size // block)
    basis = np.empty((len(gram), steps * block), np.float32)
    image = np.empty_like(basis)
    start = np.random.default_rng(0).standard_normal((len(gram), block))
    fresh = start.astype(np.float32)
    for step in range(steps):
        done = basis[:, : step * block]
        for _ in range(2):  # once is not enough: rounding brings back what was there
            fresh = np.linalg.qr(fresh - done @ (done.T @ fresh))[0]
        here = slice(step * block, (step + 1) * block)
        basis[:, here] = fresh
        image[:, here] = fresh = gram @ fresh
    return basis, image


def _certified(
    gram: Singles, values: Floats, vectors: Singles, residual: Singles
) -> bool:
    """Whether what the vectors leave out is within `EXCESS` of the smallest possible.

    Without its part that couples the vectors to the rest, `gram` falls into two: one with
    these eigenvalues, and one on the rest. If no eigenvalue of the rest exceeds a bound,
    which is so if a Cholesky factor exists, the largest sum of `count` eigenvalues is at
    most that of these, none below the bound; and the coupling adds at most the sum of its
    singular values (Ky Fan).
    """
    left = float(np.trace(gram, dtype=np.float64) - values.sum())
    if left < LEAST_LEFT * len(gram):
        return False
    allowed = 2 * EXCESS * left  # of a square, so twice that of its root
    lengths = np.linalg.eigvalsh(residual.T.astype(np.float64) @ residual)
    coupling = float(np.sqrt(np.maximum(lengths, 0)).sum())
    if coupling > allowed / 2:
        return False
    # Up to where the smallest of the values can rise together for the other half.
    levels = (allowed / 2 + np.cumsum(values[::-1])) / np.arange(1, values.size + 1)
    bound = levels.min()
    half = (vectors * (values / 2).astype(np.float32) + residual) @ vectors.T
    rest = half + half.T - gram
    rest[np.diag_indices_from(rest)] += np.float32(bound)
    try:
        np.linalg.cholesky(rest)
    except np.linalg.LinAlgError:
        return False
    return True
