"""Which rank to take: for one matrix, or for many that share a budget. NumPy only.

A spectrum is seen through its energies: which fraction of the squares each rank keeps, as
`energy_by_rank` returns them. The functions here do not care what was factored, so they
serve every decomposition whose ranks have energies and costs.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, eq=False)
class Options:
    """What can become of one layer: each option keeps some energy at some cost.

    The options are usually the ranks of a factorization, in ascending order, and in the
    end the layer as it is. They may be any others: pairs of ranks, formats, widths.

    Args:
        kept: What each option keeps, shape `(options,)`; 1 is everything.
        costs: What each option costs, shape `(options,)`, in the unit of the budget.

    Raises:
        ValueError: If the two are not vectors of one length, or hold no option.
    """

    kept: npt.NDArray[Any]
    costs: npt.NDArray[Any]

    def __post_init__(self) -> None:
        if self.kept.ndim != 1 or self.kept.shape != self.costs.shape or not len(self):
            raise ValueError(
                "`kept` and `costs` have one number for each option. Received: shapes "
                f"{self.kept.shape} and {self.costs.shape}."
            )

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def cheapest(self) -> int:
        """The option of lowest cost; of equally cheap ones the one that keeps most."""
        return int(np.lexsort((-self.kept, self.costs))[0])

    def step(self, chosen: int, *, spare: float) -> tuple[float, int] | None:
        """The step to a dearer option that keeps most for its cost.

        Args:
            chosen: The option to start from.
            spare: What the step may cost.

        Returns:
            What it gains for a unit of cost, and the option; None if no step gains.
        """
        gain = self.kept - self.kept[chosen]
        cost = (self.costs - self.costs[chosen]).astype(np.float64)
        usable = (gain > 0) & (cost <= spare)
        if not usable.any():
            return None
        rates = np.where(usable, gain / np.where(cost > 0, cost, 1e-300), -1.0)
        best = int(np.argmax(rates))
        return float(rates[best]), best


def choose_under_budget(layers: Sequence[Options], *, budget: float) -> list[int]:
    """Choose one option for each layer so that together they keep most energy.

    Every layer starts at its cheapest option. Then the step that keeps most for its
    cost is taken, again and again, as long as one fits into the budget. The result is
    optimal if every layer gains less for its cost with each step, as energies by rank do,
    and if the steps use up the budget; else it misses the optimum by less than what the
    first step that did not fit would have gained.

    Args:
        layers: The options of each layer.
        budget: What all the choices may cost together.

    Returns:
        The index of the chosen option, for each layer.

    Raises:
        ValueError: If even the cheapest options cost more than the budget.

    Example:
        >>> steep = Options(np.array([0.9, 1.0]), np.array([10, 20]))
        >>> even = Options(np.array([0.5, 1.0]), np.array([10, 20]))
        >>> choose_under_budget([steep, even], budget=30)
        [0, 1]

    References:
        Dantzig, "Discrete-Variable Extremum Problems", Operations Research 1957, for one
        choice; Sinha, Zoltners, "The Multiple-Choice Knapsack Problem", Operations
        Research 1979, for one of several in each layer.
        https://doi.org/10.1287/opre.27.3.503
    """
    chosen = [layer.cheapest for layer in layers]
    least = float(sum(o.costs[c] for o, c in zip(layers, chosen, strict=True)))
    spare = budget - least
    if spare < 0:
        raise ValueError(
            f"The budget is below what the cheapest choices cost together, {least:g}. "
            f"Received: budget={budget:g}."
        )
    steps: list[tuple[float, int, int]] = []

    def look(index: int) -> None:
        if step := layers[index].step(chosen[index], spare=spare):
            rate, option = step
            heapq.heappush(steps, (-rate, index, option))

    for index in range(len(layers)):
        look(index)
    while steps:
        _, index, option = heapq.heappop(steps)
        costs = layers[index].costs
        # Steps were found with more to spare: one that still fits is still the best.
        if (cost := float(costs[option] - costs[chosen[index]])) <= spare:
            spare -= cost
            chosen[index] = option
        look(index)
    return chosen


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
