"""The losses on features, and that tensors and arrays give the same numbers."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from nncompress_lab.training.arrays import features, soft_targets
from nncompress_lab.training.teacher_losses import TaughtOutput


def random_features(seed: int, shape=(5, 3, 4, 6)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_hint_is_the_mean_squared_difference_of_each_example():
    teacher, student = random_features(0), random_features(1)

    loss = features.hint_loss(teacher, student)

    assert loss.shape == (5,)
    np.testing.assert_allclose(loss[2], np.mean((teacher[2] - student[2]) ** 2), 1e-6)
    assert not features.hint_loss(teacher, teacher).any()


def test_hints_of_two_widths_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 3, 4, 6\), student \(5, 3, 4, 2\)"):
        features.hint_loss(random_features(0), random_features(0)[..., :2])


def test_attention_does_not_see_the_channels_nor_the_scale():
    teacher = random_features(0)
    student = 7 * teacher[..., ::-1]

    # The float32 sums run in another order.
    np.testing.assert_allclose(features.attention_loss(teacher, student), 0, atol=1e-10)
    assert (features.attention_loss(teacher, student[:, ::-1]) > 1e-3).all()


def test_attention_maps_have_length_one_and_zeros_stay():
    values = random_features(0)
    values[1] = 0

    lengths = np.linalg.norm(features.attention_map(values), axis=1)

    np.testing.assert_allclose(lengths, [1, 0, 1, 1, 1], rtol=1e-6)


def test_attention_without_positions_is_refused():
    with pytest.raises(ValueError, match="Choose a layer before the pooling"):
        features.attention_map(np.zeros((4, 10)))


def test_relations_do_not_see_where_features_are_how_large_or_how_turned():
    teacher = random_features(0, (6, 4)).astype(np.float64)
    turned, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))

    student = 3 * teacher @ turned + 5

    np.testing.assert_allclose(
        features.relational_loss(teacher, student), 0, atol=1e-12
    )
    assert features.relational_loss(teacher, teacher[::-1] ** 2) > 0.01


def test_the_angle_is_the_one_between_three_examples():
    points = random_features(0, (4, 3)).astype(np.float64)
    one, other = points[0] - points[1], points[3] - points[1]

    _, cosines = features.relations(points)

    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    np.testing.assert_allclose(cosines[1, 0, 3], expected)


def test_distances_are_measured_in_their_mean():
    distances, _ = features.relations(random_features(0, (5, 3)))

    np.testing.assert_allclose(distances[distances > 0].mean(), 1, rtol=1e-6)


# Tensors compute what the arrays compute


def row(*parts: np.ndarray) -> Any:
    return tensor(np.column_stack(parts))


def tensor(values: np.ndarray) -> Any:
    return ops.convert_to_tensor(values.astype(np.float32))


LABELS = np.array([0, 3, 1, 2])


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("loss", ["soft_targets", "mse", "decoupled"])
def test_the_loss_of_a_teacher_is_the_sum_of_its_parts(loss, weight):
    teacher, student = 5 * random_features(0, (4, 6)), 5 * random_features(1, (4, 6))
    taught = TaughtOutput(6, loss, temperature=3.0, student_loss_weight=weight)

    total = ops.convert_to_numpy(taught.total(row(LABELS, teacher), row(student)))

    soft = {
        "soft_targets": lambda: soft_targets.soft_target_loss(
            teacher, student, temperature=3.0
        ),
        "mse": lambda: soft_targets.logit_loss(teacher, student),
        "decoupled": lambda: soft_targets.decoupled_loss(
            teacher, student, LABELS, temperature=3.0
        ),
    }[loss]()
    hard = -soft_targets.log_soft_targets(student)[np.arange(4), LABELS]
    # Sums of six float32 numbers around 10.
    np.testing.assert_allclose(
        total, weight * hard + (1 - weight) * soft, rtol=1e-5, atol=1e-5
    )


def test_the_loss_is_not_what_keras_trains_by_default():
    teacher, student = 3 * random_features(0, (4, 6)), 3 * random_features(1, (4, 6))
    taught = TaughtOutput(6, temperature=4.0, student_loss_weight=0.0)

    ours = ops.convert_to_numpy(taught.total(row(LABELS, teacher), row(student))).mean()
    right = keras.distillation.LogitsDistillation(
        temperature=4.0, loss=keras.losses.KLDivergence()
    )
    default = keras.distillation.LogitsDistillation(temperature=4.0)

    # Keras clips the probabilities at 1e-7.
    assert abs(float(right.compute_loss(teacher, student)) - ours) < 1e-4
    assert abs(float(default.compute_loss(teacher, student)) - ours) > 0.1


def test_large_logits_stay_finite_in_tensors():
    teacher = np.array([[1e4, 0, -1e4], [0, 0, 0]], np.float32)
    student = -teacher
    for loss in ("soft_targets", "mse", "decoupled"):
        total = TaughtOutput(3, loss, temperature=1.0).total(
            row(np.array([0, 1]), teacher), row(student)
        )
        assert np.isfinite(ops.convert_to_numpy(total)).all()


def flat(values: np.ndarray) -> Any:
    return tensor(values.reshape(len(values), -1))


def test_features_in_tensors_are_those_of_the_arrays():
    teacher, student = random_features(0), random_features(1)
    maps = [features.attention_map(tensor(one), xp=ops) for one in (teacher, student)]
    rows = flat(teacher), flat(student)

    pairs = (
        (features.hint_loss(*rows, xp=ops), features.hint_loss(teacher, student)),
        (
            features.map_loss(*maps, xp=ops),
            features.attention_loss(teacher, student),
        ),
        (
            features.relational_loss(*rows, xp=ops),
            features.relational_loss(teacher, student),
        ),
    )

    for loss, array in pairs:
        # Inner products of 72 float32 numbers, in another order.
        np.testing.assert_allclose(ops.convert_to_numpy(loss), array, rtol=1e-4)


@pytest.mark.parametrize("xp", [np, ops], ids=["numpy", "tensors"])
@pytest.mark.parametrize("shape", [(128, 160), (16, 4096)])
def test_no_example_is_apart_from_itself_however_wide_the_features(shape, xp):
    wide = random_features(0, shape)

    found = features.relations(wide if xp is np else tensor(wide), xp=xp)

    distances, cosines = map(ops.convert_to_numpy, found)
    exact, exact_cosines = features.relations(wide.astype(np.float64))
    np.testing.assert_array_equal(np.diag(distances), 0)
    # Sums of up to 4096 float32 products.
    np.testing.assert_allclose(distances, exact, rtol=1e-4)
    np.testing.assert_allclose(cosines, exact_cosines, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 6), (4, 6)])
def test_examples_in_one_place_have_relations_without_nan(shape):
    same = np.ones(shape, np.float32)

    loss = features.relational_loss(
        tensor(random_features(0, shape)), tensor(same), xp=ops
    )

    assert np.isfinite(ops.convert_to_numpy(loss))


def test_attention_is_averaged_over_positions_as_in_the_code_of_its_authors():
    teacher, student = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6))

    def authors(one):  # at() and at_loss() of szagoruyko/attention-transfer, utils.py
        flat = (one**2).mean(axis=-1).reshape(3, -1)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    expected = ((authors(teacher) - authors(student)) ** 2).mean()
    np.testing.assert_allclose(
        features.attention_loss(teacher, student).mean(), expected
    )
