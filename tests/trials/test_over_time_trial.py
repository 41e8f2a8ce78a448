"""A training that is watched is the pass, and its moments are what happened."""

import keras
import numpy as np
import pytest
import tiny_models
from trials.test_channel_trial import dataset

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.trials.over_time import OverTimeTrial

SLOWLY = ncl.GradualPruning(sparsity=0.5, epochs=2, batch_size=8, scope="global")

pytestmark = pytest.mark.usefixtures("eagerly")


def trial_of(model: keras.Model) -> OverTimeTrial:
    return OverTimeTrial(model, dataset())


def test_the_trained_model_is_that_of_the_pass_and_the_input_is_unchanged():
    model = tiny_models.residual()
    before = model.get_weights()
    trial = trial_of(model)

    replay = trial.trained(SLOWLY, lambda so_far: None)

    by_pass = SLOWLY(model, trial.context)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert replay.figures["accuracy"] == measure.accuracy(by_pass, trial.data)
    assert replay.figures["packed_bytes"] == measure.file_sizes(by_pass).packed
    assert replay.figures["zeros"] == pytest.approx(0.5, abs=1e-3)
    lost = trial.original["accuracy"] - replay.figures["accuracy"]
    assert replay.figures["accuracy_drop"] == lost


def test_moments_go_from_the_original_to_the_end_and_zeros_never_return():
    trial = trial_of(tiny_models.sequential())

    replay = trial.trained(SLOWLY, lambda so_far: None)

    steps = [one.step for one in replay.moments]
    zeros = [one.zeros for one in replay.moments]
    assert (steps[0], steps[-1]) == (0, replay.steps)
    assert steps == sorted(set(steps))
    assert zeros == sorted(zeros)
    for one in replay.moments:
        counted = int(one.histogram.counts.sum()) + one.histogram.outside
        weights = round(counted / (1 - one.zeros))
        assert weights == pytest.approx(counted + one.zeros * weights)
    planned = dict(trial.planned(SLOWLY))
    assert planned[0] == 0
    assert planned[replay.steps] == 0.5


def test_what_a_listener_raises_ends_the_training_after_as_many_moments():
    trial = trial_of(tiny_models.sequential())
    heard = []

    def stop(so_far):
        heard.append(len(so_far.moments))
        if len(heard) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trial.trained(SLOWLY, stop)

    assert heard == [2, 3]


def test_pruned_at_once_is_the_pass_without_training():
    model = tiny_models.sequential()
    trial = trial_of(model)

    pruned = ncl.MagnitudePruning(0.5, scope="global")(model)

    assert trial.at_once(SLOWLY) == measure.accuracy(pruned, trial.data)


def test_a_single_data_trains_nothing_and_says_so():
    trial = OverTimeTrial(tiny_models.sequential(), dataset().validation)

    assert not trial.can_train
    with pytest.raises(ValueError, match="needs training images"):
        trial.trained(SLOWLY, lambda so_far: None)


def test_a_model_without_kernels_is_refused():
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    images = ncl.data.fashion_mnist().validation.take(4)

    with pytest.raises((UnsupportedModelError, ValueError)):
        OverTimeTrial(model, images)
