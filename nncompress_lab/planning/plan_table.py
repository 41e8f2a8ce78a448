"""A plan as a table, for a terminal and a notebook."""

import html
from typing import TYPE_CHECKING

from nncompress_lab.planning.sensitivity import Point
from nncompress_lab.planning.tables import aligned, html_table
from nncompress_lab.report.formats import count, milliseconds, size
from nncompress_lab.report.metrics import Metric, title_of

if TYPE_CHECKING:
    from nncompress_lab.planning.plan import Plan


def text(plan: "Plan") -> str:
    """The units and the points as plain text."""
    parts = [aligned(one) for one in (_points(plan), _units(plan))]
    return "\n\n".join([*parts, "\n".join(_captions(plan))])


def page(plan: "Plan") -> str:
    """The same for a notebook."""
    said = "".join(
        f"<div><small>{html.escape(one)}</small></div>" for one in _captions(plan)
    )
    return f"{html_table(_points(plan))}{html_table(_units(plan))}{said}"


def _points(plan: "Plan") -> list[list[str]]:
    shown = {
        "original": plan.original,
        "predicted": plan.predicted,
        "verified": plan.verified,
    }
    metric = Metric(plan.metric, title_of(plan.metric), plan.mode, plan.is_fraction)
    titles = ["", metric.title, "packed", ".keras file", "MACs", "latency"]
    table = [[name, *_cells(metric, point)] for name, point in shown.items()]
    columns = [*zip(titles, *table, strict=True)]
    kept = [column for column in columns if set(column[1:]) != {"-"}]
    return [list(row) for row in zip(*kept, strict=True)]


def _cells(metric: Metric, point: Point) -> list[str]:
    return [
        metric.shown(point.metric),
        size(point.packed_bytes),
        size(point.keras_bytes),
        count(point.macs),
        milliseconds(point.latency_ms),
    ]


def _units(plan: "Plan") -> list[list[str]]:
    return [
        ["unit", "option"],
        *([unit, label] for unit, label in plan.choices.items()),
    ]


def _captions(plan: "Plan") -> list[str]:
    when = "after recovery" if plan.recovered else "before any training"
    said = [f"{plan.budget}. Verified on the validation data, {when}."]
    said += [f"Not met: {miss}." for miss in plan.misses]
    others = [
        f"{one.name}: {plan.metric} {one.point.metric:.4g}, "
        f"{size(one.point.packed_bytes)} packed"
        for one in plan.candidates
    ]
    if others:
        said.append(f"Chosen from {'; '.join(others)}.")
    return said
