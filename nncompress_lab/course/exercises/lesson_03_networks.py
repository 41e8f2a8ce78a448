"""Lesson 03, second part: what a chain of layers costs, and what additions tie."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.course.wording import because, in_words

Layers = list[tuple[int, int, int, int]]
LENET5: Layers = [
    (24 * 24, 25, 1, 20),
    (8 * 8, 25, 20, 50),
    (1, 4 * 4, 50, 500),
    (1, 1, 500, 10),
]
FRACTIONS = (0.5, 0.3)


def _macs_left(layers: Layers, fraction: float) -> int:
    total, inputs = 0, layers[0][2]
    for place, (positions, window, _, outputs) in enumerate(layers, start=1):
        kept = outputs if place == len(layers) else round(fraction * outputs)
        total += positions * window * inputs * kept
        inputs = kept
    return total


macs_left = Exercise(
    "macs_left",
    title="Count what is left",
    points=2,
    hints=(
        "A layer's MACs are positions x window x inputs x outputs. Which of the four "
        "change for a layer in the middle, which for the first, which for the last?",
        "Walk through the layers and remember how many outputs the one before has kept: "
        "so many inputs does the next one have.",
        "kept = outputs if it is the last layer, else round(fraction * outputs); then "
        "total += positions * window * inputs * kept; inputs = kept",
    ),
    reference=_macs_left,
)


def _left(answer: Any, layers: Layers, fraction: float) -> float:
    return require_number(call(answer, layers, fraction), what="The MACs")


@macs_left.check
def counts_all_layers_as_they_are(answer):
    received, expected = _left(answer, LENET5, 1.0), _macs_left(LENET5, 1.0)
    require(
        received == expected,
        f"With all of its channels LeNet-5 has {expected:,} MACs. Received: "
        f"{received:,.0f}."
        + because(
            received,
            {
                2 * expected: "A multiplication and its addition are one MAC.",
                0: "`fraction` is the part of the channels that stays, here all of them.",
                sum(p * i * o for p, _, i, o in LENET5): "The window is missing: each "
                "output looks at that many places of each input.",
            },
        ),
    )


@macs_left.check
def shrinks_readers_too(answer):
    layers: Layers = [(9, 4, 3, 10), (5, 2, 10, 20), (1, 7, 20, 6)]
    received = _left(answer, layers, 0.5)
    outputs_only = 9 * 4 * 3 * 5 + 5 * 2 * 10 * 10 + 7 * 20 * 6
    both_ends = 9 * 4 * 2 * 5 + 5 * 2 * 5 * 10 + 7 * 10 * 3
    whole = _macs_left(layers, 1.0)
    require(
        received == _macs_left(layers, 0.5),
        f"A chain of 3 -> 10 -> 20 -> 6 channels becomes 3 -> 5 -> 10 -> 6. Received: "
        f"{received:,.0f} MACs instead of {_macs_left(layers, 0.5):,}."
        + because(
            received,
            {
                outputs_only: "These are those of layers that still read all channels: "
                "a layer gets as many as the one before has kept.",
                whole
                / 4: "That is a quarter of all: in the first and in the last layer "
                "only one side shrinks.",
                whole / 2: "That is half of all: a layer between two others shrinks on "
                "both of its sides.",
                9 * 4 * 3 * 5 + 5 * 2 * 5 * 10 + 7 * 10 * 3: "The outputs of the last "
                "layer are the classes: they stay.",
                both_ends: "The inputs of the first layer and the outputs of the last are "
                "the image and the classes: they stay.",
            },
        ),
    )


@macs_left.check
def keeps_the_ends_of_the_model(answer):
    one: Layers = [(6, 3, 8, 10)]
    require(
        _left(answer, one, 0.5) == 6 * 3 * 8 * 10,
        "A model of a single layer keeps all of its inputs and outputs: the image has its "
        "channels and the classes are as many as before.",
    )


@macs_left.check
def rounds_as_the_text_says(answer):
    rng = generator(51)
    for fraction in FRACTIONS:
        widths = rng.integers(3, 40, size=6).tolist()
        layers = [
            (int(rng.integers(1, 50)), int(rng.integers(1, 26)), before, after)
            for before, after in pairwise(widths)
        ]
        received, expected = (
            _left(answer, layers, fraction),
            _macs_left(layers, fraction),
        )
        require(
            received == expected,
            f"For widths of {', '.join(map(str, widths))} and the fraction {fraction} "
            f"there are {expected:,} MACs. Received: {received:,.0f}. Of 13 channels, "
            f"{fraction} are round({fraction} * 13) = {round(fraction * 13)}: `round` "
            "takes a half to the even number.",
        )


def _tied_layers(adds: Mapping[str, Any]) -> list[set[str]]:
    tied: list[set[str]] = []
    for name, inputs in adds.items():
        group = {name, *inputs}
        touching = [one for one in tied if one & group]
        tied = [one for one in tied if one not in touching]
        tied.append(group.union(*touching))
    return [group - set(adds) for group in tied]


tied_layers = Exercise(
    "tied_layers",
    title="★ What an addition ties together",
    points=3,
    hints=(
        "A sum has the channels of both of its inputs, so it belongs to their group "
        "itself: put its name in at first, and take it out in the end.",
        "Whenever a new group shares a name with groups that you have, all of them become "
        "one.",
    ),
    reference=_tied_layers,
)
ONE = {"sum": ("conv1", "conv2")}
CHAIN = {
    "sum1": ("stem", "conv1"),
    "sum2": ("sum1", "conv2"),
    "sum3": ("sum2", "conv3"),
}
STAGES = {"sum1": ("stem", "conv1"), "sum2": ("shortcut", "conv2")}
LATE = {"sum1": ("a", "b"), "sum2": ("c", "d"), "sum3": ("sum2", "sum1")}
SHARED = {"sum1": ("a", "b"), "sum2": ("c", "a")}


def _groups(answer: Any, adds: dict[str, Any]) -> set[frozenset[str]]:
    result = call(answer, adds)
    inside = result if isinstance(result, list | tuple | set) else []
    good = all(isinstance(one, list | tuple | set | frozenset) for one in inside)
    require(
        inside and good,
        "Return a list with a set of names for each group of tied layers, such as "
        f"[{{'conv1', 'conv2'}}]. Received: {in_words(result)}.",
    )
    groups = {frozenset(one) for one in inside}
    require(
        len(groups) == len(inside),
        f"Name each group once. Received: {len(inside)} groups, of which {len(groups)} "
        "differ.",
    )
    return groups


def _require_groups(answer: Any, adds: dict[str, Any], mistake: str) -> None:
    received = _groups(answer, adds)
    expected = {frozenset(one) for one in _tied_layers(adds)}
    require(
        received == expected,
        f"{mistake} Asked for {adds}: expected {_listed(expected)}. Received: "
        f"{_listed(received)}.",
    )


def _listed(groups: set[frozenset[str]]) -> str:
    return " and ".join(sorted(str(sorted(one)) for one in groups))


@tied_layers.check
def names_layers_and_no_sums(answer):
    for adds in (ONE, CHAIN):
        for group in _groups(answer, adds):
            sums = ", ".join(sorted(group & set(adds)))
            require(
                not sums,
                f"A sum makes no channels of its own: name the layers only. Received: "
                f"{sums}.",
            )


@tied_layers.check
def ties_both_inputs_of_a_sum(answer):
    _require_groups(answer, ONE, "Both inputs of a sum are tied.")


@tied_layers.check
def follows_sums_of_sums(answer):
    _require_groups(
        answer,
        CHAIN,
        "A sum that is added again ties what it was made of to what is added to it.",
    )


@tied_layers.check
def keeps_other_stages_apart(answer):
    _require_groups(answer, STAGES, "Sums that share nothing are groups of their own.")


@tied_layers.check
def joins_groups_that_meet_later(answer):
    mistake = "Groups that meet in a later sum, or share a layer, are one."
    _require_groups(answer, LATE, mistake)
    _require_groups(answer, SHARED, mistake)


@tied_layers.check
def equals_the_librarys_groups(answer):
    rng = generator(52)
    for count in (3, 6, 9):
        names = [f"conv{number}" for number in range(2 * count)]
        adds: dict[str, Any] = {}
        for number in range(count):
            picked = rng.choice(len(names), size=2, replace=False)
            adds[f"sum{number}"] = tuple(names[place] for place in np.sort(picked))
            names.append(f"sum{number}")
        _require_groups(answer, adds, "For random sums the groups differ.")
