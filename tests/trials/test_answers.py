"""Controls take every classifier: one unit for yes or no, and labels in any form."""

import keras
import numpy as np
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.trials.pruning import PruningTrial

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def model_of(units, activation):
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(units, activation)]
    )


@pytest.mark.parametrize("activation", ["sigmoid", None])
@pytest.mark.parametrize("column", [True, False])
def test_a_single_unit_says_yes_or_no(activation, column):
    model = model_of(1, activation)
    outputs = model.predict_on_batch(X)[:, 0]
    yes = outputs > (0.5 if activation else 0)
    labels = yes.astype("float32")
    labels[:16] = 1 - labels[:16]

    trial = PruningTrial(model, ncl.Data(X, labels[:, None] if column else labels))

    assert 0 < yes.sum() < len(yes)
    assert trial.original["accuracy"] == 0.75


@pytest.mark.parametrize("form", ["indices", "column", "one-hot"])
def test_labels_of_classes_may_have_any_form(form):
    model = model_of(3, "softmax")
    found = np.argmax(model.predict_on_batch(X), axis=1)
    labels = {"indices": found, "column": found[:, None], "one-hot": np.eye(3)[found]}

    trial = PruningTrial(model, ncl.Data(X, labels[form]))

    assert trial.original["accuracy"] == 1
