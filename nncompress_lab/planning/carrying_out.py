"""A plan carried out: applied, recovered, measured, and made anew where it misses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras

from nncompress_lab.passes import Context
from nncompress_lab.planning.plan import Plan
from nncompress_lab.planning.planner import Planner
from nncompress_lab.planning.points import Measuring

TRIES = 3  # trainings at most
Compress = Callable[..., Any]


def carried_out(
    model: keras.Model, plan: Plan, context: Context, compress: Compress
) -> Any:
    """Apply a plan, recover, measure; plan again with what was learned if it misses.

    What training does to the cost, such as to how well codes can be packed, it will do
    again: the next plan is made for a budget that is smaller by that.

    Args:
        model: That the plan is for. It is not changed.
        plan: Trained as many epochs as it says, if the context has training data.
        context: With validation data; else nothing is measured.
        compress: Applies passes to the model and keeps all stages.

    Returns:
        What `compress` does, with the plan that was carried out and its point.
    """
    if context.validation is None:
        return replace(compress(plan.passes), plan=plan)
    timed = plan.budget.cost == "latency_ms"
    measuring = Measuring.of(model, context, latency=timed)
    asked, tries = plan.budget, 0
    limit = asked.limit(plan.original)
    while True:
        trained = plan.epochs > 0 and context.train is not None
        result = compress(plan.recovering() if trained else plan.passes)
        tries += 1
        before = getattr(plan.verified, asked.cost)
        point = measuring.point(result.model)
        plan = replace(plan, budget=asked, verified=point, recovered=trained)
        cost = getattr(point, asked.cost)
        fits = limit is None or cost <= limit
        if fits or tries == TRIES or plan.scan is None or limit is None:
            return replace(result, plan=plan)
        planner = Planner(model, context, plan.scan, timed=timed)
        tighter = asked.within(limit * before / cost)
        plan = replace(planner.plan(tighter), epochs=plan.epochs)
