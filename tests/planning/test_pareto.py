"""Fronts of plans: which points are on them, that they go on, and clusters."""

import importlib.util
import json
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
from plans import OPTIONS, context, hand_made

import nncompress_lab as ncl
from nncompress_lab.planning import pareto as pareto_module
from nncompress_lab.planning.pareto_front import Found, ParetoFront

BUDGETS = (1.8, 3.5, 100)

pytestmark = pytest.mark.usefixtures("eager_module")


@pytest.fixture(scope="module")
def scan(model):
    return hand_made(model)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("fronts") / "front.json"


@pytest.fixture(scope="module")
def front(model, scan, kept):
    return ncl.pareto(model, context(model), BUDGETS, scan=scan, path=kept)


def points(scan, *pairs):
    return tuple(
        Found(
            ncl.Budget(packed_bytes=size),
            replace(scan.original, packed_bytes=size, metric=metric),
            ncl.pipeline(),
        )
        for size, metric in pairs
    )


def test_each_budget_has_a_plan_or_says_why_not(front):
    large, small, none = front.found

    assert large.point.packed_bytes <= front.original.packed_bytes / 1.8
    assert small.point.packed_bytes <= front.original.packed_bytes / 3.5
    assert none.point is None
    assert "at least" in none.note or "smallest model" in none.note


def test_the_plans_are_recipes(front, model):
    found = front.found[1]

    result = found.passes(model, context(model))

    assert ncl.packed_bytes(result) == found.point.packed_bytes


def test_on_the_front_is_what_no_other_beats(scan):
    found = points(scan, (900, 0.9), (500, 0.8), (700, 0.7), (800, 0.9), (400, 0.5))
    front = ParetoFront("m", "accuracy", "max", "packed_bytes", scan.original, found)

    sizes = [one.point.packed_bytes for one in front.front]
    assert sizes == [400, 500, 800]
    lower = replace(front, mode="min")
    assert [one.point.packed_bytes for one in lower.front] == [400]


def test_a_front_goes_on_from_its_file(front, model, scan, kept, monkeypatch):
    done = []
    real = pareto_module._found
    monkeypatch.setattr(
        pareto_module, "_found", lambda *args: done.append(args[3]) or real(*args)
    )

    again = ncl.pareto(model, context(model), (*BUDGETS, 2.5), scan=scan, path=kept)

    assert done == [ncl.Budget(ratio=2.5)]
    assert again.found[:3] == front.found


def test_another_scan_takes_nothing_from_the_file(front, model, scan, kept, tmp_path):
    copy = tmp_path / "front.json"
    copy.write_text(kept.read_text())
    other = hand_made(model, OPTIONS[:1])

    found = ncl.pareto(model, context(model), (3.5,), scan=other, path=copy)

    assert json.loads(copy.read_text())["key"] != json.loads(kept.read_text())["key"]
    assert found.found[0].passes == OPTIONS[0] or len(found.found) == 1


def test_a_file_of_another_kind_is_refused(model, scan, tmp_path):
    (tmp_path / "front.json").write_text("[]")

    with pytest.raises(ValueError, match="no file that `pareto` wrote"):
        ncl.pareto(model, context(model), scan=scan, path=tmp_path / "front.json")


def test_a_front_reads_well_and_plots(front):
    assert "on the front" in str(front)
    assert "Budget(ratio=1.8)" in front._repr_html_()
    frame = front.to_dataframe()
    assert list(frame.on_front) == [one in front.front for one in front.found]
    assert front.plot().get_ylabel() == "accuracy in %"


@pytest.mark.parametrize(
    "budgets", [(), (ncl.Budget(macs=5), ncl.Budget(ratio=4)), (ncl.Budget(macs=5), 4)]
)
def test_budgets_of_different_costs_are_refused(model, scan, budgets):
    with pytest.raises(ValueError, match="limit the same cost"):
        ncl.pareto(model, context(model), budgets, scan=scan)


def test_without_joblib_an_error_says_how_to_get_it(model, scan, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)

    with pytest.raises(ImportError, match=r"nncompress-lab\[lab\]"):
        ncl.pareto(model, context(model), scan=scan)


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="distributed is missing"
)
@pytest.mark.filterwarnings("ignore")  # of another library, on its way down
def test_a_dask_cluster_finds_the_same(front, model, scan):
    import joblib
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    )
    with cluster, Client(cluster), joblib.parallel_config("dask"):
        found = ncl.pareto(model, context(model), BUDGETS[1:2], scan=scan)

    assert found.found == front.found[1:2]


def test_a_task_can_be_sent_to_another_process(model, scan, front):
    sent = pickle.dumps((model, context(model), scan, ncl.Budget(ratio=3), front.found))

    received = pickle.loads(sent)

    same = zip(received[0].get_weights(), model.get_weights(), strict=True)
    assert all(np.array_equal(*pair) for pair in same)
    assert received[2].rows == scan.rows
    assert received[3:] == (ncl.Budget(ratio=3), front.found)
