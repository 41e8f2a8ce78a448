"""One option for each of many layers, within a budget that they share. NumPy only."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
STATES = 4000  # that are followed at a time: more cost time, fewer cost exactness


@dataclass(frozen=True, eq=False)
class Options:
    """What can become of one layer: each option keeps something at some cost.

    They may be ranks, in ascending order, and in the end the layer as it is; or any
    others: pairs of ranks, formats, widths, measured ones.

    Args:
        kept: What each option keeps, shape `(options,)`, the more the better: energy, or
            what the outputs change by, below zero.
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
    """Choose one option for each layer so that together they keep most.

    Every layer starts at its cheapest option. Then the step that keeps most for its
    cost is taken, again and again, as long as one fits into the budget. The result is
    optimal if every layer gains less for its cost with each step, as energies by rank do,
    and if the steps use up the budget; else it misses the optimum by less than what the
    first step that did not fit would have gained. Of few layers with few options, that may
    be most of it: take `front_of_choices` for those.

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
        raise ValueError(_too_little(budget, least))
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


@dataclass(frozen=True, eq=False)
class Front:
    """The choices of which no other keep as much at no higher cost.

    Args:
        costs: Of each of them, ascending.
        kept: What each of them keeps, ascending.
        steps: For each layer, for each choice of the layers up to it: the choice of the
            layers before that it goes on from, and the option that it adds.
    """

    costs: Floats
    kept: Floats
    steps: tuple[tuple[Places, Places], ...]

    def __len__(self) -> int:
        return len(self.costs)

    def choice(self, place: int) -> list[int]:
        """The index of the chosen option, for each layer.

        Args:
            place: Which of the choices; negative ones count from the dearest.
        """
        options = []
        for before, option in reversed(self.steps):
            options.append(int(option[place]))
            place = int(before[place])
        return options[::-1]

    def within(self, budget: float) -> list[int]:
        """The choice that keeps most of those that cost at most the budget.

        Raises:
            ValueError: If even the cheapest costs more.
        """
        place = int(np.searchsorted(self.costs, budget, side="right")) - 1
        if place < 0:
            raise ValueError(_too_little(budget, float(self.costs[0])))
        return self.choice(place)


def front_of_choices(
    layers: Sequence[Options], *, budget: float = np.inf, states: int = STATES
) -> Front:
    """The best choices for all budgets up to one.

    Layer by layer, every choice so far is continued by every option, and those stay of
    which no other keeps as much at no higher cost. That is exact as long as no more than
    `states` stay. Of more, the best in each of as many steps of cost stays: what is kept
    is then at least what is best for a budget that is lower by a part of
    `len(layers) / states` of the range of costs.

    Args:
        layers: The options of each layer.
        budget: What all the choices may cost together.
        states: Choices that are followed at a time.

    Returns:
        The choices, from the cheapest on.

    Raises:
        ValueError: If even the cheapest options cost more than the budget.

    Example:
        >>> one = Options(np.array([0.0, 5.0, 6.0]), np.array([0, 10, 11]))
        >>> two = Options(np.array([0.0, 4.0]), np.array([0, 6]))
        >>> front = front_of_choices([one, two])
        >>> front.costs.tolist(), front.within(16)
        ([0.0, 6.0, 10.0, 11.0, 16.0, 17.0], [1, 1])

    References:
        Kellerer, Pferschy, Pisinger, "Knapsack Problems", Springer 2004, section 11.5
        (dynamic programming with lists).
    """
    least = [float(one.costs[one.cheapest]) for one in layers]
    if sum(least) > budget:
        raise ValueError(_too_little(budget, sum(least)))
    costs, kept = np.zeros(1), np.zeros(1)
    steps: list[tuple[Places, Places]] = []
    for number, layer in enumerate(layers, start=1):
        sums = (costs[:, None] + layer.costs).ravel()
        keeps = (kept[:, None] + layer.kept).ravel()
        places = _best(sums, keeps, most=budget - sum(least[number:]), states=states)
        costs, kept = sums[places], keeps[places]
        steps.append(np.divmod(places, len(layer)))
    return Front(costs, kept, tuple(steps))


def _best(sums: Floats, keeps: Floats, *, most: float, states: int) -> Places:
    """Places of which no other keeps as much at no higher cost, by ascending cost."""
    # What is added in another order may differ in the last bits.
    places: Places = np.flatnonzero(sums <= most + 1e-12 * abs(most))
    places = places[np.lexsort((-keeps[places], sums[places]))]
    highest = np.maximum.accumulate(keeps[places])
    places = places[np.append(True, keeps[places][1:] > highest[:-1])]
    if len(places) <= states:
        return places
    first, last = sums[places[[0, -1]]]
    step = np.floor((sums[places] - first) * (states / (last - first)))
    dearest = np.append(step[1:] != step[:-1], True)  # which keeps most in its step
    dearest[0] = True
    best: Places = places[dearest]
    return best


def _too_little(budget: float, least: float) -> str:
    return (
        f"The budget is below what the cheapest choices cost together, {least:g}. "
        f"Received: budget={budget:g}."
    )
