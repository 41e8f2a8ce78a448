"""Lesson 13, first part: what a block of a transformer costs, and what a head computes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.wording import because, in_words

Array = npt.NDArray[Any]
CLOSE = 1e-5


def _block_macs(tokens: int, width: int, heads: int, hidden: int) -> tuple[int, int]:
    size = width // heads
    projections = 4 * tokens * width * heads * size
    products = 2 * tokens * tokens * heads * size
    return projections + products, 2 * tokens * width * hidden


block_macs = Exercise(
    "block_macs",
    title="What does a block multiply?",
    points=2,
    hints=(
        "A Dense layer at each of the tokens takes tokens x inputs x outputs. How many "
        "such layers has the attention, how many the MLP?",
        "Besides its four projections the attention multiplies each query with each key, "
        "and each of these weights with a value: tokens x tokens x width, twice.",
        "4 * tokens * width**2 + 2 * tokens**2 * width, and 2 * tokens * width * hidden",
    ),
    reference=_block_macs,
)


def _counted(answer: Any, *sizes: int) -> tuple[float, float]:
    found = call(answer, *sizes)
    is_pair = isinstance(found, tuple | list) and len(found) == 2
    require(
        is_pair and all(isinstance(one, int | float | np.number) for one in found),
        "Return two numbers, the MACs of the attention and those of the MLP. Received: "
        f"{in_words(found)}.",
    )
    return float(found[0]), float(found[1])


@block_macs.check
def counts_both_layers_of_the_mlp(answer):
    _, mlp = _counted(answer, 5, 6, 2, 11)
    require(
        mlp == 660,
        "5 tokens of width 6 and a hidden layer of 11 take 5 x 6 x 11 MACs to the hidden "
        f"layer and as many back: 660. Received: {mlp:,.0f}."
        + because(
            mlp,
            {
                330: "That is one of the two layers.",
                5 * 6 * 11 * 11: "The hidden layer is counted twice in one product.",
                132: "The MLP works at each of the tokens.",
                677: "Biases do not count.",
                1020: "That is the attention, which comes first, then the MLP.",
            },
        ),
    )


@block_macs.check
def heads_share_the_width(answer):
    one, three = (_counted(answer, 5, 6, heads, 11)[0] for heads in (1, 3))
    require(
        one == three,
        "With three heads the attention takes as many MACs as with one: each has only a "
        f"third of the width. Yours says {one:,.0f} and {three:,.0f}.",
    )


@block_macs.check
def counts_pairs_of_tokens(answer):
    few, many = (_counted(answer, tokens, 6, 2, 11)[0] for tokens in (5, 10))
    require(
        many > 2 * few,
        "Twice as many tokens take more than twice the MACs in attention: each token looks "
        f"at each other, which are four times as many pairs. Yours says {few:,.0f} for 5 "
        f"tokens and {many:,.0f} for 10.",
    )


@block_macs.check
def counts_four_projections_and_two_products(answer):
    found, _ = _counted(answer, 5, 6, 2, 11)
    require(
        found == 1020,
        "5 tokens of width 6: four projections of 5 x 6 x 6 are 720, and two products of "
        f"5 x 5 x 6 are 300, together 1,020. Received: {found:,.0f}."
        + because(
            found,
            {
                840: "Besides query, key and value the output has a projection.",
                870: "There are two products: queries with keys, and weights with values.",
                720: "The products of queries and keys and with the values are missing.",
                300: "The projections are missing.",
                2040: "A multiplication and its addition are one MAC.",
            },
        ),
    )


@block_macs.check
def counts_any_block(answer):
    for stream in (1, 2, 3):
        tokens, size, heads, hidden = generator(stream).integers(2, 40, 4).tolist()
        sizes = tokens, size * heads, heads, hidden
        found, expected = _counted(answer, *sizes), _block_macs(*sizes)
        require(
            found == expected,
            f"For {sizes[0]} tokens, width {sizes[1]}, {heads} heads and {hidden} hidden "
            f"units it is {expected[0]:,} and {expected[1]:,}. Received: {found[0]:,.0f} "
            f"and {found[1]:,.0f}.",
        )


def _attend(queries: Array, keys: Array, values: Array) -> Array:
    scores = queries @ keys.T / np.sqrt(keys.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    attended: Array = weights / weights.sum(axis=1, keepdims=True) @ values
    return attended


attend = Exercise(
    "attend",
    title="What a head computes",
    points=2,
    hints=(
        "Three steps: scores of each query with each key, a softmax that makes each row "
        "of scores add up to 1, and the values mixed with these weights.",
        "`scores = queries @ keys.T / np.sqrt(size)`. The softmax of a row is the same if "
        "you subtract its largest score first, and then nothing overflows.",
        "weights = np.exp(scores - scores.max(axis=1, keepdims=True)); weights = weights / "
        "weights.sum(axis=1, keepdims=True); return weights @ values",
    ),
    reference=_attend,
)


def _attended(answer: Any, queries: Array, keys: Array, values: Array) -> Array:
    shape = len(queries), values.shape[1]
    what = f"What {len(queries)} queries get from values of {values.shape[1]} numbers"
    return require_array(call(answer, queries, keys, values), shape=shape, what=what)


@attend.check
def gives_each_query_a_mean_of_the_values(answer):
    values = np.array([[1.0, 0.0, 2.0], [3.0, 4.0, 0.0]])
    found = _attended(answer, np.zeros((4, 2)), np.array([[1.0, 2], [0, 1]]), values)
    require(
        np.allclose(found, [[2.0, 2.0, 1.0]] * 4),
        "Queries of zeros look at both keys alike, so each gets the mean of the two "
        f"values, [2, 2, 1]. The first got {np.round(found[0], 3).tolist()}. The weights "
        "of a query add up to 1 over the keys.",
    )


@attend.check
def divides_by_the_root_of_the_size(answer):
    ones, keys = np.ones((1, 4)), np.array([[1.0] * 4, [0.0] * 4])
    found = float(_attended(answer, ones, keys, np.array([[1.0], [0.0]]))[0, 0])
    weight = 1 / (1 + np.exp(-2))
    require(
        np.isclose(found, weight),
        "A query of four ones has the scores 4 and 0 with keys of four ones and of zeros; "
        "divided by the root of 4, that is 2 and 0, and the first key gets "
        f"{weight:.4f}. Yours gives it {found:.4f}."
        + because(
            round(found, 4),
            {
                0.9820: "The scores are not divided by the root of the size.",
                0.7311: "They are divided by the size, and not by its root.",
                0.9442: "The size is how many numbers a key has, not how many keys "
                "there are.",
            },
        ),
    )


@attend.check
def bears_large_scores(answer):
    queries, keys = (
        np.array([[30.0, 0], [0, 50]]),
        np.array([[40.0, 0], [0, 60], [9, 9]]),
    )
    with np.errstate(all="ignore"):
        found = _attended(answer, queries, keys, np.diag([1.0, 2.0, 3.0]))
    require(
        np.allclose(found, _attend(queries, keys, np.diag([1.0, 2.0, 3.0]))),
        "Scores of a thousand are too much for np.exp, which says infinity. Subtract the "
        "largest score of each row first: the weights stay what they are.",
    )


@attend.check
def is_right_for_any_head(answer):
    for stream, (queries, keys, size, wide) in enumerate(
        ((5, 5, 3, 4), (4, 7, 6, 2), (9, 3, 3, 3)), start=11
    ):
        random = generator(stream)
        given = [
            random.normal(scale=2, size=shape)
            for shape in ((queries, size), (keys, size), (keys, wide))
        ]
        found, expected = _attended(answer, *given), _attend(*given)
        require(
            np.allclose(found, expected, rtol=CLOSE, atol=CLOSE),
            f"{queries} queries and {keys} keys of size {size}: some outputs are off by up "
            f"to {np.abs(found - expected).max():.3g}. Each row of weights belongs to one "
            "query.",
        )
