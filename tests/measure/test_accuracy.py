"""Accuracy on a layer whose outputs can be worked out by hand."""

import keras
import numpy as np
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure


def classifier() -> keras.Model:
    """The largest of `x0`, `x1` and `1 - x0` is the answer."""
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    model.layers[0].kernel.assign([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    model.layers[0].bias.assign([0.0, 0.0, 1.0])
    return model


# Largest outputs: 3 of (3, 1, -2); 2 of (0, 2, 1); 1 of (0, 0, 1); 4 of (4, 3, -3)
X = np.array([[3.0, 1.0], [0.0, 2.0], [0.0, 0.0], [4.0, 3.0]], "float32")
ANSWERS = np.array([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("labels", "by_hand"),
    [
        ([0, 1, 2, 0], 4 / 4),
        ([0, 1, 2, 1], 3 / 4),
        ([0, 2, 1, 1], 1 / 4),
        ([1, 2, 0, 2], 0 / 4),
    ],
)
def test_accuracy_is_the_fraction_of_right_answers(labels, by_hand):
    data = ncl.Data(X, np.array(labels))

    assert measure.accuracy(classifier(), data) == by_hand


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_the_batch_size_does_not_matter(batch_size):
    data = ncl.Data(X, np.array([0, 1, 2, 1]))

    assert measure.accuracy(classifier(), data, batch_size=batch_size) == 3 / 4


class Counting(layers.Layer):
    """Hands on what it gets, and remembers how many examples that were."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def call(self, inputs):
        self.sizes.append(inputs.shape[0])
        return inputs


@pytest.mark.parametrize(
    ("examples", "sizes"), [(9, [3, 3, 3]), (4, [4]), (5, [4, 1]), (3, [3])]
)
def test_no_batch_is_smaller_than_the_others_where_that_can_be(examples, sizes):
    counting = Counting()
    model = keras.Sequential([keras.Input((2,)), counting])
    model.compile(run_eagerly=True)
    counting.sizes.clear()
    data = ncl.Data(np.zeros((examples, 2), "float32"), np.zeros(examples, int))

    measure.accuracy(model, data, batch_size=4)

    assert counting.sizes == sizes


@pytest.mark.parametrize("kind", ["uint8", "int64"])
def test_any_integer_type_of_labels_will_do(kind):
    data = ncl.Data(X, ANSWERS.astype(kind))

    assert measure.accuracy(classifier(), data) == 1.0


@pytest.mark.parametrize(
    "labels",
    [np.eye(3)[ANSWERS], ANSWERS.astype("float32"), ANSWERS[:, np.newaxis]],
    ids=["one-hot", "floats", "column"],
)
def test_labels_that_are_no_class_indices_are_refused(labels):
    data = ncl.Data(X, labels)

    with pytest.raises(ValueError, match=r"class indices of shape \(n,\).*Received"):
        measure.accuracy(classifier(), data)


@pytest.mark.parametrize(
    "shape",
    [(1,), (2, 3)],
    ids=["one number", "a table"],
)
def test_outputs_that_are_not_one_number_a_class_are_refused(shape):
    size = int(np.prod(shape))
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(size), layers.Reshape(shape)]
    )

    with pytest.raises(ValueError, match=r"returns \(n, classes\).*Received"):
        measure.accuracy(model, ncl.Data(X, ANSWERS))


def test_a_model_with_two_outputs_is_refused():
    x = keras.Input((2,))
    model = keras.Model(x, [layers.Dense(3)(x), layers.Dense(3)(x)])

    with pytest.raises(ValueError, match=r"returns \(n, classes\).*list"):
        measure.accuracy(model, ncl.Data(X, ANSWERS))


@pytest.mark.parametrize("labels", [[1, 2, 3, 4], [-1, 0, 1, 2]])
def test_labels_beside_the_classes_are_refused(labels):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(4)])

    with pytest.raises(ValueError, match=rf"from {labels[0]} to {labels[-1]}"):
        measure.accuracy(model, ncl.Data(np.ones((4, 2)), np.array(labels)))


def test_inputs_may_be_strings():
    words = keras.Input((), dtype="string")
    known = ["a", "b", "c"]
    rows = layers.StringLookup(
        vocabulary=known, num_oov_indices=0, output_mode="one_hot"
    )(words)
    model = keras.Model(words, layers.Rescaling(2.0)(rows))

    found = measure.accuracy(model, ncl.Data(np.array(known), np.array([0, 1, 0])))

    assert found == 2 / 3
