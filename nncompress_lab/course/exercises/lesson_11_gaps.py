"""Lesson 11: where the weights are that pruning has left, told as gaps."""

from typing import Any, Final

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Mistake,
    call,
    require,
    require_array,
)
from nncompress_lab.course.wording import in_words

# Places, the part of them that holds a weight, and bits of a gap. No two are alike, and
# gaps are sometimes far longer than their bits can say.
DRAWN: Final = ((40, 0.3, 2), (500, 0.05, 3), (900, 0.02, 4), (300, 0.5, 1))


def _gaps_of(kept: Any) -> Any:
    return np.diff(np.flatnonzero(kept), prepend=-1) - 1


gaps_of = Exercise(
    "gaps_of",
    title="Positions as gaps",
    points=1,
    hints=(
        "`np.flatnonzero(kept)` says where the weights are that are left. By how much is "
        "each of these numbers larger than the one before?",
        "Between the places 4 and 5 lies nothing, and 5 - 4 is 1. And before the first "
        "weight? Think of one at the place -1: `np.diff(..., prepend=-1)`.",
        "np.diff(np.flatnonzero(kept), prepend=-1) - 1",
    ),
    reference=_gaps_of,
)


def _found_gaps(answer: Any, kept: Any) -> Any:
    count = int(np.count_nonzero(kept))
    found = call(answer, kept)
    found = np.asarray(found) if isinstance(found, list) else found
    what = f"The gaps of {count} weights"
    if kept.size < 10:
        what += f", one for each True of {kept.tolist()},"
    return require_array(found, shape=(count,), what=what)


@gaps_of.check
def has_a_gap_for_each_weight(answer):
    _found_gaps(answer, np.array([False, False, True, False, True, True, False]))


@gaps_of.check
def counts_what_lies_between(answer):
    kept = np.array([False, False, True, False, True, True, False])
    found = _found_gaps(answer, kept).tolist()
    require(
        found != [2, 4, 5],
        "Those are the places themselves. A gap is how many places lie between one weight "
        "and the next.",
    )
    require(
        found[1:] != [2, 1],
        "Those are the distances from one weight to the next. Two that stand side by side "
        "have the distance 1, and nothing between them: the gap is 0.",
    )
    require(
        found[1:] == [1, 0],
        "Weights are left at the places 2, 4 and 5. Between the first two lies one place, "
        f"between the last two none. Received: {found[1:]}.",
    )


@gaps_of.check
def counts_what_lies_before_the_first(answer):
    for kept, before in (([False, False, True, True], 2), ([True, False, True], 0)):
        found = _found_gaps(answer, np.array(kept))[0]
        require(
            found == before,
            f"{before} places lie before the first weight of {kept}: that is the first "
            f"gap. Received: {found:g}.",
        )


@gaps_of.check
def leads_to_every_weight(answer):
    for places, part, stream in ((30, 0.4, 1), (400, 0.05, 2), (50, 0.0, 3)):
        kept = generator(stream).random(places) < part
        found = _found_gaps(answer, kept)
        require(
            np.array_equal(found, _gaps_of(kept)),
            f"With {np.count_nonzero(kept)} weights left at {places} places some gaps are "
            "not what lies between.",
        )


def _short_gaps(weights: Any, bits: int) -> tuple[Any, Any]:
    gaps, values, gap = [], [], 0
    for weight in np.trim_zeros(weights, "b"):
        if weight == 0 and gap < 2**bits - 1:
            gap += 1
        else:
            gaps.append(gap)
            values.append(weight)
            gap = 0
    return np.array(gaps, int), np.array(values, float)


short_gaps = Exercise(
    "short_gaps",
    title="Gaps of few bits, with zeros to fill",
    points=3,
    hints=(
        "Walk along the weights and count the zeros since the last entry. When do you "
        "write an entry, and what is the count afterwards?",
        "An entry is due where a weight is not zero, and where it is zero but the gap is "
        "already as large as its bits can say. That zero is then the value of the entry.",
        'for weight in np.trim_zeros(weights, "b"): if it is zero and the gap is below '
        "2**bits - 1, the gap grows; otherwise append the gap and the weight, and the gap "
        "is 0 again.",
    ),
    reference=_short_gaps,
)


def _entries(answer: Any, weights: Any, bits: int) -> tuple[Any, Any]:
    pair = call(answer, weights, bits)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        f"Return two arrays, `gaps, values`. Received: {in_words(pair)}.",
    )
    gaps, values = map(_as_array, pair)
    require(
        gaps.ndim == 1 and gaps.shape == values.shape,
        "Each entry is a gap and a value, so that both arrays have one axis and are of one "
        f"length. Received: the shapes {gaps.shape} and {values.shape}.",
    )
    for array, what in ((gaps, "The gaps"), (values, "The values")):
        require_array(array, shape=gaps.shape, what=what)
    require(
        np.array_equal(gaps, np.rint(gaps)) and np.all(gaps >= 0),
        "A gap counts places: a whole number, 0 or more. Gaps come first, values second. "
        f"Received as gaps: {gaps[:5].tolist()}.",
    )
    return gaps.astype(int), values


def _as_array(entries: Any) -> Any:
    try:
        return np.asarray(entries)
    except ValueError as error:  # of lists in a list
        raise Mistake(
            "Gaps and values are each numbers in a row, without lists inside. Received: "
            f"{in_words(entries)}."
        ) from error


def _decoded(gaps: Any, values: Any, size: int) -> Any:
    """The weights that entries stand for; None if one lies beyond the last place."""
    places = np.cumsum(gaps + 1) - 1
    if places.size and places[-1] >= size:
        return None
    weights = np.zeros(size)
    weights[places] = values
    return weights


@short_gaps.check
def leaves_short_gaps_as_they_are(answer):
    gaps, values = _entries(answer, np.array([0.0, 0.5, -0.2, 0.0, 0.0, 0.9]), 4)
    require(
        gaps.tolist() == [1, 0, 2] and values.tolist() == [0.5, -0.2, 0.9],
        "No gap of [0, 0.5, -0.2, 0, 0, 0.9] is too long for 4 bits: the gaps are "
        "[1, 0, 2], the values [0.5, -0.2, 0.9]. Received: "
        f"{gaps.tolist()} and {values.tolist()}.",
    )


@short_gaps.check
def keeps_gaps_within_their_bits(answer):
    for bits, zeros in ((2, 9), (3, 20)):
        gaps, _ = _entries(answer, np.append(np.zeros(zeros), 0.5), bits)
        require(
            gaps.size > 0 and gaps.max() <= 2**bits - 1,
            f"{bits} bits hold the numbers 0 to {2**bits - 1}. With {zeros} zeros before a "
            f"weight your gaps are {gaps.tolist()}.",
        )


@short_gaps.check
def gives_a_filling_zero_its_place(answer):
    weights = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.7])
    gaps, values = _entries(answer, weights, 2)
    places = (np.cumsum(gaps + 1) - 1).tolist()
    require(
        np.array_equal(_decoded(gaps, values, 6), weights),
        "Five zeros, then 0.7, with gaps of 2 bits: three zeros, a zero that fills (it "
        "stands at the fourth place itself), one zero, 0.7. So the gaps are [3, 1] and the "
        f"values [0, 0.7]. Received: {gaps.tolist()} and {values.tolist()}, which stand at "
        f"the places {places}.",
    )


@short_gaps.check
def fills_only_where_it_must(answer):
    gaps, _ = _entries(answer, np.array([0.0, 0.0, 0.0, 0.7, 0.0]), 2)
    require(
        gaps.size == 1,
        "Three zeros before 0.7 are a gap that 2 bits can say, and what lies behind the "
        "last weight is not stored: one entry is enough. Received: "
        f"{gaps.size}, with the gaps {gaps.tolist()}.",
    )
    gaps, _ = _entries(answer, np.array([0.7, 0.0, 0.0, 0.0, 0.0, 0.0]), 2)
    require(
        gaps.size == 1,
        "Behind the last weight nothing is stored, however many zeros there are. "
        f"Received: {gaps.size} entries for one weight.",
    )


@short_gaps.check
def leads_to_the_same_weights(answer):
    for stream, (size, part, bits) in enumerate(DRAWN):
        random = generator(10 + stream)
        drawn = random.normal(size=size)
        weights = np.where(random.random(size) < part, drawn, 0)
        gaps, values = _entries(answer, weights, bits)
        require(
            np.array_equal(_decoded(gaps, values, size), weights),
            f"Read again, the entries of {np.count_nonzero(weights)} weights at {size} "
            f"places, with gaps of {bits} bits, are not the same weights.",
        )
        least = len(_short_gaps(weights, bits)[0])
        require(
            gaps.size == least and np.all(gaps < 2**bits),
            f"{np.count_nonzero(weights)} weights at {size} places take {least} entries "
            f"with gaps of {bits} bits. Received: {gaps.size}.",
        )
