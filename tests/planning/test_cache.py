"""An interrupted scan goes on, and no other model reads its rows."""

import json

import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.planning.altered import Altered

SELECTED = ["hidden", "logits"]
OPTIONS = [
    ncl.UniformQuantization(bits=2, select=SELECTED),
    ncl.MagnitudePruning(sparsity=0.5, select=SELECTED),
]
pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def judged(monkeypatch) -> list:
    """The changes that were really judged."""
    seen: list = []
    judge = Altered.judged

    def counting(self, change):
        seen.append(change.unit)
        return judge(self, change)

    monkeypatch.setattr(Altered, "judged", counting)
    return seen


def scan(model, cache, options=OPTIONS, context=None, progress=False):
    context = context or tiny_models.context()
    return ncl.sensitivity(model, options, context, cache=cache, progress=progress)


def test_an_interrupted_scan_goes_on_where_it_was(tmp_path, judged):
    model, cache = tiny_models.sequential(), tmp_path / "scan.json"

    def stop(done: int, cells: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(model, cache, progress=stop)
    assert len(judged) == 3
    resumed = scan(model, cache)

    assert len(judged) == 4
    assert resumed.rows == scan(model, None).rows


def test_more_options_measure_only_what_is_new(tmp_path, judged):
    model = tiny_models.sequential()
    first = scan(model, tmp_path, OPTIONS[:1])

    both = scan(model, tmp_path, OPTIONS[::-1])

    assert len(judged) == 4
    assert [one.divergence for one in both.rows if one.option == 1] == [
        one.divergence for one in first.rows
    ]


def test_other_weights_data_or_objectives_read_no_rows(tmp_path, judged):
    model, context = tiny_models.sequential(), tiny_models.context()
    scan(model, tmp_path)
    kernel = model.get_layer("logits").kernel
    other = np.array(kernel)
    other[0, 0] += 1e-6

    said = "sparse_categorical_crossentropy"
    scan(model, tmp_path, context=ncl.Context.of(context, objective=said))
    fewer = context.validation.take(len(context.validation) - 1)
    scan(model, tmp_path, context=ncl.Context.of(context, validation=fewer))
    kernel.assign(other)
    scan(model, tmp_path)

    assert len(judged) == 4 * 4
    file = json.loads((tmp_path / "sensitivity.json").read_text())
    assert len(file["scans"]) == 4


def test_a_file_of_another_kind_is_left_as_it_is(tmp_path):
    recipe = tmp_path / "recipe.json"
    ncl.save_recipe(OPTIONS[0], recipe)
    before = recipe.read_bytes()

    with pytest.raises(ValueError, match="Name another file"):
        scan(tiny_models.sequential(), recipe)

    assert recipe.read_bytes() == before


def test_progress_is_told(tmp_path):
    told = []

    scan(tiny_models.sequential(), None, progress=lambda *one: told.append(one))

    assert told == [(done, 4) for done in range(1, 5)]
