"""Removing dead channels: the same outputs from a smaller model."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers
from masked_models import outputs

import nncompress_lab as ncl
from nncompress_lab.models.kernels import to_numpy

X = np.random.default_rng(1).random((8, *tiny_models.IMAGE)).astype(np.float32)


def zero(model: keras.Model, name: str, weight: str, where) -> None:
    variable = getattr(model.get_layer(name), weight)
    array = to_numpy(variable)
    array[where] = 0
    variable.assign(array)


def assert_equal_outputs(model: keras.Model, small: keras.Model) -> None:
    """Only zeros are left out of the sums, so they differ by their rounding alone."""
    expected = outputs(model, X)
    atol = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(outputs(small, X), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda one: one.__name__)
def test_outputs_stay_and_weights_that_no_output_depends_on_go(build):
    dense = tiny_models.built(build)
    model = ncl.MagnitudePruning(sparsity=0.9, scope="global")(dense)

    small = ncl.RemoveDeadChannels()(model)

    assert_equal_outputs(model, small)
    assert small.count_params() <= model.count_params()


def test_what_nothing_reads_goes_and_all_that_only_it_reads():
    model = tiny_models.randomize_statistics(tiny_models.sequential())
    zero(model, "logits", "kernel", np.s_[[1, 4, 5]])  # hidden units 1, 4 and 5
    rows = to_numpy(model.get_layer("hidden").kernel).reshape(3, 3, 6, 10)
    rows[:, :, 2][..., [0, 2, 3, 6, 7, 8, 9]] = 0  # filter 2 is read by the dead ones
    model.get_layer("hidden").kernel.assign(rows.reshape(54, 10))

    small = ncl.RemoveDeadChannels()(model)

    assert small.get_layer("hidden").units == 7
    assert small.get_layer("conv").filters == 5
    assert_equal_outputs(model, small)


def test_a_channel_that_is_zero_goes_and_a_constant_one_stays():
    model = tiny_models.randomize_statistics(tiny_models.sequential())
    model.get_layer("hidden").bias.assign(np.arange(10, dtype=np.float32))
    zero(model, "hidden", "kernel", np.s_[:, [0, 3]])  # of bias 0 and of bias 3

    small = ncl.RemoveDeadChannels()(model)

    assert small.get_layer("hidden").units == 9
    assert_equal_outputs(model, small)


def test_the_branches_of_an_addition_must_both_be_dead():
    model = tiny_models.randomize_statistics(tiny_models.residual())
    for weight in ("gamma", "beta"):
        zero(model, "stem_bn", weight, np.s_[[0, 1]])
        zero(model, "conv_bn", weight, np.s_[[1, 2]])
    for name in ("stem", "conv"):
        zero(model, name, "kernel", np.s_[..., [0, 1, 2]])
    zero(model, "conv", "bias", np.s_[[0, 1, 2]])

    small = ncl.RemoveDeadChannels()(model)

    assert small.get_layer("stem").filters == 5
    assert_equal_outputs(model, small)


def test_one_channel_of_a_group_stays():
    model = tiny_models.randomize_statistics(tiny_models.sequential())
    zero(model, "logits", "kernel", np.s_[:])

    small = ncl.RemoveDeadChannels()(model)

    assert small.get_layer("hidden").units == 1
    assert_equal_outputs(model, small)


def test_a_model_without_zeros_and_codes_keep_their_channels():
    model = tiny_models.sequential()
    coded = ncl.CodebookQuantization(bits=1)(
        ncl.MagnitudePruning(sparsity=0.9, scope="global")(model)
    )

    for one in (model, coded):
        assert ncl.RemoveDeadChannels()(one).count_params() == one.count_params()


def test_a_channel_behind_a_sigmoid_stays():
    image = keras.Input(tiny_models.IMAGE)
    x = layers.Dense(5, activation="sigmoid", name="hidden")(layers.Flatten()(image))
    model = keras.Model(image, layers.Dense(2, name="logits")(x))
    zero(model, "hidden", "kernel", np.s_[:])  # of zero, it makes one half

    assert_equal_outputs(model, ncl.RemoveDeadChannels()(model))
