"""Lesson 13, last part: queries and keys with fewer numbers, and nearly the same scores."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.wording import in_words
from nncompress_lab.distillation.arrays.heads import nearest_products

Array = npt.NDArray[Any]
CLOSE = 1e-3  # of the least error


def _narrow_scores(
    query: Array, bias: Array, key: Array, rank: int
) -> tuple[Array, Array, Array]:
    rows = np.concatenate([query, bias[np.newaxis]])
    left, right = nearest_products(rows[np.newaxis], key.T[np.newaxis], rank=rank)
    left = left[0] * np.sqrt(rank / key.shape[1])  # as the scores are divided by it
    return left[:-1], left[-1], right[0].T


narrow_scores = Exercise(
    "narrow_scores",
    title="★ Narrower queries and keys",
    points=4,
    hints=(
        "The scores are all that anybody sees of queries and keys. Written as one product "
        "of matrices, which matrix of that rank is nearest to it?",
        "The bias of the query is one more row of its kernel, for an input that is "
        "always 1. And what does Keras divide by, before and after?",
    ),
    reference=_narrow_scores,
)


def _scores(query: Array, bias: Array, key: Array) -> Array:
    """What decides about all scores; its last row belongs to the bias."""
    rows = np.concatenate([query, bias[np.newaxis]])
    scores: Array = rows.astype(np.float64) @ key.T / np.sqrt(key.shape[1])
    return scores


def _lost(answer: Any, head: tuple[Array, Array, Array], rank: int) -> float:
    """The error of all scores of the narrow head."""
    return float(np.linalg.norm(_scores(*head) - _narrowed(answer, head, rank)))


def _narrowed(answer: Any, head: tuple[Array, Array, Array], rank: int) -> Array:
    width = len(head[0])
    found = call(answer, *head, rank)
    require(
        isinstance(found, tuple | list) and len(found) == 3,
        "Return three arrays: the kernel and the bias of the narrow query, and the kernel "
        f"of the narrow key. Received: {in_words(found)}.",
    )
    names = ("query", "bias", "key")
    shapes = ((width, rank), (rank,), (width, rank))
    given = [
        require_array(one, shape=shape, what=f"The narrow {name} at rank {rank}")
        for one, shape, name in zip(found, shapes, names, strict=True)
    ]
    return _scores(*given)


def draw_head(stream: int, width: int, size: int) -> tuple[Array, Array, Array]:
    """A query kernel, its bias and a key kernel with a falling spectrum."""
    random = generator(stream)
    fall = np.geomspace(3.0, 0.2, size)
    query, key = (random.normal(size=(width, size)) * fall for _ in range(2))
    turn = np.linalg.qr(random.normal(size=(size, size)))[0]
    return query @ turn, random.normal(size=size), key @ turn


@narrow_scores.check
def returns_narrow_kernels(answer):
    _narrowed(answer, draw_head(41, 7, 4), 2)


@narrow_scores.check
def looks_at_queries_and_keys_together(answer):
    query = np.array([[9.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    key = np.array([[0.1, 0.0], [0.0, 0.0], [0.0, 5.0]])
    head = query, np.zeros(2), key
    scores = _narrowed(answer, head, 1) * np.sqrt(2)
    require(
        not np.isclose(abs(scores[1, 2]), 0.0, atol=0.5),
        "The first number of the query is large, 9, and that of the key small, 0.1: they "
        "meet in a score of 0.9. The second numbers, 1 and 5, meet in 5, and yours drops "
        "them. What counts is the product of the two kernels.",
    )


@narrow_scores.check
def minds_what_keras_divides_by(answer):
    for size, rank in ((4, 1), (8, 2)):
        query, bias, key = draw_head(42, 6, size)
        query[:, rank:], key[:, rank:], bias[rank:] = 0, 0, 0
        head = query, bias, key
        true, found = _scores(*head), _narrowed(answer, head, rank)
        factor = float((found * true).sum() / np.square(true).sum())
        scaled = np.allclose(found, factor * true, atol=CLOSE * np.abs(true).max())
        require(
            np.isclose(factor, 1, rtol=CLOSE) or not scaled or abs(factor) < CLOSE,
            f"A head of size {size} whose scores are of rank {rank}: all of yours are "
            f"{factor:.2f} times as large. Keras divides by the root of the size of a key, "
            f"which was {size} and is now {rank}.",
        )


@narrow_scores.check
def counts_the_bias_of_the_query(answer):
    query, bias, key = draw_head(43, 6, 4)
    head = 0.01 * query, 10 * bias, key
    least = np.linalg.svd(_scores(*head), compute_uv=False)[1:]
    lost = _lost(answer, head, 1)
    require(
        lost <= (1 + CLOSE) * np.linalg.norm(least),
        "Here the bias of the query is much larger than its kernel, so it decides about "
        f"the scores: the least error at rank 1 is {np.linalg.norm(least):.3f}, and yours "
        f"is {lost:.3f}.",
    )


@narrow_scores.check
def loses_least_of_the_scores(answer):
    for stream, (width, size, rank) in enumerate(
        ((9, 4, 2), (5, 3, 3), (12, 6, 1), (20, 8, 5)), start=44
    ):
        head = draw_head(stream, width, size)
        true = _scores(*head)
        least = float(np.linalg.norm(np.linalg.svd(true, compute_uv=False)[rank:]))
        lost = _lost(answer, head, rank)
        require(
            lost <= (1 + CLOSE) * least + 1e-6 * np.linalg.norm(true),
            f"A head of width {width} and size {size} at rank {rank}: its scores can be "
            f"off by {least:.4f}, and yours are off by {lost:.4f}.",
        )
