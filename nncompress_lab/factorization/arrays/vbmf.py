"""How much of a matrix is more than noise: variational Bayesian matrix factorization.

NumPy only.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
GOLDEN = (math.sqrt(5) - 1) / 2
GRID = 64


def vbmf_rank(matrix: npt.NDArray[Any]) -> int:
    """The rank of what a matrix holds beside Gaussian noise.

    This is the global optimum of empirical variational Bayes for a matrix that is a
    product of two Gaussian factors plus white noise. A singular value counts if it is
    larger than a threshold that depends on the shape and on the variance of the noise;
    the variance is the one that explains the singular values best.

    The answer is about the matrix, not about the model's accuracy: trained layers whose
    singular values fall slowly get a small rank and lose much.

    Args:
        matrix: Finite floats, shape `(m, n)`.

    Returns:
        A rank from 0, all noise, to `min(m, n)`.

    Raises:
        ValueError: If `matrix` is no finite matrix.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> signal = generator.normal(size=(60, 5)) @ generator.normal(size=(5, 80))
        >>> vbmf_rank(signal + 0.5 * generator.normal(size=(60, 80)))
        5

    References:
        Nakajima, Sugiyama, Babacan, Tomioka, "Global Analytic Solution of Fully-observed
        Variational Bayesian Matrix Factorization", JMLR 2013, theorem 2 and corollary 1
        (empirical VB, unknown noise).
        https://jmlr.org/papers/v14/nakajima13a.html
    """
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise ValueError(
            f"A rank is that of a finite matrix. Received: shape {matrix.shape}."
        )
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    exact = wide.astype(np.float64)
    squares = np.maximum(np.linalg.eigvalsh(exact @ exact.T)[::-1], 0)
    if squares[0] == 0:
        return 0
    # Scaled, so that logarithms of what is nearly zero stay finite and harmless.
    squares = np.maximum(squares / squares[0], 1e-14)
    variance = _noise_variance(squares, columns=wide.shape[1])
    limit = wide.shape[1] * variance * _threshold(len(squares) / wide.shape[1])
    return int(np.count_nonzero(squares > limit))


def _threshold(shape_ratio: float) -> float:
    """Above which a scaled square is signal: theorem 2, with tau of its equation."""
    tau = 2.5129 * math.sqrt(shape_ratio)
    return (1 + tau) * (1 + shape_ratio / tau)


def _noise_variance(squares: Floats, *, columns: int) -> float:
    """The variance of the noise that has the least free energy."""
    rows = len(squares)
    ratio = rows / columns
    most = math.ceil(rows / (1 + ratio)) - 1  # ranks that the analysis allows
    upper = float(squares.sum()) / (rows * columns)
    first_noise = min(most, rows - 1)
    lower = max(
        squares[first_noise] / (columns * _threshold(ratio)),
        squares[first_noise:].mean() / columns,
    )

    def energy(log_variance: float) -> float:
        return _free_energy(squares / (columns * math.exp(log_variance)), ratio)

    return math.exp(_minimum(energy, math.log(lower), math.log(upper)))


def _free_energy(scaled: Floats, ratio: float) -> float:
    """Free energy of singular values, up to a constant, for squares over M times variance.

    The paper's term with the logarithm of the variance is in the sum of `-log(scaled)`.
    """
    signal = scaled[scaled > _threshold(ratio)]
    spread = signal - (1 + ratio)
    tau = (spread + np.sqrt(np.maximum(spread**2 - 4 * ratio, 0))) / 2
    noise = np.sum(scaled - np.log(scaled))
    gained = np.log((tau + 1) / signal) + ratio * np.log(tau / ratio + 1) - tau
    return float(noise + np.sum(np.log(signal) + gained))


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function is smallest: the best of a grid, then golden sections around it."""
    grid = np.linspace(low, high, GRID)
    best = int(np.argmin([function(point) for point in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    while high - low > 1e-9:
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if function(left) <= function(right):
            high = right
        else:
            low = left
    return (low + high) / 2
