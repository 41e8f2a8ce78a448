"""Lesson 12: what a choice costs, and which to take under a budget."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.course.wording import because, in_words

Floats = npt.NDArray[np.float64]
ROUNDING: Final = 1e-9


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


def _chosen(answer: Any, losses: Floats, costs: Floats, budget: float) -> list[int]:
    return require_choice(call(answer, losses, costs, budget), costs)


def require_choice(found: Any, costs: Floats) -> list[int]:
    """The answer as a list, if it has one option for each layer."""
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
        losses, costs = draw_table(seed, layers, options)
        for part in (0.2, 0.6):
            budget = between(costs, part)
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
        "gains for each byte.",
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
        losses, costs = draw_table(seed, layers, options)
        for part in (0.05, 0.3, 0.5, 0.8):
            _require_as_good(answer, losses, costs, between(costs, part))


def draw_table(
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


def between(costs: Floats, part: float) -> float:
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
    mine, ours = _total_bytes(losses, found), _total_bytes(losses, rule)
    require(
        mine <= ours + ROUNDING,
        f"With {costs.shape[0]} layers of {costs.shape[1]} options and a budget of "
        f"{budget:.1f} bytes your choice {found} loses {mine:.4g}; by gain for each byte, "
        f"{rule}, it would be {ours:.4g}.",
    )
