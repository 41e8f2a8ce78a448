"""Lesson 09, first part: soft targets, and two losses on the logits."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    call,
    require,
    require_array,
    require_number,
)
from nncompress_lab.course.wording import because
from nncompress_lab.training.arrays.soft_targets import (
    logit_loss as library_logit_loss,
    soft_target_loss as library_loss,
    soft_targets as library_soft_targets,
)

CLOSE = 1e-6
SHAPES = ((3, 4), (4, 4), (2, 3, 5))  # not square, square, with positions


def random_logits(*shape: int, seed: int) -> Any:
    """Logits of mixed signs."""
    return generator(seed).normal(scale=3.0, size=shape)


def _soft_targets(logits: Any, temperature: float) -> Any:
    return library_soft_targets(logits, temperature=temperature)


soft_targets = Exercise(
    "soft_targets",
    title="Soft targets",
    points=2,
    hints=(
        "Along the last axis the result sums to 1. `axis=-1, keepdims=True` makes a sum "
        "that still divides what it was made of.",
        "Divide the logits by the temperature. Before `np.exp`, subtract the largest "
        "logit of each example: that changes no probability, and no power is above 1.",
        "scaled = (logits - np.max(logits, axis=-1, keepdims=True)) / temperature; "
        "powers = np.exp(scaled); powers / np.sum(powers, axis=-1, keepdims=True)",
    ),
    reference=_soft_targets,
)


def _probabilities(answer: Any, logits: Any, temperature: float) -> Any:
    with np.errstate(all="ignore"):
        found = call(answer, logits, temperature)
    return require_array(found, shape=logits.shape, what="The soft targets")


@soft_targets.check
def sum_to_one_along_the_classes(answer):
    logits = np.array([[2.0, 0.0, -1.0], [1.0, 1.0, 1.0]])
    sums = _probabilities(answer, logits, 1.0).sum(axis=-1)
    together = float(np.sum(sums))
    reason = because(
        together,
        {
            1.0: "All of them together sum to 1: the sum has to be along the last axis, "
            "the classes, and not over the whole batch.",
            3.0: "Each column sums to 1, but an example is a row.",
        },
    )
    require(
        np.allclose(sums, 1),
        "The probabilities of each example sum to 1. For two examples of three classes "
        f"yours sum to {np.round(sums, 3).tolist()}.{reason}",
    )


@soft_targets.check
def get_softer_with_the_temperature(answer):
    logits = np.array([[4.0, 0.0]])
    first = float(_probabilities(answer, logits, 2.0)[0, 0])
    reason = because(
        first,
        {
            0.98201: "That is the softmax at temperature 1: use `temperature`.",
            0.99966: "The logits were multiplied by the temperature, which makes them "
            "harder. Divide.",
            0.6667: "Divide the logits, before np.exp; not what comes out.",
        },
    )
    require(
        np.isclose(first, 0.8808, atol=2e-4),
        "Logits 4 and 0 at temperature 2 are 2 and 0: the first class has 0.881. "
        f"Received: {first:.3f}.{reason}",
    )


@soft_targets.check
def bear_large_logits(answer):
    logits = np.array([[2000.0, 1998.0], [-2000.0, -2001.0]])
    found = _probabilities(answer, logits, 1.0)
    require(
        np.isfinite(found).all(),
        "np.exp(2000) is infinite, np.exp(-2000) is 0, and no sum of them divides. For "
        f"[2000, 1998] yours is {found[0].tolist()}. Subtract the largest logit first.",
    )
    require(
        np.allclose(found, [[0.8808, 0.1192], [0.7311, 0.2689]], atol=1e-4),
        "Each example has its own largest logit. For [2000, 1998] and [-2000, -2001] "
        f"yours are {np.round(found, 4).tolist()}, and they should be "
        "[0.8808, 0.1192] and [0.7311, 0.2689].",
    )
    for temperature in (0.5, 4.0):
        found = _probabilities(answer, np.array([[3000.0, 2999.0]]), temperature)
        require(
            np.isfinite(found).all(),
            f"At temperature {temperature:g} the logits [3000, 2999] become "
            f"{found[0].tolist()}: divide both by it, the logits and the largest of them.",
        )


@soft_targets.check
def hold_for_any_shape(answer):
    for number, shape in enumerate(SHAPES):
        for temperature in (0.5, 3.0, 8.0):
            logits = random_logits(*shape, seed=10 + number)
            require(
                np.allclose(
                    _probabilities(answer, logits, temperature),
                    _soft_targets(logits, temperature),
                    atol=CLOSE,
                ),
                f"For logits of shape {shape} at temperature {temperature:g} some of the "
                "probabilities are off. The classes are the last axis.",
            )


def _soft_target_loss(teacher: Any, student: Any, temperature: float) -> float:
    return float(np.mean(library_loss(teacher, student, temperature=temperature)))


soft_target_loss = Exercise(
    "soft_target_loss",
    title="The loss on soft targets",
    points=2,
    hints=(
        "p are the teacher's soft targets, q the student's, both at the temperature. "
        "`p * np.log(p / q)`, summed over the classes, is one number for each example.",
        "The mean over the examples comes last, and the square of the temperature in "
        "front of it.",
        "temperature**2 * np.mean(np.sum(p * np.log(p / q), axis=-1))",
    ),
    reference=_soft_target_loss,
)


def _number(answer: Any, *arguments: Any) -> float:
    with np.errstate(all="ignore"):
        found = call(answer, *arguments)
    return require_number(found, what="The loss")


@soft_target_loss.check
def is_nothing_where_the_two_agree(answer):
    logits = np.array([[2.0, 0.5, -1.0], [0.3, 0.2, 0.1]])
    loss = _number(answer, logits, logits + 1.5, 3.0)
    require(
        abs(loss) < CLOSE,
        "A student whose soft targets are the teacher's has nothing to learn: the loss is "
        f"0. Received: {loss:.4f}. (The cross-entropy is not 0 there; the divergence, with "
        "`np.log(p / q)`, is. Both are soft targets at one temperature, not logits.)",
    )


@soft_target_loss.check
def measures_from_the_teacher(answer):
    teacher, student = np.array([[4.0, 0.0]]), np.array([[0.0, 0.0]])
    loss = _number(answer, teacher, student, 1.0)
    reason = because(
        loss,
        {
            _soft_target_loss(
                student, teacher, 1.0
            ): "That is the divergence the other "
            "way round: the teacher's probabilities are the weights.",
            -_soft_target_loss(
                teacher, student, 1.0
            ): "That is its negative: the ratio is p over q.",
            _soft_target_loss(teacher, student, 1.0)
            / 2: "Sum over the classes; the mean is over the examples only.",
        },
    )
    require(
        np.isclose(loss, 0.6031, atol=1e-3),
        "For the teacher's logits [4, 0] and the student's [0, 0] at temperature 1 the "
        f"loss is 0.603. Received: {loss:.4f}.{reason}",
    )


@soft_target_loss.check
def keeps_its_size_when_it_gets_warm(answer):
    teacher, student = np.array([[4.0, 0.0]]), np.array([[0.0, 0.0]])
    loss, right = _number(answer, teacher, student, 4.0), 1.7746
    reason = because(
        loss,
        {
            right
            / 16: "The factor temperature**2 is missing: without it the gradients "
            "shrink by its square, and the labels drown the teacher.",
            right / 4: "The factor is the square of the temperature.",
            0.6031: "That is the loss at temperature 1: use `temperature` for both.",
            16
            * 0.6031: "The soft targets are those of temperature 1: use `temperature` "
            "there, too.",
        },
    )
    require(
        np.isclose(loss, right, rtol=1e-3),
        "For [4, 0] and [0, 0] at temperature 4 the divergence is 0.1109, and 16 times "
        f"that is 1.775. Received: {loss:.4f}.{reason}",
    )


@soft_target_loss.check
def is_the_mean_over_the_examples(answer):
    for number, shape in enumerate(SHAPES):
        for temperature in (1.0, 2.5, 6.0):
            pair = [random_logits(*shape, seed=20 + number + one) for one in (0, 50)]
            loss, expected = (
                _number(one, *pair, temperature) for one in (answer, _soft_target_loss)
            )
            count = int(np.prod(shape[:-1]))
            reason = because(loss, {expected * count: "That is the sum over them."})
            require(
                np.isclose(loss, expected, rtol=1e-4),
                f"For logits of shape {shape} at temperature {temperature:g} the loss is "
                f"{expected:.4f}, the mean over the examples of the sum over the classes, "
                f"which are the last axis. Received: {loss:.4f}.{reason}",
            )


def _logit_loss(teacher: Any, student: Any) -> float:
    return float(np.mean(library_logit_loss(teacher, student)))


logit_loss = Exercise(
    "logit_loss",
    title="The squared error of the logits",
    points=1,
    hints=(
        "What two examples of logits differ by has a part that no probability shows: the "
        "same number in each class.",
        "Take the mean over the classes off the difference, then the mean of the squares.",
        "difference = teacher - student; difference = difference - np.mean(difference, "
        "axis=-1, keepdims=True); np.mean(difference**2)",
    ),
    reference=_logit_loss,
)


@logit_loss.check
def does_not_see_a_constant(answer):
    logits = np.array([[2.0, 0.5, -1.0], [0.3, 0.2, 0.1]])
    loss = _number(answer, logits, logits + np.array([[5.0], [-2.0]]))
    require(
        abs(loss) < CLOSE,
        "The student's logits are the teacher's plus 5 in the first example and minus 2 in "
        "the second, so that all probabilities agree, at each temperature. The loss is 0. "
        f"Received: {loss:.4f}. Take off what all classes of an example share.",
    )


@logit_loss.check
def is_the_mean_of_the_squares(answer):
    teacher, student = np.array([[1.0, 3.0, 5.0]]), np.array([[4.0, 3.0, 2.0]])
    loss = _number(answer, teacher, student)
    reason = because(
        loss,
        {
            18.0: "That is the sum of the squares; take the mean.",
            2.0: "That is the mean of the magnitudes, without the square.",
            2.4495: "That is the root; the loss is the square itself.",
        },
    )
    require(
        np.isclose(loss, 6.0),
        "[1, 3, 5] and [4, 3, 2] differ by -3, 0, 3; the squares are 9, 0, 9 and their "
        f"mean is 6. Received: {loss:.4f}.{reason}",
    )


@logit_loss.check
def is_right_for_any_logits(answer):
    for number, shape in enumerate(SHAPES):
        pair = [random_logits(*shape, seed=30 + number + one) for one in (0, 50)]
        loss, expected = (_number(one, *pair) for one in (answer, _logit_loss))
        require(
            np.isclose(loss, expected, rtol=1e-6),
            f"For logits of shape {shape} the loss is {expected:.4f}; each example has a "
            f"mean of its own, over its last axis. Received: {loss:.4f}.",
        )
