"""Plans under a budget of time, by a clock that goes by what there is to compute."""

from dataclasses import replace

import pytest
from plans import context, hand_made, milliseconds

import nncompress_lab as ncl
from nncompress_lab.errors import CompressionError
from nncompress_lab.planning import latency
from nncompress_lab.planning.choices import front_of
from nncompress_lab.planning.plan import Plan

RANKS = [ncl.LowRank(rank=rank) for rank in (1, 2, 4)]
FILTERS = [ncl.ChannelPruning(sparsity=part) for part in (0.25, 0.5)]

pytestmark = pytest.mark.usefixtures("eager_module", "clock")


def planned(model, budget, options=RANKS, **settings):
    return ncl.plan(
        model, budget, context(model), techniques=[options], examples=16, **settings
    )


@pytest.mark.parametrize("options", [RANKS, FILTERS], ids=["ranks", "channels"])
def test_a_plan_is_as_fast_as_its_budget_says(model, options):
    limit = 0.8 * milliseconds(model)

    made = planned(model, ncl.Budget(latency_ms=limit), options)

    small = made.passes(model, context(model))
    assert made.verified.latency_ms == pytest.approx(milliseconds(small))
    assert made.verified.latency_ms <= limit
    assert made.original.latency_ms == pytest.approx(milliseconds(model))
    assert made.misses == []
    assert "latency" in str(made)


def test_a_plan_that_came_out_slower_is_made_anew(model, monkeypatch):
    """Training that undoes the first plan."""
    limit = 0.9 * milliseconds(model)
    made = planned(model, ncl.Budget(latency_ms=limit))
    monkeypatch.setattr(
        Plan,
        "recovering",
        lambda plan: ncl.pipeline() if plan.chosen == made.chosen else plan.passes,
    )

    result = ncl.compress(model, made, context=context(model))

    assert result.plan.verified.latency_ms == pytest.approx(milliseconds(result.model))
    assert result.plan.verified.latency_ms < made.verified.latency_ms
    assert result.plan.misses == []


def test_what_saves_no_time_is_said_to_be_too_slow(model):
    bits = [ncl.UniformQuantization(bits=4)]

    with pytest.raises(CompressionError, match="options or techniques that save more"):
        planned(model, ncl.Budget(latency_ms=0.5 * milliseconds(model)), bits)


def test_a_front_of_time(model):
    budgets = [ncl.Budget(latency_ms=part * milliseconds(model)) for part in (0.8, 0.9)]

    front = ncl.pareto(model, context(model), budgets, techniques=[RANKS])

    for budget, one in zip(budgets, front.found, strict=True):
        assert one.point.latency_ms <= budget.latency_ms
    assert front.plot().get_xlabel().startswith("latency_ms")


def test_options_that_nobody_can_time_are_left_out(model):
    scan = hand_made(model, RANKS, units=("conv", "hidden"))
    rows = [
        replace(one, latency_ms=None if one.unit == "conv" else -0.001)
        for one in scan.rows
    ]
    first = replace(scan.original, latency_ms=milliseconds(model))

    front = front_of(replace(scan, rows=tuple(rows), original=first), "latency_ms")

    every = [front.choices(place) for place in range(len(front))]
    assert {one["conv"] for one in every} == {None}
    assert every[0]["hidden"] is not None


def test_a_model_that_the_runtime_refuses_has_no_plan_of_time(model, monkeypatch):
    monkeypatch.setattr(latency, "_milliseconds", lambda **models: None)

    with pytest.raises(ValueError, match=r"ncl.export` says why: limit macs"):
        planned(model, ncl.Budget(latency_ms=1.0))
