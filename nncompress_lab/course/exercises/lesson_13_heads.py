"""Lesson 13, second part: a head that goes, and the heads that go one by one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.wording import in_words
from nncompress_lab.models.channels.arrays.units import take

Array = npt.NDArray[Any]
Loss = Callable[[list[str]], float]

# Of `MultiHeadAttention.get_weights()`, and the axis that counts heads.
PARTS = {
    "the query kernel": 1,
    "the query bias": 0,
    "the key kernel": 1,
    "the key bias": 0,
    "the value kernel": 1,
    "the value bias": 0,
    "the output kernel": 0,
    "the output bias": None,
}


def _without_head(weights: Sequence[Array], head: int) -> list[Array]:
    keep = np.arange(len(weights[1])) != head
    return [
        weight if axis is None else take(weight, [(axis, keep)])
        for weight, axis in zip(weights, PARTS.values(), strict=True)
    ]


without_head = Exercise(
    "without_head",
    title="Take a head out",
    points=3,
    hints=(
        "Look at the shapes in the table: which axis of each array counts heads? One array "
        "has no such axis.",
        "`np.delete(array, head, axis=axis)` leaves one entry of an axis out. The axis is "
        "1 for three of the kernels and 0 for all others but the last.",
        "axes = [1, 0, 1, 0, 1, 0, 0]; [np.delete(weight, head, axis) for weight, axis in "
        "zip(weights, axes)] and then the output bias as it is",
    ),
    reference=_without_head,
)


def draw_weights(stream: int, width: int, heads: int, size: int) -> list[Array]:
    """The eight arrays of an attention layer, as Keras lists them."""
    random, made = generator(stream), (width, heads, size)
    shapes = [made, made[1:]] * 3 + [(heads, size, width), (width,)]
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def _left(answer: Any, weights: list[Array], head: int) -> list[Array]:
    found = call(answer, weights, head)
    require(
        isinstance(found, list | tuple) and len(found) == len(weights),
        "Return a list of eight arrays, as they came in: kernels and biases of query, key, "
        f"value and output. Received: {in_words(found)}.",
    )
    return [np.asarray(one) for one in found]


@without_head.check
def returns_eight_arrays(answer):
    _left(answer, draw_weights(21, 6, 3, 2), 1)


@without_head.check
def removes_and_does_not_zero(answer):
    weights = draw_weights(22, 6, 3, 2)
    for name, before, after in zip(
        list(PARTS)[:-1], weights, _left(answer, weights, 1), strict=False
    ):
        masked = after.shape == before.shape and bool((after == 0).any())
        require(
            not masked,
            f"{name.capitalize()} came back in its old shape, with zeros in it: "
            "that is the masked head, which takes as long as before. Leave its part out.",
        )


def _require_parts(answer: Any, names: Sequence[str], remark: str) -> None:
    for stream, sizes in ((23, (6, 3, 2)), (24, (5, 4, 4)), (25, (3, 2, 5))):
        weights, head = draw_weights(stream, *sizes), sizes[1] - 2
        found, expected = _left(answer, weights, head), _without_head(weights, head)
        for place, name in enumerate(PARTS):
            if name not in names:
                continue
            what = (
                f"With {sizes[1] - 1} of {sizes[1]} heads of size {sizes[2]} and width "
                f"{sizes[0]}, {name}"
            )
            array = require_array(
                found[place], shape=expected[place].shape, what=what, remark=remark
            )
            require(
                np.array_equal(array, expected[place]),
                f"{name.capitalize()} has lost another part than that of head {head} "
                f"(counted from 0). {remark}",
            )


@without_head.check
def cuts_what_makes_the_head(answer):
    _require_parts(
        answer,
        ("the query kernel", "the key kernel", "the value kernel"),
        "The kernels of query, key and value count heads on their axis 1.",
    )


@without_head.check
def cuts_its_biases(answer):
    _require_parts(
        answer,
        ("the query bias", "the key bias", "the value bias"),
        "A bias of query, key or value has one row for each head.",
    )


@without_head.check
def cuts_what_reads_the_head(answer):
    _require_parts(
        answer,
        ("the output kernel",),
        "The kernel of the output reads the heads: it counts them on its axis 0.",
    )


@without_head.check
def keeps_the_output_bias(answer):
    _require_parts(
        answer,
        ("the output bias",),
        "The bias of the output belongs to the width of the tokens and to no head.",
    )


def _one_by_one(heads: Sequence[str], loss_without: Loss, count: int) -> list[str]:
    gone: list[str] = []
    for _ in range(count):
        left = [head for head in heads if head not in gone]
        gone.append(min(left, key=lambda head: loss_without([*gone, head])))
    return gone


one_by_one = Exercise(
    "one_by_one",
    title="Heads go one by one",
    points=3,
    hints=(
        "What changes for the others when a head has gone? So what has to be measured "
        "again before the next one goes?",
        "In each round: for every head that is left, `loss_without(gone + [head])`. The "
        "head with the smallest of these losses goes.",
        "for _ in range(count): left = [head for head in heads if head not in gone]; "
        "gone.append(min(left, key=lambda head: loss_without([*gone, head])))",
    ),
    reference=_one_by_one,
)


class _Network:
    """A network in numbers: what each head adds, and what pairs of heads share."""

    def __init__(self, worth: dict[str, float], shared: dict[Any, float]) -> None:
        self.worth, self.shared = worth, shared
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, gone: Any) -> float:
        require(
            isinstance(gone, list | tuple | set | frozenset)
            and set(gone) <= set(self.worth),
            f"`loss_without` takes a list of heads, such as {[*self.worth][:2]}. Received: "
            f"{in_words(gone)}.",
        )
        self.asked.append(tuple(gone))
        lost = set(gone)
        pairs = sum(more for pair, more in self.shared.items() if set(pair) <= lost)
        return sum(self.worth[head] for head in lost) + pairs


def _removed(answer: Any, network: _Network, count: int) -> list[str]:
    found = call(answer, list(network.worth), network, count)
    good = isinstance(found, list | tuple) and len(found) == len(set(map(str, found)))
    require(
        good and len(found) == count and set(found) <= set(network.worth),
        f"`count` is {count}: return a list of so many of the `heads`, all different, in "
        f"the order in which they go. Received: {in_words(found)}.",
    )
    return list(found)


def _draw_network(stream: int, count: int) -> _Network:
    random = generator(stream)
    names = [f"head {number}" for number in random.permutation(count)]
    worth = dict(zip(names, random.uniform(-0.05, 0.5, count).tolist(), strict=True))
    pairs = [(one, other) for one in names for other in names if one < other]
    shared = dict(zip(pairs, random.normal(0, 0.3, len(pairs)).tolist(), strict=True))
    return _Network(worth, shared)


@one_by_one.check
def takes_the_least_missed_first(answer):
    network = _Network({"a": 0.4, "b": 0.1, "c": 0.3, "d": 0.2}, {})
    found = _removed(answer, network, 1)
    require(
        found == ["b"],
        "Without one head the losses are 0.4, 0.1, 0.3 and 0.2, so the second is missed "
        f"least and goes. Yours removes {found[0]!r}.",
    )


@one_by_one.check
def measures_again_after_each_head(answer):
    twins = _Network({"a": 0.01, "b": 0.02, "c": 0.3, "d": 0.9}, {("a", "b"): 2.0})
    found = _removed(answer, twins, 2)
    again = any(set(gone) == {"a", "c"} for gone in twins.asked)
    require(
        found != ["a", "b"] or not again,
        "After a has gone you have measured again: without b, c and d the losses are 2.03, "
        "0.31 and 0.91. But b goes, and not c. The place of the smallest loss counts among "
        "the heads that are left, not among all.",
    )
    require(
        found != ["a", "b"],
        "Heads a and b do the same work: each alone can go for 0.01 or 0.02, and without "
        "both the loss rises by 2. After a has gone, measure the others again, without a.",
    )
    require(
        found == ["a", "c"],
        "First a goes, for 0.01. Then, with a gone, the losses are 2.03 without b, 0.31 "
        f"without c and 0.91 without d, so c goes: ['a', 'c']. Received: {found}.",
    )


@one_by_one.check
def goes_as_far_as_is_asked(answer):
    for count in (0, 3, 4):
        network = _Network({"a": 0.4, "b": 0.1, "c": 0.3, "d": 0.2}, {})
        found = _removed(answer, network, count)
        require(
            found == ["b", "d", "c", "a"][:count],
            f"Of four heads that share nothing {count} go in the order of their losses: "
            f"{['b', 'd', 'c', 'a'][:count]}. Received: {found}.",
        )


@one_by_one.check
def removes_what_is_missed_least_each_time(answer):
    for stream, heads in ((31, 6), (32, 8), (33, 7)):
        for count in (heads - 2, heads):
            network = _draw_network(stream, heads)
            expected = _one_by_one(list(network.worth), network, count)
            found = _removed(answer, network, count)
            right = sum(map(str.__eq__, found, expected))
            require(
                found == expected,
                f"Of {heads} heads {count} go. {right} of yours come where the smallest "
                "loss in each round puts them.",
            )
