"""Trials of channel pruning show what the narrow model is and does."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.trials.arrays.filter_images import filter_images
from nncompress_lab.trials.channels import ORIGINAL, ChannelTrial
from nncompress_lab.zoo import architectures

WITH_GROUPS = [one for one in tiny_models.BUILDERS if one is not tiny_models.shared]
HALF = ncl.ChannelPruning(sparsity=0.5)


def dataset() -> ncl.Dataset:
    context = tiny_models.context()
    names = tuple("abc")
    return ncl.Dataset(
        "tiny", context.train, context.validation, context.validation, names
    )


def trial_of(model: keras.Model) -> ChannelTrial:
    return ChannelTrial(model, dataset(), timed=True)


def assert_it_is_the_pass(trial, choice, model) -> keras.Model:
    """Zeros are added where the narrow model adds nothing: roundings of 1e-5."""
    narrow = trial.setting(choice)(model, trial.context)
    x = trial.data.x
    expected = keras.ops.convert_to_numpy(narrow(x, training=False))
    with trial._measuring.under(choice) as copy:
        found = keras.ops.convert_to_numpy(copy(x, training=False))
    atol = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    counted = trial.counted(choice)
    assert counted["macs"] == measure.macs(narrow)
    assert counted["parameters"] == narrow.count_params()
    return narrow


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", WITH_GROUPS, ids=lambda one: one.__name__)
def test_outputs_and_counts_are_those_of_the_pass(build):
    model = tiny_models.built(build)
    trial = trial_of(model)
    first = trial.layers[0]
    choices = (
        HALF,
        ncl.ChannelPruning(channels=((first, 1),)),  # the next one keeps the others
        ncl.ChannelPruning(macs=0.8, criterion="taylor", scope="global"),
        ORIGINAL,
    )

    for choice in choices:
        narrow = assert_it_is_the_pass(trial, choice, model)
    assert narrow.count_params() == model.count_params()


def test_the_trials_of_the_zoo_have_the_accuracy_of_the_pass():
    model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist().validation
    trial = ChannelTrial(model, data, examples=200)

    for choice in (HALF, ncl.ChannelPruning(channels=(("conv2", 9),), criterion="l2")):
        narrow = choice(model)
        # One of two nearly equal logits may win on one image of the 200.
        expected = measure.accuracy(narrow, data.take(200))
        assert trial.accuracy(choice) == pytest.approx(expected, abs=0.0051)
    assert trial.original["accuracy"] == measure.accuracy(model, data.take(200))


@pytest.mark.usefixtures("eagerly")
def test_files_latency_and_statistics_are_of_the_narrow_model():
    model = tiny_models.randomize_statistics(tiny_models.residual())
    trial = trial_of(model)
    narrow = HALF(model)

    weighed = trial.weighed(HALF)

    sizes = measure.file_sizes(narrow)
    # Keras numbers all tensors of a session, and the file holds these names.
    assert weighed["keras_bytes"] == pytest.approx(sizes.keras, abs=400)
    assert weighed["packed_bytes"] == pytest.approx(sizes.packed, abs=100)
    measured = ncl.ReestimateBatchNorm(batch_size=128)(narrow, trial.context)
    assert weighed["reestimated"] == measure.accuracy(measured, trial.data)
    assert weighed["latency_ms"] > 0
    assert weighed["latency_band"] >= 0.02
    assert not {"latency_ms", "reestimated"} & set(trial.original)  # nothing was cut


def test_widths_name_each_layer_its_group_and_what_stays():
    data = ncl.data.fashion_mnist().validation.take(8)
    trial = ChannelTrial(architectures.resnet20(width=4), data)

    widths = {one.path: one for one in trial.widths(HALF)}

    tied = ["stem", "stage0_0_conv2", "stage0_1_conv2", "stage0_2_conv2"]
    assert len({widths[path].group for path in tied}) == 1
    assert widths["stage0_0_conv1"].group != widths["stem"].group
    assert (widths["stem"].channels, widths["stem"].kept) == (4, 2)
    assert (widths["logits"].kept, widths["logits"].group) == (10, None)


def test_the_filters_stand_by_their_scores_and_the_last_go():
    data = ncl.data.fashion_mnist().validation.take(8)
    model = architectures.lenet5()
    trial = ChannelTrial(model, data)
    kernel = keras.ops.convert_to_numpy(model.get_layer("conv1").kernel)
    order = np.argsort(np.abs(kernel).sum(axis=(0, 1, 2)))[::-1]

    filters = trial.filters(HALF, "conv1", most=20)
    some = trial.filters(HALF, "dense1", most=7)

    assert np.array_equal(filters.images, filter_images(kernel)[order])
    assert filters.kept.tolist() == [True] * 10 + [False] * 10
    assert len(some.images) == 7
    assert some.channels == 500


@pytest.mark.parametrize(
    ("shape", "axis", "image"),
    [
        ((5, 5, 1, 4), -1, (5, 5)),
        ((3, 3, 7, 4), -1, (3, 3)),
        ((11, 11, 3, 4), -1, (8, 8)),
        ((9, 2, 4), -1, (8, 2)),
        ((800, 4), -1, (8, 8)),
        ((2, 4), 1, (1, 1)),
        ((3, 3, 4, 1), 2, (3, 3)),
    ],
)
def test_every_channel_has_a_small_image(shape, axis, image):
    kernel = np.random.default_rng(0).normal(size=shape)

    images = filter_images(kernel, axis=axis)

    assert images.shape == (4, *image)
    assert np.abs(images).max() == 1
    assert not filter_images(0 * kernel, axis=axis).any()


def test_the_least_budget_is_what_is_left_of_one_channel_a_layer():
    data = ncl.data.fashion_mnist().validation.take(8)
    trial = ChannelTrial(architectures.lenet5(), data)

    least = [trial.least_macs(round_to) for round_to in (1, 8, 20)]

    assert least == sorted(least)
    trial.counted(ncl.ChannelPruning(macs=least[1], round_to=8))
    with pytest.raises(ValueError, match="cannot keep this budget"):
        trial.counted(ncl.ChannelPruning(macs=0.99 * least[1], round_to=8))
    with pytest.raises(ValueError, match=r"no layer 'pool1'.*conv1, conv2, dense1"):
        trial.channels("pool1")


def test_criteria_are_those_that_score_every_channel():
    assert trial_of(tiny_models.sequential()).criteria == ("l1", "l2", "taylor")


@pytest.mark.usefixtures("eagerly")
def test_an_epoch_of_training_tells_how_far_it_is_and_can_be_ended():
    trial = trial_of(tiny_models.sequential())
    heard = []

    accuracy = trial.trained(HALF, heard.append)

    assert 0 <= accuracy <= 1
    assert heard == sorted(heard)
    assert heard[-1] == 1

    def stop(_):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        trial.trained(HALF, stop)


def test_what_cannot_be_done_is_said():
    with pytest.raises(UnsupportedModelError, match="no channels that can be cut"):
        trial_of(tiny_models.shared())
    images = tiny_models.context().validation
    with pytest.raises(ValueError, match="needs training images"):
        ChannelTrial(tiny_models.sequential(), images).trained(HALF, print)
