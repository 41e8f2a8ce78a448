"""The choice of ranks against the definition."""

import numpy as np
import pytest

from nncompress_lab.lowrank.arrays.rank import (
    break_even_rank,
    rank_for_energy,
    rank_for_error,
    rank_for_fraction,
)


def energies_of(count, seed=0):
    squares = np.sort(np.random.default_rng(seed).random(count) ** 2)[::-1]
    kept = np.cumsum(squares) / squares.sum()
    kept[-1] = 1.0
    return kept


@pytest.mark.parametrize("energy", [1e-6, 0.3, 0.9, 0.999, 1.0])
def test_the_rank_for_an_energy_is_enough_and_one_less_is_not(energy):
    kept = energies_of(20)

    rank = rank_for_energy(kept, energy=energy)

    assert kept[rank - 1] >= energy - 1e-9
    assert rank == 1 or kept[rank - 2] < energy


@pytest.mark.parametrize("error", [0.9, 0.5, 0.1, 0.0])
def test_the_rank_for_an_error_is_enough_and_one_less_is_not(error):
    kept = energies_of(20)

    rank = rank_for_error(kept, error=error)

    assert np.sqrt(1 - kept[rank - 1]) <= error + 1e-9
    assert rank == 1 or np.sqrt(1 - kept[rank - 2]) > error


def test_a_fraction_of_the_full_rank_is_at_least_one():
    assert [rank_for_fraction(10, fraction=f) for f in (0.01, 0.25, 0.9, 1)] == [
        1,
        2,
        9,
        10,
    ]


@pytest.mark.parametrize(
    ("rows", "columns", "rank"),
    [(800, 500, 307), (2, 2, 0), (4, 4, 1), (6, 3, 1), (1, 100, 0), (100, 100, 49)],
)
def test_below_break_even_the_factors_are_smaller(rows, columns, rank):
    assert break_even_rank(rows, columns) == rank
    assert rank * (rows + columns) < rows * columns
    assert (rank + 1) * (rows + columns) >= rows * columns


@pytest.mark.parametrize(
    ("function", "option"),
    [
        (rank_for_energy, {"energy": 0.0}),
        (rank_for_energy, {"energy": 1.1}),
        (rank_for_error, {"error": 1.0}),
        (rank_for_error, {"error": -0.1}),
    ],
)
def test_a_goal_out_of_range_is_refused(function, option):
    with pytest.raises(ValueError, match=f"`{next(iter(option))}`"):
        function(np.ones(2), **option)


def test_a_fraction_or_full_rank_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`fraction`"):
        rank_for_fraction(3, fraction=0)
    with pytest.raises(ValueError, match="full rank"):
        rank_for_fraction(0, fraction=0.5)


def test_no_row_and_no_column_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        break_even_rank(0, 3)
