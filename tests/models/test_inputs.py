"""Inputs that do not fit a model are refused in one sentence, before any work."""

import keras
import numpy as np
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.inputs import input_arrays

PRUNE = ncl.MagnitudePruning(sparsity=0.5)
PASSES = [
    ncl.GPTQ(bits=4),
    ncl.OptimalBrainPruning(sparsity=0.5),
    ncl.ActivationQuantization(),
    ncl.CorrectBias(),
    ncl.ScorePruning(sparsity=0.5, score="wanda"),
    ncl.FineTune(epochs=1),
]


def small() -> keras.Model:
    return keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(3)])


def context(shape: tuple[int, ...]) -> ncl.Context:
    pair = np.ones((6, *shape), np.float32), np.zeros(6, np.int64)
    return ncl.Context(train=pair, validation=pair, calibration=pair, progress=False)


@pytest.mark.parametrize("step", PASSES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("shape", [(4, 4, 3), (16,), (2, 4, 4, 1)])
def test_another_shape_is_refused_by_every_pass_that_looks_at_inputs(step, shape):
    said = r"shape \(None, 4, 4, 1\).*Received: inputs of shape \(6, "

    with pytest.raises(ValueError, match=said) as caught:
        ncl.compress(small(), PRUNE, step, context=context(shape))

    assert "\n" not in str(caught.value)


def test_passes_that_look_at_no_inputs_take_any_context():
    PRUNE(small(), context((16,)))


def test_the_last_axis_may_be_missing_as_in_keras():
    ncl.FineTune(epochs=1)(small(), context((4, 4)))


@pytest.mark.parametrize("dtype", ["object", "datetime64[s]"])
def test_what_is_no_number_is_refused(dtype):
    pair = np.zeros((6, 4, 4, 1), dtype), np.zeros(6, int)

    with pytest.raises(
        ValueError, match=rf"numbers. Received: an array of {dtype[:6]}"
    ):
        ncl.GPTQ(bits=4)(small(), ncl.Context(calibration=pair))


def test_inputs_may_be_nested_as_those_of_the_model():
    image, text = keras.Input((3,), name="z"), keras.Input((2,), name="a")
    joined = layers.Dense(3)(layers.Concatenate()([image, text]))
    model = keras.Model({"photo": [image], "more": {"text": text}}, joined)
    x, y = np.ones((6, 3), np.float32), np.zeros((6, 2), np.float32)

    ordered = input_arrays(model, {"photo": [x], "more": {"text": y}})

    assert [one.shape for one in ordered] == [one.shape for one in (y, x)]


@pytest.mark.parametrize("what", ["inputs", "labels"])
def test_strings_are_refused_where_numbers_are_taken(what):
    x, y = np.ones((6, 4, 4, 1), np.float32), np.array(["coat", "shirt"] * 3)
    pair = (np.full(x.shape, "1"), np.zeros(6, int)) if what == "inputs" else (x, y)

    with pytest.raises(ValueError, match=r"numbers.*Received.*strings"):
        ncl.FineTune(epochs=1)(small(), ncl.Context(train=pair, validation=pair))
