"""The code in docs/own-training-loop.md runs as it stands there, on each backend."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from nncompress_lab.models.kernels import to_numpy

PAGE = Path(__file__).parents[2] / "docs" / "own-training-loop.md"
BACKENDS = ("tensorflow", "jax", "torch")

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def ran():
    """The names that the code has made."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    names = {"__name__": "own_loop"}
    for block in blocks:
        backend = block.partition("\n")[0].removeprefix("# ")
        if backend not in BACKENDS or backend == keras.backend.backend():
            exec(compile(block, PAGE.name, "exec"), names)
    return names


def zeros(model: keras.Model) -> list[float]:
    return [float(np.mean(to_numpy(one.kernel) == 0)) for one in model.layers]


def mean_loss(names, model: keras.Model) -> float:
    return float(to_numpy(names["loss"](names["y"], model(names["x"]))))


def test_a_pruned_model_recovers_and_keeps_its_zeros(ran):
    assert zeros(ran["pruned"]) == [0.75, 0.75]
    assert ran["pruned"].layers[0].kernel.constraint is None
    before = ran["ncl"].MagnitudePruning(sparsity=0.75)(ran["model"])
    assert mean_loss(ran, ran["pruned"]) < mean_loss(ran, before)


def test_a_loop_prunes_step_by_step(ran):
    assert zeros(ran["gradual"]) == [0.5, 0.5]


def test_a_loop_trains_through_rounding(ran):
    rounded, small = ran["rounded"], ran["small"]
    start = ran["step"].rounded(ran["model"])

    assert mean_loss(ran, rounded) < mean_loss(ran, start)
    np.testing.assert_allclose(
        to_numpy(small(ran["x"])), to_numpy(rounded(ran["x"])), rtol=1e-4, atol=1e-5
    )
    assert type(small.layers[0]).__name__ == "QuantizedDense"
