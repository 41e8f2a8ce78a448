"""The losses on logits: what theory says about them, and every snippet's mistakes."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from nncompress_lab.training.arrays.soft_targets import (
    bernoulli_loss,
    decoupled_loss,
    log_soft_targets,
    logit_loss,
    soft_target_loss,
    soft_targets,
)

quick = settings(max_examples=50, deadline=None)
logits = hnp.arrays(np.float64, (3, 5), elements=st.floats(-30, 30))
temperatures = st.floats(0.5, 20)


def random_logits(seed: int, shape: tuple[int, int] = (4, 6)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, shape)


def slope(function, at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """The gradient of the sum of `function`, by central differences."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        change = np.zeros_like(at)
        change[index] = step
        up, down = function(at + change).sum(), function(at - change).sum()
        gradient[index] = (up - down) / (2 * step)
    return gradient


@quick
@given(logits, temperatures)
def test_each_example_is_normalized_over_its_classes(values, temperature):
    targets = soft_targets(values, temperature=temperature)

    # A softmax over the whole batch would give rows that sum to a third.
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(
        targets[1:], soft_targets(values[1:], temperature=temperature)
    )


def test_large_logits_do_not_overflow():
    huge = np.array([[1e4, 0.0], [-1e4, 1e4]], np.float32)

    np.testing.assert_array_equal(soft_targets(huge), [[1, 0], [0, 1]])
    assert np.isfinite(log_soft_targets(huge)).all()
    assert np.isfinite(soft_target_loss(huge, huge[::-1], temperature=1.0)).all()


def test_the_temperature_softens_and_keeps_the_order():
    values = np.array([3.0, 1.0, 0.0])

    sharp, soft = soft_targets(values), soft_targets(values, temperature=10.0)

    assert soft.max() < sharp.max()
    assert soft[0] > soft[1] > soft[2]
    np.testing.assert_allclose(soft, soft_targets(values / 10))


LOSSES = {
    "soft_targets": lambda t, s: soft_target_loss(t, s, temperature=3.0),
    "mse": logit_loss,
    "decoupled": lambda t, s: decoupled_loss(
        t, s, np.arange(len(t)) % t.shape[1], temperature=3.0
    ),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@every_loss
def test_a_student_like_its_teacher_loses_nothing(loss):
    values = random_logits(0)

    # What is left is the rounding of sums of float64.
    np.testing.assert_allclose(loss(values, values), 0, atol=1e-14)
    assert (loss(values, random_logits(1)) > 0).all()


@every_loss
def test_a_constant_on_all_logits_changes_nothing(loss):
    teacher, student = random_logits(0), random_logits(1)
    shift = np.array([[1.0], [-50.0], [7.0], [0.0]])

    np.testing.assert_allclose(
        loss(teacher + shift, student - shift), loss(teacher, student), rtol=1e-10
    )


@every_loss
def test_an_example_has_the_same_loss_alone_and_in_a_batch(loss):
    teacher, student = random_logits(0), random_logits(1)

    np.testing.assert_allclose(
        loss(teacher[:1], student[:1]), loss(teacher, student)[:1]
    )


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_the_gradient_is_temperature_times_the_difference_of_the_targets(temperature):
    teacher, student = random_logits(0), random_logits(1)

    gradient = slope(
        lambda s: soft_target_loss(teacher, s, temperature=temperature), student
    )

    expected = temperature * (
        soft_targets(student, temperature=temperature)
        - soft_targets(teacher, temperature=temperature)
    )
    # Central differences of step 1e-5 are exact to about 1e-8.
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


def test_with_the_square_of_the_temperature_a_hot_gradient_is_that_of_the_logits():
    teacher, student = random_logits(0), random_logits(1)
    teacher -= teacher.mean(axis=1, keepdims=True)
    student -= student.mean(axis=1, keepdims=True)
    temperature = 1e4

    gradient = slope(
        lambda s: soft_target_loss(teacher, s, temperature=temperature), student, 1e-2
    )

    # Hinton et al., equation 4: (z_s - z_t) / classes. The next term is smaller by the
    # size of the logits over the temperature, here 1e-3. Without T² it would be ~1e-9.
    np.testing.assert_allclose(gradient, (student - teacher) / 6, atol=3e-3)


def test_a_hot_soft_target_loss_is_half_of_the_logit_loss():
    teacher, student = random_logits(0), random_logits(1)

    hot = soft_target_loss(teacher, student, temperature=1e3)

    # The next term is smaller by the size of the logits over the temperature.
    np.testing.assert_allclose(hot, logit_loss(teacher, student) / 2, rtol=2e-2)


def test_the_loss_goes_from_the_teacher_to_the_student():
    sure, unsure = np.array([[8.0, 0.0]]), np.array([[0.0, 0.0]])

    def nats(p, q):
        return np.sum(p * np.log(p / q))

    p, q = soft_targets(sure)[0], soft_targets(unsure)[0]
    loss = soft_target_loss(sure, unsure, temperature=1.0)

    np.testing.assert_allclose(loss, nats(p, q), rtol=1e-10)
    assert abs(loss - nats(q, p)) > 1  # swapped roles


@quick
@given(logits, logits, temperatures)
def test_the_decoupled_parts_add_up_to_the_soft_target_loss(teacher, student, heat):
    labels = np.array([0, 4, 2])
    others = 1 - soft_targets(teacher, temperature=heat)[np.arange(3), labels]

    decoupled = sum(
        decoupled_loss(
            teacher[[row]],
            student[[row]],
            labels[[row]],
            temperature=heat,
            target_weight=1.0,
            others_weight=float(others[row]),
        )
        for row in range(3)
    )

    together = soft_target_loss(teacher, student, temperature=heat).sum()
    # A teacher who is sure leaves 1 - p with few digits.
    np.testing.assert_allclose(decoupled, together, rtol=1e-6, atol=1e-6)


def test_the_decoupled_loss_hears_a_teacher_who_is_sure():
    teacher = np.array([[30.0, 4.0, 0.0]])
    student = np.array([[30.0, 0.0, 4.0]])

    assert soft_target_loss(teacher, student, temperature=1.0) < 1e-9
    assert decoupled_loss(teacher, student, np.array([0]), temperature=1.0) > 1


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="`temperature` divides the logits"):
        soft_targets(np.zeros((1, 2)), temperature=temperature)


def test_yes_or_no_is_two_classes_of_which_one_has_the_logit_zero():
    teacher, student = (
        np.random.default_rng(seed).normal(0, 3, size=(5, 4, 1)) for seed in (0, 1)
    )

    found = bernoulli_loss(teacher, student, temperature=3.0)

    two = (np.concatenate([one, 0 * one], axis=-1) for one in (teacher, student))
    np.testing.assert_allclose(
        found, soft_target_loss(*two, temperature=3.0), rtol=1e-9
    )
    far = np.array([[1e4], [-1e4]])
    assert np.isfinite(bernoulli_loss(far, -far, temperature=1.0)).all()
