"""Lesson 09: a loss that convicts itself, and an experiment with a control."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
    require_array,
    require_number,
)
from nncompress_lab.course.figures.intervals import T95
from nncompress_lab.course.wording import because, in_words
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.training.arrays.soft_targets import soft_targets

TEMPERATURE = 3.0
CLEAR = -0.1  # so far below 0 is no rounding
CLOSE = 1e-6


def keras_default_loss(teacher: Any, student: Any, temperature: float = 3.0) -> float:
    """What `keras.distillation.LogitsDistillation()` computes in Keras 3.15.1.

    The divergence is taken of the divided logits themselves, as if they were
    probabilities, and there is no factor temperature².

    Args:
        teacher: Logits, shape `(n, classes)`.
        student: Logits of the same shape.
        temperature: Of both.
    """
    parts = (np.asarray(one, np.float32) / temperature for one in (teacher, student))
    return float(np.mean(to_numpy(keras.losses.kl_divergence(*parts))))


counterexample = Exercise(
    "counterexample",
    title="Convict a loss",
    points=2,
    hints=(
        "When do two rows of logits have the same soft targets at every temperature?",
        "Add one number to all of the teacher's logits. Which logits does `kl_divergence` "
        "leave as they are? It cuts its inputs to the range from 0 to 1.",
        "Divided by 3 both should lie between 0 and 1: teacher [[1.5, 1.2, 0.9]], and the "
        "student 0.9 more in each class.",
    ),
    reference=(np.array([[1.5, 1.2, 0.9]]), np.array([[2.4, 2.1, 1.8]])),
)


def _pair(answer: Any) -> tuple[Any, Any]:
    if answer is None:
        raise NotImplementedError("There is no counterexample yet.")
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "Hand over two arrays, the teacher's logits and the student's: `counterexample = "
        f"teacher, student`. Received: {in_words(answer)}.",
    )
    teacher, student = (np.asarray(one, dtype=float) for one in answer)
    require(
        teacher.ndim == 2 and teacher.shape[0] >= 1 and teacher.shape[1] >= 2,
        "Logits have an example in each row and a class in each column, at least two: "
        f"[[1.0, 2.0, 3.0]]. Received: an array of shape {teacher.shape}.",
    )
    require_array(student, shape=teacher.shape, what="The student's logits")
    require(np.isfinite([teacher, student]).all(), "All logits must be finite numbers.")
    return teacher, student


@counterexample.check
def is_two_arrays_of_logits(answer):
    _pair(answer)


@counterexample.check
def agrees_about_every_class(answer):
    teacher, student = _pair(answer)
    for temperature in (1.0, TEMPERATURE):
        off = np.abs(
            soft_targets(teacher, temperature=temperature)
            - soft_targets(student, temperature=temperature)
        ).max()
        require(
            off < CLOSE,
            "The two must have the same soft targets, so that a right loss is 0. At "
            f"temperature {temperature:g} yours differ by {off:.3g}.",
        )


@counterexample.check
def shows_a_loss_below_zero(answer):
    teacher, student = _pair(answer)
    loss = keras_default_loss(teacher, student)
    reason = ""
    if np.array_equal(teacher, student):
        reason = " The two are equal, and of equal numbers the divergence is 0."
    elif loss > -CLEAR:
        reason = (
            " The loss is above 0 here. What if the student's logits are the larger?"
        )
    elif not np.any((teacher > 0) & (teacher < TEMPERATURE)):
        reason = (
            " `kl_divergence` cuts its inputs to the range from 0 to 1, and all of the "
            "teacher's lie outside when they are divided by 3."
        )
    require(
        loss < CLEAR,
        f"The default loss of your two is {loss:.4f}. Find two where it is below "
        f"{CLEAR:g}.{reason}",
    )


which_control = choice(
    "which_control",
    title="Against whom?",
    hints=(
        "What may differ between the two students whom you compare, if only softness is "
        "to be judged?",
        "A student that is taught by soft targets also learns from what the teacher thinks "
        "is right, where the label says something else.",
    ),
    options={
        "a": Option(
            "The teacher itself.",
            "The teacher is larger and was trained for longer. That tells what is lost in "
            "all, and not what the soft targets gain.",
        ),
        "b": Option(
            "The student before its training.",
            "Any training beats none. This would praise every loss.",
        ),
        "c": Option(
            "The student trained on the teacher's hard labels, the class that it finds "
            "likeliest, with the same images, steps and first weights.",
            "Yes: both learn from the same teacher, and one of them gets the "
            "whole distribution where the other gets its largest entry. What is between "
            "them is the softness. The student with the true labels is the second control: "
            "it tells whether a teacher is worth having at all.",
            right=True,
        ),
        "d": Option(
            "The best student out of several temperatures and weights.",
            "Who picks the best of many runs measures luck, too. Choose the setting on "
            "validation data, then compare, with new seeds.",
        ),
    },
)


def _gain(with_soft: Any, without: Any, quantile: float) -> tuple[float, float]:
    gains = np.asarray(with_soft) - np.asarray(without)
    half = quantile * np.std(gains, ddof=1) / np.sqrt(gains.size)
    return float(np.mean(gains)), float(half)


gain = Exercise(
    "gain",
    title="A gain with its interval",
    points=2,
    hints=(
        "Run 0 of the one and run 0 of the other began with the same weights. Subtract "
        "them first: what the two share is gone.",
        "The standard error is the standard deviation of the differences, with `ddof=1`, "
        "over the root of how many there are.",
        "gains = with_soft - without; np.mean(gains), quantile * np.std(gains, ddof=1) / "
        "np.sqrt(gains.size)",
    ),
    reference=_gain,
)


def _two(answer: Any, *arguments: Any) -> tuple[float, float]:
    found = call(answer, *arguments)
    require(
        isinstance(found, tuple | list | np.ndarray) and len(found) == 2,
        "Return two numbers: the mean gain and half the width of its interval. Received: "
        f"{found!r}.",
    )
    mean, half = (require_number(one, what="Each of the two") for one in found)
    return mean, half


@gain.check
def has_the_right_sign(answer):
    mean, _ = _two(answer, np.array([0.9, 0.8]), np.array([0.8, 0.78]), T95[2])
    require(
        np.isclose(mean, 0.06),
        "With soft targets 0.90 and 0.80, without 0.80 and 0.78: on average 0.06 more. "
        f"Received: {mean:.4f}. The mean comes first, then half of the width.",
    )


@gain.check
def pairs_the_runs(answer):
    random = generator(60)
    seeds = random.normal(scale=0.05, size=5)
    _, half = _two(answer, 0.8 + seeds + 0.01, 0.8 + seeds, T95[5])
    require(
        abs(half) < CLOSE,
        "In each of these five pairs the gain is 0.01, whatever the seed: the differences "
        f"do not vary, and the interval has no width. Received: {half:.4f}. Subtract run "
        "by run before you take the standard deviation.",
    )


@gain.check
def knows_how_few_runs_there_are(answer):
    soft, labels = np.array([0.03, 0.05, 0.1]), np.zeros(3)
    _, half = _two(answer, soft, labels, T95[3])
    right = _gain(soft, labels, T95[3])[1]
    reason = because(
        half,
        {
            right * 1.96 / T95[3]: "1.96 is for many runs. Of three, the standard "
            "deviation itself is uncertain: use `quantile`.",
            right * np.sqrt(3): "Divide by the root of the number of runs: that is the "
            "interval of a single run.",
            right / np.sqrt(3): "Divide by the root of the number of runs.",
            right
            * np.sqrt(2 / 3): "np.std divides by the count; for a sample it is the "
            "count minus 1, `ddof=1`.",
            right * 2: "That is the whole width; return half of it.",
            right * np.sqrt(3 / 2): "The 1 is taken off once, by `ddof=1`; the root is "
            "of the number of runs.",
            right * np.std(soft, ddof=1): "That is the variance; its root, np.std, is "
            "what is asked for.",
            right * 4.30 / T95[3]: "4.30 is rounded, and for three runs only: use "
            "`quantile`.",
        },
    )
    require(
        np.isclose(half, right, rtol=1e-4),
        f"For the gains 0.03, 0.05, 0.10 half the width is {right:.4f}. Received: "
        f"{half:.4f}.{reason}",
    )


@gain.check
def is_right_for_any_runs(answer):
    for count, seed in ((2, 61), (4, 62), (8, 63)):
        pair = [generator(seed + one).uniform(0.7, 0.9, size=count) for one in (0, 9)]
        found, expected = (_two(one, *pair, T95[count]) for one in (answer, _gain))
        require(
            np.allclose(found, expected, rtol=1e-6),
            f"Of {count} runs each the gain is {expected[0]:.4f} ± {expected[1]:.4f}. "
            f"Received: {found[0]:.4f} ± {found[1]:.4f}.",
        )
