"""Lesson 12: a choice whose file fits, though nobody foretold its size."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require
from nncompress_lab.course.exercises.lesson_12_knapsack import (
    ROUNDING,
    Floats,
    between,
    choose_options,
    draw_table,
    require_choice,
    total_bytes,
)

MOST_PACKED: Final = 12  # files: each takes a second with a real model
ENOUGH: Final = 0.85  # of the budget: a file that fits need not be smaller than that


def _total(table: Floats, chosen: list[int]) -> float:
    return float(total_bytes.reference(table, chosen))


def _best(losses: Floats, costs: Floats, budget: float) -> list[int]:
    return list(choose_options.reference(losses, costs, budget))


def _choose_for_file(
    losses: Floats, costs: Floats, budget: float, packed: Callable[[list[int]], float]
) -> list[int]:
    cheapest = [int(np.argmin(row)) for row in costs]
    found = _best(losses, costs, budget)
    for _ in range(MOST_PACKED):
        over = packed(found) - budget
        if over <= 0 or found == cheapest:
            break
        allowed = _total(costs, found) - over
        found = _best(losses, costs, allowed)
    return found


choose_for_file = Exercise(
    "choose_for_file",
    title="★ Make the file fit",
    points=3,
    hints=(
        "How many bytes is the file over? By so much the sum of the next choice is to be "
        "below the sum of this one.",
        "Is one repair enough? The next choice has an error of its own.",
    ),
    reference=_choose_for_file,
)


class _File:
    """Packs: the sum, and what each option needs beside it, which nobody foretold."""

    def __init__(self, costs: Floats, more: Floats) -> None:
        self.costs, self.more, self.calls = costs, more, 0

    def __repr__(self) -> str:
        return "packed"

    def __call__(self, chosen: Any) -> float:
        self.calls += 1
        return _total(self.costs + self.more, require_choice(chosen, self.costs))


def _fitted(
    answer: Any, losses: Floats, file: _File, budget: float
) -> tuple[list[int], float]:
    found = require_choice(call(answer, losses, file.costs, budget, file), file.costs)
    require(
        file.calls > 0,
        "Nobody but `packed` knows how large the file is, and your function did not ask.",
    )
    require(
        file.calls <= MOST_PACKED,
        f"To pack takes a second with a real model: {MOST_PACKED} times must do. You did "
        f"it {file.calls} times.",
    )
    return found, _total(file.costs + file.more, found)


@choose_for_file.check
def keeps_a_choice_that_fits(answer):
    losses, costs = draw_table(41, 4, 5)
    # The second file is smaller than its sum, and what is to spare tempts.
    tempting = np.array([[10.0, 50.0], [10.0, 25.0]])
    cases = (
        (losses, costs, 0 * costs, between(costs, 0.5)),
        (
            np.array([[0.9, 0.1], [0.5, 0.3]]),
            tempting,
            np.array([[0.0, -20.0], [0.0, 30.0]]),
            60.0,
        ),
        # A large loss is not yet a large gain.
        (
            np.array([[5.0, 4.9], [1.0, 0.0]]),
            np.array([[10.0, 20.0], [10.0, 20.0]]),
            np.zeros((2, 2)),
            30.0,
        ),
    )
    for lost, cost, more, budget in cases:
        found, _ = _fitted(answer, lost, _File(cost, more), budget)
        best = _best(lost, cost, budget)
        require(
            _total(lost, found) <= _total(lost, best) + ROUNDING,
            f"The file of the choice {best} fits, and nothing needs a repair; yours, "
            f"{found}, loses more.",
        )


@choose_for_file.check
def makes_the_file_fit(answer):
    for stream, layers, options, part in ((42, 5, 6, 0.4), (43, 4, 8, 0.7)):
        losses, costs = draw_table(stream, layers, options)
        more = costs * generator(stream + 10).uniform(0.01, 0.04, costs.shape)
        budget = between(costs, part)
        found, size = _fitted(answer, losses, _File(costs, more), budget)
        require(
            size <= budget + ROUNDING,
            f"The file may have {budget:.1f} bytes. That of your choice has {size:.1f}, "
            f"and the sum of its bytes is {_total(costs, found):.1f}. What it is over has "
            "to be taken from this sum, which may be far below what was allowed.",
        )


@choose_for_file.check
def repairs_more_than_once(answer):
    # The second option of each layer packs far worse than foretold.
    costs = np.array([[10.0, 70.0, 80.0], [10.0, 72.0, 80.0], [10.0, 74.0, 80.0]])
    losses = np.array([[0.9, 0.2, 0.1], [0.9, 0.21, 0.1], [0.9, 0.22, 0.1]])
    more = np.array([[0.0, 12.0, 1.0]] * len(costs))
    _, size = _fitted(answer, losses, _File(costs, more), 242)
    require(
        size <= 242,
        "After the first repair the file may still be too large, because the new choice "
        f"has errors of its own. Of 242 bytes yours has {size:g}.",
    )


@choose_for_file.check
def gives_away_no_more_than_it_must(answer):
    cases = [
        (
            np.array([[5.0, 4.9], [1.0, 0.0], [2.0, 1.2]]),
            np.array([[10.0, 20.0]] * 3),
            np.array([[0.0, 1.0]] * 3),
            60.0,
        )
    ]
    for stream, layers, options, part in ((44, 9, 8, 0.5), (45, 8, 9, 0.4)):
        losses, costs = draw_table(stream, layers, options, decades=0.3)
        more = costs * generator(stream + 10).uniform(0.0, 0.03, costs.shape)
        cases.append((losses, costs, more, between(costs, part)))
    for losses, costs, more, budget in cases:
        found, _ = _fitted(answer, losses, _File(costs, more), budget)
        spare = _best(losses, costs, max(ENOUGH * budget, between(costs, 0)))
        lost, enough = _total(losses, found), _total(losses, spare)
        require(
            lost <= enough + ROUNDING,
            f"The file was a few per cent over. Your choice {found} loses {lost:.4g}, more "
            f"than one for {100 * ENOUGH:.0f} % of the budget would: {enough:.4g}.",
        )
