"""Shared settings of the tests: quiet logs, no progress bars, opt-in slow tests."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from nncompress_lab import Context, Data


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="also run slow tests")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("--runslow"):
        return
    skip = pytest.mark.skip(reason="slow; run it with --runslow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(7)


@pytest.fixture
def context() -> Context:
    """Random training and validation data for the tiny image models."""
    generator = np.random.default_rng(0)

    def data(count: int) -> Data:
        x = generator.random((count, 8, 8, 3)).astype(np.float32)
        return Data(x, generator.integers(0, 4, count).astype(np.int32))

    return Context(
        train=data(32),
        validation=data(16),
        calibration=data(8),
        test=data(16),
        progress=False,
    )
