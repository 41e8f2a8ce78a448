"""Lesson 12: what a choice costs, which to take under a budget, and the real file."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.course.wording import because, in_words

Floats = npt.NDArray[np.float64]
ROUNDING: Final = 1e-9
MOST_PACKED: Final = 12  # files: each takes a second with a real model
ENOUGH: Final = 0.85  # of the budget: a file that fits need not be smaller than that


def _total_bytes(costs: Floats, chosen: Sequence[int]) -> float:
    return float(sum(row[option] for row, option in zip(costs, chosen, strict=True)))


total_bytes = Exercise(
    "total_bytes",
    title="What a choice costs",
    points=1,
    hints=(
        "One number of each row: which of them does `chosen` name?",
        "Walk through rows and choices together: `zip(costs, chosen)`.",
        "sum(row[option] for row, option in zip(costs, chosen))",
    ),
    reference=_total_bytes,
)


def _total(answer: Any, costs: Floats, chosen: list[int]) -> float:
    return require_number(call(answer, costs, chosen), what="The bytes")


@total_bytes.check
def takes_one_number_of_each_layer(answer):
    costs = np.array([[1.0, 20.0, 300.0], [4.0, 50.0, 600.0]])
    found = _total(answer, costs, [2, 0])
    require(
        np.isclose(found, 304),
        "Of the first layer the third option, 300 bytes, of the second the first, 4: that "
        f"is 304. Received: {found:g}."
        + because(
            found,
            {
                955: "Those are the columns 2 and 0, of all layers.",
                975: "That is the cost of all options.",
                152: "That is the mean.",
                24: "That reads the two the other way round.",
            },
        ),
    )


@total_bytes.check
def equals_the_sum(answer):
    for layers, options in ((3, 5), (6, 2), (4, 4)):
        random = generator(10 * layers + options)
        costs = random.integers(1, 10_000, (layers, options)).astype(float)
        chosen = random.integers(0, options, layers).tolist()
        found, expected = _total(answer, costs, chosen), _total_bytes(costs, chosen)
        require(
            np.isclose(found, expected),
            f"For {layers} layers of {options} options and the choice {chosen} it is "
            f"{expected:g}. Received: {found:g}.",
        )


def _choose_options(losses: Floats, costs: Floats, budget: float) -> list[int]:
    chosen = [int(np.argmin(row)) for row in costs]
    for _ in range(costs.size):
        left = budget - _total_bytes(costs, chosen)
        best, step = 0.0, None
        for layer, option in np.ndindex(*costs.shape):
            gain = losses[layer, chosen[layer]] - losses[layer, option]
            price = costs[layer, option] - costs[layer, chosen[layer]]
            if 0 < price <= left and gain / price > best:
                best, step = gain / price, (layer, option)
        if step is None:
            break
        chosen[step[0]] = step[1]
    return chosen


choose_options = Exercise(
    "choose_options",
    title="Choose under a budget",
    points=3,
    hints=(
        "Begin with `np.argmin` of each row of the costs. What is left of the budget?",
        "For each layer and option: `gain` is what the loss falls by, `price` what the "
        "bytes rise by. Which steps are possible, and which has the largest gain / price?",
        "Repeat: keep the best `gain / price` among the steps with `0 < price <= left`, "
        "and take that step; stop when there is none that gains.",
    ),
    reference=_choose_options,
)


def _loss(losses: Floats, chosen: Sequence[int]) -> float:
    return _total_bytes(losses, chosen)


def _chosen(answer: Any, losses: Floats, costs: Floats, budget: float) -> list[int]:
    return _require_choice(call(answer, losses, costs, budget), costs)


def _require_choice(found: Any, costs: Floats) -> list[int]:
    layers, options = costs.shape
    as_array = np.asarray(found) if isinstance(found, list | tuple) else found
    good = (
        isinstance(as_array, np.ndarray)
        and as_array.shape == (layers,)
        and as_array.dtype.kind in "iu"
        and bool(np.all((as_array >= 0) & (as_array < options)))
    )
    require(
        good,
        f"Return a list with one option for each of the {layers} layers, numbers from 0 to "
        f"{options - 1}. Received: {in_words(found)}.",
    )
    chosen: list[int] = as_array.tolist()
    return chosen


@choose_options.check
def begins_with_the_cheapest(answer):
    costs = np.array([[30.0, 10.0, 20.0], [5.0, 6.0, 9.0]])
    losses = np.array([[0.1, 0.9, 0.4], [0.8, 0.3, 0.2]])
    found = _chosen(answer, losses, costs, 15)
    require(
        found == [1, 0],
        "A budget of 15 bytes is what the cheapest options cost, 10 and 5, so nothing else "
        f"fits: [1, 0]. Received: {found}.",
    )


@choose_options.check
def stays_within_the_budget(answer):
    for seed, layers, options in ((31, 4, 3), (32, 3, 6)):
        losses, costs = _draw(seed, layers, options)
        for part in (0.2, 0.6):
            budget = _between(costs, part)
            found = _chosen(answer, losses, costs, budget)
            total = _total_bytes(costs, found)
            require(
                total <= budget + ROUNDING,
                f"The budget is {budget:g} bytes, and your choice {found} costs {total:g}.",
            )


@choose_options.check
def counts_the_gain_for_each_byte(answer):
    # The large layer gains most, and takes all that the three small ones need.
    costs = np.array([[100.0, 1100.0], [10.0, 30.0], [10.0, 25.0], [10.0, 40.0]])
    losses = np.array([[0.9, 0.5], [0.3, 0.0], [0.4, 0.05], [0.35, 0.1]])
    found = _chosen(answer, losses, costs, 1135)
    require(
        found != [1, 0, 0, 0],
        "The step of the largest gain comes first in your choice: 0.4 for 1,000 bytes. "
        "Then nothing is left for three steps that gain 0.9 for 65 bytes. Compare "
        "gains *for each byte*.",
    )
    _require_as_good(answer, losses, costs, 1135)


@choose_options.check
def does_not_take_the_cheapest_step_first(answer):
    costs = np.array([[10.0, 12.0], [10.0, 20.0], [10.0, 13.0]])
    losses = np.array([[0.5, 0.499], [0.9, 0.1], [0.4, 0.399]])
    found = _chosen(answer, losses, costs, 40)
    require(
        found != [1, 0, 1],
        "The cheapest steps come first in your choice: 2 and 3 bytes that gain nearly "
        "nothing. Then 10 bytes that gain 0.8 do not fit any more. Cheap is not yet good.",
    )
    _require_as_good(answer, losses, costs, 40)


@choose_options.check
def goes_on_where_one_step_does_not_fit(answer):
    costs = np.array([[10.0, 500.0], [10.0, 30.0], [10.0, 45.0]])
    losses = np.array([[9.0, 0.0], [0.2, 0.1], [0.3, 0.1]])
    found = _chosen(answer, losses, costs, 90)
    require(
        found != [0, 0, 0],
        "The best step for each byte does not fit into the budget; two others do, and your "
        "choice takes neither.",
    )
    _require_as_good(answer, losses, costs, 90)


@choose_options.check
def skips_options_that_gain_nothing(answer):
    costs = np.array([[10.0, 20.0, 30.0], [10.0, 11.0, 50.0]])
    losses = np.array([[0.8, 0.8, 0.1], [0.5, 0.4, 0.4]])
    found = _chosen(answer, losses, costs, 41)
    require(
        found == [2, 1],
        "From the first option of a layer to its second nothing is gained, to its third "
        "0.7: a step may go to any option, not to the next one only. With 41 bytes both "
        f"layers can gain: [2, 1]. Received: {found}.",
    )
    found = _chosen(answer, losses, costs, 1000)
    require(
        found == [2, 1],
        "With bytes to spare the least loss wins, and of equal losses the cheaper option: "
        f"[2, 1]. Received: {found}.",
    )


@choose_options.check
def loses_no_more_than_the_rule(answer):
    for seed, layers, options in ((33, 4, 4), (34, 5, 3), (35, 3, 7), (36, 6, 5)):
        losses, costs = _draw(seed, layers, options)
        for part in (0.05, 0.3, 0.5, 0.8):
            _require_as_good(answer, losses, costs, _between(costs, part))


def _draw(
    stream: int, layers: int, options: int, *, decades: float = 3
) -> tuple[Floats, Floats]:
    """Losses that fall and costs that rise, of layers whose sizes differ by decades."""
    random = generator(stream)
    sizes = 10 ** random.uniform(1, 1 + decades, (layers, 1))
    costs = np.cumsum(random.uniform(0.5, 2, (layers, options)), axis=1) * sizes
    losses = 10 ** random.uniform(-3, 0, (layers, 1)) * np.cumsum(
        random.uniform(0.05, 1, (layers, options)) ** 2, axis=1
    )
    order = random.permutation(options)  # options come in any order
    return losses[:, ::-1][:, order], costs[:, order]


def _between(costs: Floats, part: float) -> float:
    """A budget between what the cheapest and the dearest options cost together."""
    least, most = float(costs.min(axis=1).sum()), float(costs.max(axis=1).sum())
    return least + part * (most - least)


def _require_as_good(answer: Any, losses: Floats, costs: Floats, budget: float) -> None:
    found = _chosen(answer, losses, costs, budget)
    total, rule = _total_bytes(costs, found), _choose_options(losses, costs, budget)
    require(
        total <= budget + ROUNDING,
        f"The budget is {budget:g} bytes, and your choice {found} costs {total:g}.",
    )
    mine, ours = _loss(losses, found), _loss(losses, rule)
    require(
        mine <= ours + ROUNDING,
        f"With {costs.shape[0]} layers of {costs.shape[1]} options and a budget of "
        f"{budget:.1f} bytes your choice {found} loses {mine:.4g}; by gain for each byte, "
        f"{rule}, it would be {ours:.4g}.",
    )


def _choose_for_file(
    losses: Floats, costs: Floats, budget: float, packed: Callable[[list[int]], float]
) -> list[int]:
    cheapest = [int(np.argmin(row)) for row in costs]
    found = _choose_options(losses, costs, budget)
    for _ in range(MOST_PACKED):
        over = packed(found) - budget
        if over <= 0 or found == cheapest:
            break
        allowed = _total_bytes(costs, found) - over
        found = _choose_options(losses, costs, allowed)
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

    def __call__(self, chosen: Any) -> float:
        self.calls += 1
        return _total_bytes(self.costs + self.more, _require_choice(chosen, self.costs))


def _fitted(
    answer: Any, losses: Floats, file: _File, budget: float
) -> tuple[list[int], float]:
    found = _require_choice(call(answer, losses, file.costs, budget, file), file.costs)
    require(
        file.calls > 0,
        "Nobody but `packed` knows how large the file is, and your function did not ask.",
    )
    require(
        file.calls <= MOST_PACKED,
        f"To pack takes a second with a real model: {MOST_PACKED} times must do. You did "
        f"it {file.calls} times.",
    )
    return found, _total_bytes(file.costs + file.more, found)


@choose_for_file.check
def keeps_a_choice_that_fits(answer):
    losses, costs = _draw(41, 4, 5)
    budget = _between(costs, 0.5)
    found, _ = _fitted(answer, losses, _File(costs, 0 * costs), budget)
    best = _choose_options(losses, costs, budget)
    require(
        _loss(losses, found) <= _loss(losses, best) + ROUNDING,
        f"The file of the choice {best} fits, and nothing needs a repair; yours, {found}, "
        "loses more.",
    )


@choose_for_file.check
def makes_the_file_fit(answer):
    for stream, layers, options, part in ((42, 5, 6, 0.4), (43, 4, 8, 0.7)):
        losses, costs = _draw(stream, layers, options)
        more = costs * generator(stream + 10).uniform(0.01, 0.04, costs.shape)
        budget = _between(costs, part)
        _, size = _fitted(answer, losses, _File(costs, more), budget)
        require(
            size <= budget + ROUNDING,
            f"The file may have {budget:.1f} bytes. That of your choice has {size:.1f}.",
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
    for stream, layers, options, part in ((44, 9, 8, 0.5), (45, 8, 9, 0.4)):
        losses, costs = _draw(stream, layers, options, decades=0.3)
        more = costs * generator(stream + 10).uniform(0.0, 0.03, costs.shape)
        budget = _between(costs, part)
        found, _ = _fitted(answer, losses, _File(costs, more), budget)
        spare = _choose_options(losses, costs, max(ENOUGH * budget, _between(costs, 0)))
        require(
            _loss(losses, found) <= _loss(losses, spare) + ROUNDING,
            f"The file was a few per cent over. Your choice {found} loses "
            f"{_loss(losses, found):.4g}, more than one for {100 * ENOUGH:.0f} % of the "
            f"budget would: {_loss(losses, spare):.4g}.",
        )
