"""A plan carried out: applied, recovered, measured, and made anew where it misses."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras

from nncompress_lab.errors import CompressionError
from nncompress_lab.passes import Context
from nncompress_lab.planning.budget import Budget, drop
from nncompress_lab.planning.plan import Plan
from nncompress_lab.planning.planner import NEAR, Planner
from nncompress_lab.planning.points import Measuring

TRIES = 3  # trainings at most
LONGER = 2  # times as many epochs, where nothing but training is left
Compress = Callable[..., Any]


def carried_out(
    model: keras.Model, plan: Plan, context: Context, compress: Compress
) -> Any:
    """Apply a plan, recover, measure; plan again with what was learned if it misses.

    What training has done to the cost, such as to how well codes can be packed, and to the
    metric, is taken to happen again. Where the cost is too large, or there is room left and
    the metric drops by too much, the next plan is made for a limit that is smaller or
    larger by that; where there is no room, the same plan is trained twice as long.

    Args:
        model: That the plan is for. It is not changed.
        plan: Trained as many epochs as it says, if the context has training data.
        context: With validation data; else nothing is measured.
        compress: Applies passes to the model and keeps all stages.

    Returns:
        What `compress` does, with the plan that was carried out and its point: the first
        that meets the budget, or the one of three that misses it least.
    """
    if context.validation is None:
        return replace(compress(plan.passes), plan=plan)
    return min(_tried(model, plan, context, compress), key=_missed_by)


def _tried(
    model: keras.Model, plan: Plan, context: Context, compress: Compress
) -> Iterator[Any]:
    """What came of a plan, and of those after it; the last one may meet the budget."""
    asked, timed = plan.budget, plan.budget.cost == "latency_ms"
    planner = plan.scan and Planner(model, context, plan.scan, timed=timed)
    measuring = (
        planner.measuring if planner else Measuring.of(model, context, latency=timed)
    )
    for _ in range(TRIES):
        trains = plan.epochs > 0 and context.train is not None
        result = compress(plan.recovering() if trains else plan.passes)
        point = measuring.point(result.model)
        done = replace(plan, budget=asked, verified=point, recovered=trains)
        yield replace(result, plan=done)
        again = _again(planner, plan, done) if planner and done.misses else None
        if again is None:
            return
        plan = again


def _again(planner: Planner, before: Plan, after: Plan) -> Plan | None:
    """The next plan, by what training did to one that misses; None if there is none."""
    asked, known = _asked(before, after), after.original
    next_plan = _planned(planner, asked, before) if asked else None
    over, _ = after.budget.excess(after.verified, known, mode=after.mode)
    if next_plan is None and after.recovered and not over:
        return replace(before, epochs=LONGER * before.epochs)
    return next_plan


def _asked(before: Plan, after: Plan) -> Budget | None:
    """A budget with which the real one will be met; None if there is no room left."""
    budget, known = after.budget, after.original
    points = before.verified, after.verified
    limit = budget.limit(known)
    if limit is None:  # only the metric counts
        lost = [drop(one, known, mode=after.mode) for one in points]
        allowed = (budget.max_drop or 0.0) - (lost[1] - lost[0])
        return replace(budget, max_drop=max(0.0, allowed))
    planned, came = (getattr(one, budget.cost) for one in points)
    if NEAR * limit <= came <= limit:
        return None
    return budget.within(limit * planned / came)


def _planned(planner: Planner, budget: Budget, before: Plan) -> Plan | None:
    """Another plan than the one before; None if there is none within a budget."""
    try:
        made = planner.plan(budget)
    except CompressionError:
        return None
    if made.chosen == before.chosen:
        return None
    return replace(made, epochs=before.epochs)


def _missed_by(done: Any) -> tuple[float, float]:
    plan: Plan = done.plan
    return plan.budget.excess(plan.verified, plan.original, mode=plan.mode)
