"""Choices under a budget against brute force, and against HiGHS's `milp`."""

import itertools

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from nncompress_lab.planning.arrays.allocation import (
    Options,
    choose_under_budget,
    front_of_choices,
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


def measured_layers(seed, *, layers, options):
    """Options such as a scan finds: bytes of all sizes, losses that fall with them."""
    generator = np.random.default_rng(seed)
    found = []
    for size in np.exp(generator.uniform(6, 12, layers)):
        bits = generator.uniform(0.5, 8, options)
        loss = np.exp(generator.normal(0, 1.2)) * 4.0**-bits
        loss *= np.exp(generator.normal(0, 0.2, options))
        found.append(Options(np.append(-loss, 0.0), size * np.append(bits / 8, 4.0)))
    return found


def kept_by_milp(layers, budget):
    kept = np.concatenate([one.kept for one in layers])
    costs = np.concatenate([one.costs for one in layers])
    owner = np.repeat(np.arange(len(layers)), [len(one) for one in layers])
    one_each = LinearConstraint(np.arange(len(layers))[:, None] == owner, 1, 1)
    found = milp(
        -kept,
        constraints=[one_each, LinearConstraint(costs[None], -np.inf, budget)],
        integrality=np.ones(kept.size),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-6},
    )
    return -found.fun


@pytest.mark.parametrize("seed", range(10))
def test_a_front_of_choices_keeps_the_most_for_every_budget(seed):
    generator = np.random.default_rng(seed)
    layers = [
        Options(generator.integers(0, 9, n), generator.integers(-5, 9, n))
        for n in generator.integers(1, 5, 4)
    ]

    front = front_of_choices(layers)

    for budget in range(int(front.costs[0]), 40):
        kept, cost = total(layers, front.within(budget))
        assert cost <= budget
        assert kept == best_kept(layers, budget)
        capped = front_of_choices(layers, budget=budget)
        assert total(layers, capped.choice(-1))[0] == kept


@pytest.mark.parametrize(("layers", "options"), [(5, 30), (22, 7), (40, 4)])
@pytest.mark.parametrize("part", [0.03, 0.1])
def test_a_front_of_measured_options_keeps_as_much_as_milp(layers, options, part):
    measured = measured_layers(layers, layers=layers, options=options)
    least, most = (
        sum(float(pick(one.costs)) for one in measured) for pick in (np.min, np.max)
    )
    budget = least + part * (most - least)

    kept, cost = total(measured, front_of_choices(measured, budget=budget).choice(-1))

    assert cost <= budget * (1 + 1e-9)
    assert kept >= 1.005 * kept_by_milp(measured, budget)  # losses, below zero


def test_fewer_states_lose_no_more_than_their_part_of_the_budget():
    layers = measured_layers(0, layers=12, options=6)
    exact = front_of_choices(layers)
    thin = front_of_choices(layers, states=200)
    lost = 12 / 200 * (thin.costs[-1] - thin.costs[0])

    assert len(thin) <= 201
    for budget in np.linspace(thin.costs[0] + lost, thin.costs[-1], 20):
        kept, _ = total(layers, thin.within(budget))
        assert kept >= total(layers, exact.within(budget - lost))[0] - 1e-12


def test_a_front_below_the_cheapest_is_refused_with_that_number():
    layer = Options(np.array([0.5, 1.0]), np.array([12, 24]))

    with pytest.raises(ValueError, match=r"together, 12\. Received: budget=11"):
        front_of_choices([layer], budget=11)
    with pytest.raises(ValueError, match=r"together, 12\. Received: budget=11"):
        front_of_choices([layer]).within(11)


def test_the_front_of_no_layers_is_one_empty_choice():
    assert front_of_choices([], budget=0).choice(-1) == []
