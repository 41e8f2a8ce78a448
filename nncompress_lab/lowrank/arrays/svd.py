"""The best approximation of a matrix by one of lower rank.

NumPy only. The factors come from the eigenvectors of the smaller Gram matrix, which takes
a fraction of the time of a full singular value decomposition and, at the ranks that save
anything, gives the same error; or, faster and nearly as good, from a random start.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import check_choice
from nncompress_lab.lowrank.arrays.eigenvectors import Eigenvectors
from nncompress_lab.lowrank.arrays.randomized import is_worth_it, leading_part

Matrix = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Method = Literal["exact", "randomized"]


@dataclass(frozen=True, eq=False)
class Factors:
    """Two thin matrices whose product approximates a matrix of shape `(m, n)`.

    Args:
        left: Shape `(m, rank)`.
        right: Shape `(rank, n)`. Both share the singular values evenly, so that neither
            holds much larger numbers than the other.
    """

    left: Matrix
    right: Matrix

    @property
    def rank(self) -> int:
        """How many columns `left` has."""
        return int(self.left.shape[1])

    def product(self) -> Matrix:
        """The approximation, shape `(m, n)`."""
        multiplied: Matrix = self.left @ self.right
        return multiplied


def low_rank_factors(
    matrix: Matrix,
    *,
    rank: int,
    second_moment: Floats | None = None,
    method: Method = "exact",
    seed: int = 0,
) -> Factors:
    """Factor a matrix so that no matrix of that rank is nearer to it.

    With `second_moment`, nearest means in what the matrix computes: of all matrices of
    that rank, the product changes the outputs `x @ matrix` least. It is the matrix
    projected on the principal components of its outputs, so nothing has to be inverted
    and inputs that depend on each other do no harm.

    Args:
        matrix: Finite floats, shape `(m, n)`, for example a Dense kernel of shape
            `(in_features, units)`. It is not changed.
        rank: 1 to `min(m, n)`.
        second_moment: Of the inputs: `x.T @ x`, up to a factor, shape `(m, m)`, where each
            row of `x` is one input.
        method: `"exact"`, or `"randomized"` for factors from a random start, computed in
            float32 in a fraction of the time. Above a third of the full rank, where it
            would save nothing, the two are the same.
        seed: Of the random start.

    Returns:
        Factors of the type of `matrix`. The error is that of the truncated singular
        value decomposition: its square, summed over all entries, is the sum of the
        squares of the singular values that were dropped. At ranks below a sixth of a
        large matrix it may be up to 0.1 % above that. With `"randomized"` it is above it
        by chance, most where singular values fall slowly: by less than 2 % in every
        spectrum that the tests try, and by 1e-5 of the size of `matrix` for rounding.

    Raises:
        ValueError: If an array is no finite matrix of the right shape, `rank` is out of
            range, or there is no such `method`.

    Example:
        >>> factors = low_rank_factors(np.outer([1.0, 2.0], [3.0, 4.0, 5.0]), rank=1)
        >>> factors.product().round(6)
        array([[ 3.,  4.,  5.],
               [ 6.,  8., 10.]])

    References:
        Eckart, Young, "The approximation of one matrix by another of lower rank",
        Psychometrika 1936. For layers: Denton, Zaremba, Bruna, LeCun, Fergus,
        "Exploiting Linear Structure Within Convolutional Networks for Efficient
        Evaluation", NIPS 2014. https://arxiv.org/abs/1404.0736
        With inputs: Zhang, Zou, He, Sun, "Accelerating Very Deep Convolutional Networks
        for Classification and Detection", 2015, section 3.1.
        https://arxiv.org/abs/1505.06798; Chen, Yu, Dhillon, Hsieh, "DRONE: Data-aware
        Low-rank Compression for Large NLP Models", NeurIPS 2021.
        `"randomized"`: as in `leading_part`.
    """
    check_choice("method", method, Method)
    chosen = seed if method == "randomized" else None
    return Spectrum(matrix, second_moment=second_moment, seed=chosen).factors(rank)


class Spectrum:
    """A matrix of which factors of several ranks are wanted.

    Args:
        matrix: As `low_rank_factors` takes it.
        second_moment: Likewise.
        seed: Of a random start, anew for each rank, for factors that are nearly the best;
            None for the best ones, from one decomposition.

    Raises:
        ValueError: If an array is no finite matrix of the right shape.
    """

    def __init__(
        self,
        matrix: Matrix,
        *,
        second_moment: Floats | None = None,
        seed: int | None = None,
    ) -> None:
        _check(matrix, second_moment)
        self._turned = second_moment is None and matrix.shape[0] < matrix.shape[1]
        self._matrix = matrix.T if self._turned else matrix
        self._second_moment, self._seed = second_moment, seed

    def factors(self, rank: int) -> Factors:
        """As `low_rank_factors`, to the last bit."""
        most = min(self._matrix.shape)
        if not 1 <= rank <= most:
            shape = self._matrix.T.shape if self._turned else self._matrix.shape
            raise ValueError(
                f"`rank` must be 1 to {most} for a matrix of shape {shape}. "
                f"Received: rank={rank!r}."
            )
        projected, kept = self._leading(rank)
        # Each row of `kept` has length 1; the lengths are shared evenly.
        root = np.sqrt(np.linalg.norm(projected, axis=0))
        shared = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
        # Adding 0 makes -0.0 a 0.0, which packs.
        left, right = projected * shared + 0.0, (kept * root).T + 0.0
        if self._turned:
            left, right = right.T, left.T
        kind = self._matrix.dtype
        return Factors(left.astype(kind), right.astype(kind))

    def _leading(self, rank: int) -> tuple[Matrix, Matrix]:
        """The matrix times the principal components of its outputs, and these."""
        if self._seed is not None and is_worth_it(self._matrix.shape, rank):
            return leading_part(
                self._matrix,
                count=rank,
                seed=self._seed,
                second_moment=self._second_moment,
            )
        kept = self._output_components(rank)
        return self._matrix @ kept, kept

    @cached_property
    def _seen(self) -> Floats:
        return _as_seen(self._matrix, self._second_moment)

    @cached_property
    def _eigenvectors(self) -> Eigenvectors:
        return Eigenvectors(_smaller_gram(self._seen, self._second_moment))

    def _output_components(self, rank: int) -> Floats:
        """The principal components of the outputs as columns, shape `(n, rank)`."""
        values, vectors = self._eigenvectors.leading(rank)
        if len(vectors) == self._matrix.shape[1]:
            return vectors
        # There are fewer inputs than outputs, and the vectors are those of the inputs.
        across = self._seen.T @ vectors
        lengths = np.linalg.norm(across, axis=0)
        usable = lengths > np.sqrt(np.finfo(np.float64).eps * max(values[0], 0))
        components: Floats = np.divide(across, lengths, out=across * 0, where=usable)
        return components


def energy_by_rank(matrix: Matrix, *, second_moment: Floats | None = None) -> Floats:
    """Which fraction of a matrix each rank keeps.

    Args:
        matrix: Finite floats, shape `(m, n)`.
        second_moment: As for `low_rank_factors`; the energy is then that of the outputs.

    Returns:
        Float array of shape `(min(m, n),)`, ascending to 1. Entry `r - 1` is the energy
        of rank `r`: the squares of the `r` largest singular values over those of all. A
        matrix of zeros is kept whole by every rank.

    Raises:
        ValueError: If an array is no finite matrix of the right shape.

    Example:
        >>> energy_by_rank(np.diag([3.0, 4.0, 0.0]))
        array([0.64, 1.  , 1.  ])
    """
    _check(matrix, second_moment)
    gram = _smaller_gram(_as_seen(matrix, second_moment), second_moment)
    squares = np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)
    total = float(squares.sum())
    if total == 0:
        return np.ones(squares.size)
    kept: Floats = np.minimum(np.cumsum(squares) / total, 1.0)
    kept[-1] = 1.0
    return kept


def _check_matrix(matrix: Matrix) -> None:
    if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
        raise ValueError(
            "A low-rank approximation needs a matrix of floats. Received: shape "
            f"{matrix.shape}, type {matrix.dtype}. A convolution's kernel is made a "
            "matrix by reshaping it."
        )
    bad = matrix.size - int(np.count_nonzero(np.isfinite(matrix)))
    if bad:
        raise ValueError(
            f"Weights must be finite to be factored. Received: {bad:,} of {matrix.size:,} "
            f"entries of a matrix of shape {matrix.shape} are NaN or infinite. Train the "
            "model again, or find the layer that diverged."
        )
    if not matrix.size:
        raise ValueError(f"The matrix is empty. Received: shape {matrix.shape}.")


def _check(matrix: Matrix, second_moment: Floats | None) -> None:
    _check_matrix(matrix)
    if second_moment is None:
        return
    size = matrix.shape[0]
    if second_moment.shape != (size, size) or not np.isfinite(second_moment).all():
        raise ValueError(
            f"The second moment of the inputs of a matrix of shape {matrix.shape} is "
            f"finite and of shape {(size, size)}. Received: {second_moment.shape}."
        )


def _as_seen(matrix: Matrix, second_moment: Floats | None) -> Floats:
    """The matrix in float64; a wide one is multiplied by the root of its moment."""
    exact: Floats = matrix.astype(np.float64, copy=False)
    if second_moment is None or matrix.shape[0] >= matrix.shape[1]:
        return exact
    values, vectors = np.linalg.eigh(second_moment)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    weighted: Floats = root @ exact
    return weighted


def _smaller_gram(seen: Floats, second_moment: Floats | None) -> Floats:
    """Of the outputs, or of the inputs if these are fewer.

    In float64: squaring loses half of the digits, and float32 has few.
    """
    if seen.shape[0] < seen.shape[1]:
        return seen @ seen.T
    return seen.T @ (seen if second_moment is None else second_moment @ seen)
