"""The code in docs/plan.md and docs/sensitivity.md runs as it stands there."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import joblib
import keras
import numpy as np
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.planning import pareto
from nncompress_lab.planning.pareto_front import Found
from nncompress_lab.planning.techniques import GRIDS

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = pytest.mark.usefixtures("eager_module")


def _not_planned(model, context, scan, budget, epochs):
    """In place of each plan of a front, which other tests make."""
    return Found(budget, scan.original, ncl.pipeline())


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Runs a page and returns its names; with a smaller model, and no cluster."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.AveragePooling2D(4),
            layers.Flatten(),
            layers.Dense(160, activation="relu", name="hidden"),
            layers.Dense(10, name="logits"),
        ],
        name="small",
    )
    x = np.random.default_rng(0).normal(size=(32, 28, 28, 1)).astype("float32")
    part = ncl.Data(x, model.predict(x, verbose=0).argmax(axis=1))
    data = ncl.Dataset("noise", train=part, validation=part, test=part)
    nobody = SimpleNamespace(
        Client=lambda address: nullcontext(), register_ray=lambda: None
    )
    for name in ("pruning", "quantization"):
        monkeypatch.setitem(GRIDS, name, GRIDS[name][:3:2])
    monkeypatch.setattr(ncl.zoo, "lenet5", lambda: model)
    monkeypatch.setattr(ncl.data, "fashion_mnist", lambda: data)
    monkeypatch.setattr(pareto, "_found", _not_planned)
    monkeypatch.setattr(joblib, "parallel_config", lambda *_, **__: nullcontext())
    for name in ("distributed", "ray", "ray.util", "ray.util.joblib"):
        monkeypatch.setitem(sys.modules, name, nobody)
    monkeypatch.chdir(tmp_path)

    def run(page: str) -> dict:
        names = {"__name__": "page"}
        text = (DOCS / page).read_text(encoding="utf-8")
        for block in re.findall(
            r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
        ):
            exec(compile(block, page, "exec"), names)
        return names

    return run


def test_of_plans(ran):
    names = ran("plan.md")

    assert names["plan"].misses == names["result"].plan.misses == []
    assert len(names["front"].found) == len(pareto.RATIOS)
    assert Path("front.json").exists()


def test_of_sensitivities(ran):
    names = ran("sensitivity.md")

    assert len(names["scan"].rows) == 2 * len(names["options"])
    assert Path("lenet5.json").exists()
