"""`python -m nncompress_lab.zoo train`: seeded, resumable, and honest about float16."""

import json

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.zoo import training


@pytest.fixture
def small(monkeypatch) -> None:
    """Two thousandths of the images and three epochs: the same code in seconds."""
    whole = ncl.data.fashion_mnist()
    few = ncl.Dataset(
        "few", whole.train.take(200), whole.test.take(50), whole.test, whole.class_names
    )
    plan = training.Training(
        training.architectures.lenet_300_100, epochs=3, learning_rate=1e-3, augment=True
    )
    monkeypatch.setattr(training, "fashion_mnist", lambda **_: few)
    monkeypatch.setitem(training.TRAININGS, "lenet_300_100", plan)


def stored(folder) -> dict[str, np.ndarray]:
    with np.load(folder / "lenet_300_100.npz") as arrays:
        return dict(arrays)


def test_weights_are_stored_as_float16_with_what_was_measured(small, tmp_path):
    model = training.train("lenet_300_100", runs=tmp_path / "runs", folder=tmp_path)

    arrays = stored(tmp_path)
    facts = json.loads(str(arrays.pop("facts")))
    assert {array.dtype for array in arrays.values()} == {np.dtype("float16")}
    assert facts["epochs"] == 3
    for weight in model.weights:  # what was measured is what is stored
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(weight), arrays[weight.path].astype(np.float32)
        )
    assert 0 <= facts["full_test_accuracy"] <= 1


# Keras's CSVLogger stays open when the training is interrupted.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_training_goes_on_where_it_was(small, tmp_path, monkeypatch):
    fit = keras.Model.fit

    def interrupted(self, *args, callbacks, **kwargs):
        def stop(epoch, _logs):
            if epoch == 1:
                raise KeyboardInterrupt

        breaker = keras.callbacks.LambdaCallback(on_epoch_begin=stop)
        return fit(self, *args, callbacks=[*callbacks, breaker], **kwargs)

    monkeypatch.setattr(keras.Model, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train("lenet_300_100", runs=tmp_path / "cut", folder=tmp_path)
    monkeypatch.setattr(keras.Model, "fit", fit)
    model = training.train("lenet_300_100", runs=tmp_path / "cut", folder=tmp_path)

    log = (tmp_path / "cut" / "lenet_300_100.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["epoch", "0", "1", "2"]
    # Two batches an epoch: the optimizer went on with its count and its schedule.
    assert int(model.optimizer.iterations) == 6
    assert (tmp_path / "lenet_300_100.npz").is_file()
