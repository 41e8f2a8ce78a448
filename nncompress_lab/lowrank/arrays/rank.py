"""Which rank to take for a matrix. NumPy only.

A spectrum is seen through its energies: which fraction of the squares each rank keeps, as
`energy_by_rank` returns them. The functions here do not care what was factored, so they
serve every decomposition whose ranks have energies. Many that share a budget are for
`choose_under_budget`.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ROUNDING = 1e-12  # what summing the squares in float64 takes from an energy


def rank_for_energy(energies: Floats, *, energy: float) -> int:
    """The smallest rank that keeps a fraction of the energy.

    High energy is not high accuracy: a layer may lose half of its energy and the model
    no accuracy at all, or the other way round.

    Args:
        energies: Energy kept by ranks 1, 2, ..., ascending to 1, shape `(full_rank,)`.
        energy: The fraction to keep, in `(0, 1]`.

    Returns:
        A rank from 1 to `full_rank`.

    Raises:
        ValueError: If `energy` is out of range.

    Example:
        >>> rank_for_energy(np.array([0.64, 1.0, 1.0]), energy=0.6)
        1
    """
    check_energy(energy)
    return int(np.argmax(energies >= energy - ROUNDING)) + 1


def rank_for_error(energies: Floats, *, error: float) -> int:
    """The smallest rank whose relative error is at most `error`.

    Args:
        energies: As for `rank_for_energy`.
        error: The Frobenius norm of the difference over that of the matrix, in `[0, 1)`.

    Returns:
        A rank from 1 to `full_rank`.

    Raises:
        ValueError: If `error` is out of range.

    Example:
        >>> rank_for_error(np.array([0.64, 1.0, 1.0]), error=0.6)
        1
    """
    check_error(error)
    return rank_for_energy(energies, energy=1 - error**2)


def rank_for_fraction(full_rank: int, *, fraction: float) -> int:
    """A fraction of the full rank, rounded to the nearest rank and at least 1.

    Args:
        full_rank: At least 1.
        fraction: In `(0, 1]`.

    Returns:
        A rank from 1 to `full_rank`.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> rank_for_fraction(100, fraction=0.125)
        12
    """
    check_fraction(fraction, name="fraction")
    if full_rank < 1:
        raise ValueError(
            f"A full rank is at least 1. Received: full_rank={full_rank!r}."
        )
    return max(1, round(fraction * full_rank))


def break_even_rank(rows: int, columns: int) -> int:
    """The largest rank at which two factors hold fewer numbers than the matrix.

    Args:
        rows: Of the matrix, at least 1.
        columns: Of the matrix, at least 1.

    Returns:
        The largest `r` with `r * (rows + columns) < rows * columns`; 0 if there is none,
        so that factoring can only enlarge the matrix.

    Raises:
        ValueError: If a number is below 1.

    Example:
        >>> break_even_rank(800, 500)
        307
    """
    if min(rows, columns) < 1:
        raise ValueError(
            f"A matrix has at least one row and column. Received: {rows} x {columns}."
        )
    return (rows * columns - 1) // (rows + columns)


def check_energy(energy: float) -> None:
    """Raise a ValueError unless `energy` is a fraction above 0."""
    if not 0 < energy <= 1:
        raise ValueError(
            "`energy` is the fraction of the squared singular values to keep and must "
            f"be in (0, 1]. Received: energy={energy!r}."
        )


def check_error(error: float) -> None:
    """Raise a ValueError unless `error` is a relative error below 1."""
    if not 0 <= error < 1:
        raise ValueError(
            "`error` is relative to the matrix and must be in [0, 1). Received: "
            f"error={error!r}."
        )


def check_fraction(fraction: float, *, name: str) -> None:
    """Raise a ValueError unless `fraction`, the setting `name`, is in (0, 1]."""
    if not 0 < fraction <= 1:
        raise ValueError(
            f"`{name}` is a fraction and must be in (0, 1]. Received: "
            f"{name}={fraction!r}."
        )
