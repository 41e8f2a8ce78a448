"""How far outputs are apart, by formulas of probability theory."""

import keras
import numpy as np
import pytest
import tasks

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.measure.arrays.divergence import divergence_of

P, Q = np.array([[0.7, 0.2, 0.1]]), np.array([[0.5, 0.25, 0.25]])
KL = float((P * np.log(P / Q)).sum())


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        ("softmax", P, Q, KL),
        ("logits", np.log(P) + 3, np.log(Q) - 1, KL),
        # yes or no: no and yes together, for each label
        ("sigmoid", P, P, 0.0),
        ("sigmoid", np.array([[0.5]]), np.array([[0.8]]), np.log(0.5 / 0.4)),
        ("binary_logits", np.zeros((1, 2)), np.full((1, 2), np.log(4)), np.log(1.5625)),
        # half of the variance
        ("real", np.array([[1.0], [3.0]]), np.array([[2.0], [3.0]]), 0.5),
        ("real", np.array([[2.0]]), np.array([[1.0]]), 0.25),  # none: of the square
        ("real", np.array([[0.0]]), np.array([[2.0]]), 4.0),
    ],
)
def test_formulas(kind, one, other, expected):
    assert divergence_of(one, other, kind) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "logits", "binary_logits"])
def test_certainty_is_no_infinity(kind):
    certain = np.array([[1.0, 0.0]]) * (1 if kind in {"softmax", "sigmoid"} else 1e4)

    assert np.isfinite(divergence_of(certain, certain[:, ::-1], kind))
    assert divergence_of(certain, certain, kind) == 0


def test_positions_are_averaged_and_labels_added():
    pixels = np.repeat(P[:, None], 6, axis=1), np.repeat(Q[:, None], 6, axis=1)
    labels = np.array([[0.5, 0.5]]), np.array([[0.8, 0.8]])

    assert divergence_of(*pixels, "softmax") == pytest.approx(KL)
    assert divergence_of(*labels, "sigmoid") == pytest.approx(2 * np.log(0.5 / 0.4))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", tasks.CASES)
def test_any_task_has_one(name):
    case = tasks.CASES[name]
    model = case.build()
    changed = ncl.MagnitudePruning(sparsity=0.5)(model)
    data = ncl.Data(case.x, case.y)

    assert measure.divergence(model, model, data) == 0
    assert measure.divergence(model, changed, data) > 0


@pytest.mark.usefixtures("eagerly")
def test_without_labels_probabilities_say_what_they_are():
    images = keras.Input((3,))
    model = keras.Model(images, keras.layers.Dense(2, activation="softmax")(images))
    x = np.ones((4, 3), np.float32)
    changed = ncl.MagnitudePruning(sparsity=0.5)(model)
    p, q = (np.asarray(one(x))[:1] for one in (model, changed))

    # Probabilities are float32 here, and the divergence is a thousandth.
    expected = pytest.approx(float((p * np.log(p / q)).sum()), rel=1e-3)

    assert measure.divergence(model, changed, ncl.Data(x)) == expected
    model.compile(loss="mse")  # as an autoencoder of images in [0, 1] might be
    assert measure.divergence(model, changed, ncl.Data(x)) != expected
