"""What the tests of plans share: a tiny model, called without compiling, and a clock."""

import keras
import pytest
from plans import milliseconds

from nncompress_lab.measure.latency import Race
from nncompress_lab.planning import latency, points
from nncompress_lab.runtimes.racing import ModelRace
from nncompress_lab.testing import tiny_models


@pytest.fixture(scope="module")
def eager_module():
    """As the fixture `eagerly`, for all of a module and what it makes once."""
    with tiny_models.eagerly():
        yield


@pytest.fixture(scope="module")
def model(eager_module):
    keras.utils.set_random_seed(0)  # not all weights leave room for three plans
    return tiny_models.sequential()


@pytest.fixture
def clock(monkeypatch):
    """Models and layers take the time that `milliseconds` says, however busy we are."""

    def raced(models):
        times = {name: milliseconds(one) for name, one in models.items()}
        return ModelRace(Race(times, 0.02), "ONNX Runtime")

    def alone(**models):
        return list(map(milliseconds, models.values()))

    monkeypatch.setattr(points, "race_models", raced)
    monkeypatch.setattr(latency, "_milliseconds", alone)
