"""Lesson 09: the bug that it hunts is in Keras, and its student is small."""

import keras
import numpy as np
import pytest
import tiny_models

from nncompress_lab import measure
from nncompress_lab.course.exercises import exercises_of
from nncompress_lab.course.exercises.lesson_09_control import keras_default_loss
from nncompress_lab.course.grade import grade
from nncompress_lab.course.progress import FAIL, PASS
from nncompress_lab.course.small_student import small_student


@pytest.mark.skipif(
    not keras.__version__.startswith("3.15."), reason="a later Keras may be repaired"
)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_default_loss_is_what_keras_computes(temperature):
    random = np.random.default_rng(0)
    logits = random.normal(scale=2, size=(2, 6, 4)).astype(np.float32)
    loss = keras.distillation.LogitsDistillation(temperature=temperature)

    expected = float(loss.compute_loss(*map(keras.ops.convert_to_tensor, logits)))

    assert keras_default_loss(*logits, temperature) == pytest.approx(expected, abs=1e-5)


def test_a_seed_fixes_the_student():
    tiny_models.assert_same_weights(small_student(1), small_student(1))
    one, other = (tiny_models.weights_of(small_student(seed))[0] for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert (small_student().count_params(), measure.macs(small_student())) == (
        5386,
        61600,
    )


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (([[1.0, 1.0]], [[2.5, 2.5]]), PASS, ""),  # lists, and a uniform teacher
        (([[0.3, 0.3], [1.5, 1.2]], [[3.0, 3.0], [2.4, 2.1]]), PASS, ""),
        (([[-1.0, -2.0]], [[1.0, 0.0]]), FAIL, "cuts its inputs"),
        (([1.5, 1.2], [2.4, 2.1]), FAIL, "an example in each row"),
        (([[1.5, np.nan]], [[2.4, 2.1]]), FAIL, "finite"),
    ],
)
def test_counterexamples_of_any_kind_are_judged(answer, status, said):
    outcome = grade(exercises_of("09")["counterexample"], answer)

    assert outcome.status == status
    assert said in outcome.message
