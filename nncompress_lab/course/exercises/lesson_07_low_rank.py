"""Lesson 07, second part: how far a rank may go."""

from typing import Any

import numpy as np

from nncompress_lab.course.chosen import chosen, compressed, require_goal
from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
    require_number,
)
from nncompress_lab.course.exercises.lesson_07_factors import (
    break_even,
    two_factors,
)
from nncompress_lab.course.exercises.lesson_07_layers import split_dense
from nncompress_lab.course.exercises.lesson_07_outputs import output_factors
from nncompress_lab.course.wording import because
from nncompress_lab.lowrank.arrays.rank import rank_for_energy as library_rank
from nncompress_lab.lowrank.low_rank import LowRank
from nncompress_lab.models.selection import Selection
from nncompress_lab.pipelines import pipeline
from nncompress_lab.trials.goal import Goal

GOAL = Goal(macs=1_500_000, parameters=100_000, accuracy_drop=0.025)


def _rank_for_energy(values: Any, energy: float) -> int:
    squares = np.cumsum(values.astype(np.float64) ** 2)
    return library_rank(squares / squares[-1], energy=energy)


rank_for_energy = Exercise(
    "rank_for_energy",
    title="The smallest rank that keeps enough energy",
    points=2,
    hints=(
        "The energy of rank r is the sum of the first r squares over the sum of all.",
        "`np.cumsum(values**2)` has the sums of the first 1, 2, 3, ... squares.",
        "kept = np.cumsum(values**2) / np.sum(values**2); the first place where `kept >= "
        "energy`, plus 1, because places begin at 0: int(np.argmax(kept >= energy)) + 1",
    ),
    reference=_rank_for_energy,
)


def _energy_rank(answer: Any, values: Any, energy: float) -> float:
    rank = require_number(call(answer, values, energy), what="The rank")
    require(
        rank >= 1 and float(rank).is_integer(),
        f"A rank is a whole number from 1. Received: {rank:g}. (Places begin at 0, ranks "
        "at 1.)",
    )
    return rank


@rank_for_energy.check
def counts_squares(answer):
    values = np.array([5.0, 3.0, 3.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    rank = _energy_rank(answer, values, 0.7)
    reason = because(
        rank,
        {
            5: "That is the rank for 70 % of the sum; energy is the sum of the squares.",
            2: "Places begin at 0 and ranks at 1: is a 1 missing? (A root that is taken "
            "of the energy leads to 2 as well.)",
            7: "That is 70 % of how many there are, and not of their squares.",
        },
    )
    require(
        rank == 3,
        "The squares of 5, 3, 3, 2, 2 and five times 1 are 25, 9, 9, 4, 4 and 1 each, "
        "together 56. Two of them are 61 %, three 77 %: rank 3 keeps 70 %. Received: "
        f"{rank:g}.{reason}",
    )


@rank_for_energy.check
def at_least_is_enough(answer):
    values = np.array([2.0, 1.0, 1.0, 1.0, 1.0])
    rank = _energy_rank(answer, values, 0.75)
    require(
        rank == 3,
        "Of 2, 1, 1, 1, 1 rank 3 keeps 6 of 8, which is 0.75, and that is enough for 0.75. "
        f"Received: {rank:g}.",
    )
    rank = _energy_rank(answer, values, 0.5)
    require(
        rank == 1,
        f"Rank 1 keeps 4 of 8, and that is enough for 0.5. Received: {rank:g}.",
    )


@rank_for_energy.check
def one_value_may_be_enough(answer):
    rank = _energy_rank(answer, np.array([10.0, 1.0, 1.0]), 0.1)
    require(
        rank == 1,
        f"The first value alone keeps 98 %; there is no rank below 1. Received: {rank:g}.",
    )


@rank_for_energy.check
def is_right_for_any_spectrum(answer):
    for size, seed in ((7, 20), (40, 21), (150, 22)):
        values = np.sort(generator(seed).exponential(size=size))[::-1].copy()
        for energy in (0.15, 0.5, 0.83, 0.97):
            rank, expected = (
                _energy_rank(answer, values, energy),
                _rank_for_energy(values, energy),
            )
            require(
                rank == expected,
                f"Of {size} singular values, {expected} keep {energy:.0%} of the energy. "
                f"Received: {rank:g}.",
            )


why_outputs = choice(
    "why_outputs",
    title="Why do the outputs of dense1 change so little?",
    hints=(
        "In both layers what is dropped has three fifths of the length of the kernel. Only "
        "the inputs differ.",
        "The cell above multiplied what was dropped with random numbers, too. What came "
        "out then?",
    ),
    options={
        "a": Option(
            "dense1 has more weights, so more of them can go.",
            "The same part of the energy was dropped from both, and a random input is "
            "changed as much by either. The size of a kernel alone protects nothing.",
        ),
        "b": Option(
            "The inputs of dense1 lie mostly in directions that were kept.",
            "Yes. What was dropped is as long as ever, but images hardly point there: the "
            "inputs of a layer are no random numbers. A gradient is made of inputs, so "
            "training changes a kernel mostly in their directions. In conv2 real inputs "
            "meet what was dropped nearly as much as random ones do: only measuring "
            "tells.",
            right=True,
        ),
        "c": Option(
            "The ReLU behind dense1 repairs the error.",
            "The errors above were measured before the ReLU, on the bare product of inputs "
            "and kernel.",
        ),
        "d": Option(
            "The bias, which was not touched, makes up for it.",
            "A bias adds one number for all images. The errors above are those of the "
            "product alone, in which no bias is.",
        ),
    },
)


def _of(name: str, rank: int) -> LowRank:
    return LowRank(rank=rank, select=Selection(names=(name,)))


chosen_ranks = chosen(
    "chosen_ranks",
    example='ncl.LowRank(rank=48, select=ncl.Selection(names=("dense1",)))',
    hints=(
        "Most parameters are in `dense1`, most MACs in `conv2`. One layer alone cannot "
        "meet both bounds.",
        "`dense1` bears a tenth of its rank. Set that first, then cut `conv2` as little as "
        "the MACs allow.",
        'ncl.pipeline(ncl.LowRank(rank=48, select=ncl.Selection(names=("dense1",))), '
        'ncl.LowRank(rank=30, select=ncl.Selection(names=("conv2",))))',
    ),
    reference=pipeline(_of("dense1", 48), _of("conv2", 30)),
)


@chosen_ranks.check
def splits_layers(answer):
    names = [layer.name for layer in compressed(answer).layers]
    require(
        any(name.endswith("_left") for name in names),
        "No layer became two thin ones. That is what ncl.LowRank does, at a rank that "
        "makes the layer smaller, and without `same_shape`. Layers: "
        f"{', '.join(names)}.",
    )


require_goal(
    chosen_ranks,
    GOAL,
    remarks={
        "macs": "Which layer multiplies most? Its kernel is used at 64 places.",
        "parameters": "Which layer has most of the weights?",
        "accuracy_drop": "Which of the two layers bears less?",
    },
)


EXERCISES = (
    break_even,
    two_factors,
    split_dense,
    rank_for_energy,
    why_outputs,
    chosen_ranks,
    output_factors,
)
