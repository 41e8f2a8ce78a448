"""The choice of ranks against the definition, and under a budget against brute force."""

import itertools

import numpy as np
import pytest

from nncompress_lab.lowrank.arrays.rank import (
    Options,
    break_even_rank,
    choose_under_budget,
    rank_for_energy,
    rank_for_error,
    rank_for_fraction,
)


def energies_of(count, seed=0):
    squares = np.sort(np.random.default_rng(seed).random(count) ** 2)[::-1]
    kept = np.cumsum(squares) / squares.sum()
    kept[-1] = 1.0
    return kept


def random_layers(seed, *, same_costs):
    """A few layers with concave energies, each with leaving it as it is at the end."""
    generator = np.random.default_rng(seed)
    layers = []
    for index in range(3):
        ranks = int(generator.integers(2, 6))
        cost = 3 if same_costs else int(generator.integers(1, 9))
        kept = energies_of(ranks, seed=seed * 10 + index)
        layers.append(Options(kept, cost * np.arange(1, ranks + 1)))
    return layers


def total(layers, choice):
    kept = sum(one.kept[c] for one, c in zip(layers, choice, strict=True))
    costs = sum(one.costs[c] for one, c in zip(layers, choice, strict=True))
    return kept, costs


def best_kept(layers, budget):
    choices = itertools.product(*(range(len(one)) for one in layers))
    return max(
        kept for c in choices for kept, cost in [total(layers, c)] if cost <= budget
    )


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


@pytest.mark.parametrize("seed", range(20))
def test_under_a_budget_equal_costs_and_falling_gains_give_the_optimum(seed):
    layers = random_layers(seed, same_costs=True)
    least, most = 3 * len(layers), sum(int(one.costs[-1]) for one in layers)

    for budget in range(least, most + 2):
        kept, cost = total(layers, choose_under_budget(layers, budget=budget))

        assert cost <= budget
        assert kept == pytest.approx(best_kept(layers, budget), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_under_a_budget_different_costs_miss_the_optimum_by_less_than_a_step(seed):
    layers = random_layers(seed, same_costs=False)
    least = sum(int(one.costs[0]) for one in layers)
    largest = max(float(np.diff(one.kept).max()) for one in layers)

    for budget in range(least, least + 60):
        kept, cost = total(layers, choose_under_budget(layers, budget=budget))

        assert cost <= budget
        assert best_kept(layers, budget) - largest < kept <= best_kept(layers, budget)


def test_leaving_a_layer_as_it_is_is_one_of_its_options():
    # Three ranks and the layer itself, which costs less than its last rank.
    layer = Options(np.array([0.5, 0.6, 0.65, 1.0]), np.array([4, 8, 12, 10]))

    chosen = [choose_under_budget([layer], budget=b)[0] for b in (4, 7, 8, 9, 10, 20)]

    assert chosen == [0, 0, 1, 1, 3, 3]


def test_a_layer_that_no_rank_makes_smaller_stays_as_it_is():
    layer = Options(np.array([0.5, 1.0, 1.0]), np.array([12, 24, 10]))

    assert choose_under_budget([layer], budget=100) == [2]


def test_a_cost_of_zero_is_taken_at_once():
    layer = Options(np.array([0.5, 1.0]), np.array([0, 0]))

    assert choose_under_budget([layer], budget=0) == [1]


def test_no_layers_have_no_choices():
    assert choose_under_budget([], budget=0) == []


def test_a_budget_below_the_cheapest_is_refused_with_that_number():
    layer = Options(np.array([0.5, 1.0]), np.array([12, 24]))

    with pytest.raises(ValueError, match=r"together, 12\. Received: budget=11"):
        choose_under_budget([layer], budget=11)


@pytest.mark.parametrize("kept", [np.ones(3), np.ones((2, 1)), np.ones(0)])
def test_options_without_a_cost_each_are_refused(kept):
    with pytest.raises(ValueError, match="one number for each option"):
        Options(kept, np.ones(0 if kept.size == 0 else 2))


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
