"""Which option each unit of a model gets, from what a scan has measured."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from nncompress_lab.planning.arrays.allocation import Front, Options, front_of_choices
from nncompress_lab.planning.sensitivity import Point, Row, Sensitivity

Choices = Mapping[str, int | None]
"""For each unit the index of its option; None leaves it as it is."""


@dataclass(frozen=True, eq=False)
class ChoiceFront:
    """The choices that change the outputs least, for every budget.

    Args:
        scan: What has been measured.
        cost: The field of a `Row` that the budgets limit.
        base: What the original costs.
        front: Of the units of the scan; the cost is the change from the original.
        options: For each unit the options that its index in the front means.
    """

    scan: Sensitivity
    cost: str
    base: float
    front: Front
    options: tuple[tuple[int | None, ...], ...]

    def __len__(self) -> int:
        return len(self.front)

    @property
    def least(self) -> float:
        """What the cheapest choice costs."""
        return self.base + float(self.front.costs[0])

    def choices(self, place: int) -> dict[str, int | None]:
        """One of the choices; the first is the cheapest, the last costs most."""
        return {
            unit: some[index]
            for unit, some, index in zip(
                self.scan.units, self.options, self.front.choice(place), strict=True
            )
        }

    def within(self, limit: float) -> dict[str, int | None]:
        """The choice that changes the outputs least of those that cost at most `limit`.

        Raises:
            ValueError: If even the cheapest costs more.
        """
        change = limit - self.base
        place = int(np.searchsorted(self.front.costs, change, side="right")) - 1
        if place < 0:
            raise ValueError(
                f"With these options the model costs {self.least:,.6g} {self.cost} at "
                f"least. Received: a limit of {limit:,.6g}. Allow more, or plan with "
                "options or techniques that save more."
            )
        return self.choices(place)


def front_of(
    scan: Sensitivity, cost: str = "packed_bytes", *, limit: float = np.inf
) -> ChoiceFront:
    """The best choices for every budget up to one.

    What the options of different units do to the outputs is taken to add up; what they
    do together in one unit has been measured, as an option of its own.

    Args:
        scan: What has been measured.
        cost: The field of a `Row` that the budgets limit.
        limit: The largest budget that is asked for; less than all of them is found more
            exactly.

    Raises:
        ValueError: If the scan has not measured this cost.
    """
    base = getattr(scan.original, {"bytes": "keras_bytes"}.get(cost, cost))
    rows = [_rows_of(scan, unit, cost) for unit in scan.units]
    if base is None or not any(rows):
        raise ValueError(
            f"The sensitivity holds no {cost}, which the budget limits. "
            + (
                "Measure it with latency=True. Where that was done, ONNX Runtime does "
                "not take the model, and `ncl.export` says why: limit macs instead."
                if cost == "latency_ms"
                else "Limit packed_bytes instead."
            )
        )
    layers = [
        Options(
            np.array([0.0, *(-row.divergence for row in some)]),
            np.array([0.0, *(float(getattr(row, cost)) for row in some)]),
        )
        for some in rows
    ]
    least = sum(float(one.costs[one.cheapest]) for one in layers)
    front = front_of_choices(layers, budget=max(least, limit - base))
    options = tuple((None, *(row.option for row in some)) for some in rows)
    return ChoiceFront(scan, cost, float(base), front, options)


def by_loss(scan: Sensitivity) -> Sensitivity:
    """A scan with changes of the loss, which may be below 0, in place of divergences."""
    rows = tuple(replace(row, divergence=row.loss) for row in scan.rows)
    return replace(scan, rows=rows)


def uniform_choices(scan: Sensitivity, option: int) -> dict[str, int | None]:
    """One option on all units that it changes."""
    return {
        unit: None if scan.of(unit, option) is None else option for unit in scan.units
    }


def predicted(scan: Sensitivity, choices: Choices) -> Point:
    """What a model is worth and costs under a choice, if all changes add up.

    But for the metric, which is no better than that of the original: what single changes
    win is the luck of a few examples.
    """
    rows = [
        row
        for unit, option in choices.items()
        if option is not None and (row := scan.of(unit, option)) is not None
    ]
    first = scan.original
    metric = first.metric + sum(row.metric for row in rows)
    worst = max if scan.mode == "min" else min
    return replace(
        first,
        loss=first.loss + sum(row.loss for row in rows),
        metric=worst(first.metric, metric),
        bytes=first.bytes + sum(row.bytes for row in rows),
        packed_bytes=first.packed_bytes + sum(row.packed_bytes for row in rows),
        keras_bytes=first.keras_bytes + sum(row.bytes for row in rows),
        macs=None
        if first.macs is None
        else first.macs + sum(r.macs or 0 for r in rows),
        latency_ms=None
        if first.latency_ms is None
        else first.latency_ms + sum(row.latency_ms or 0.0 for row in rows),
    )


def divergence_of(scan: Sensitivity, choices: Choices) -> float:
    """How far the outputs move under a choice, if all changes add up."""
    return sum(
        row.divergence
        for unit, option in choices.items()
        if option is not None and (row := scan.of(unit, option)) is not None
    )


def _rows_of(scan: Sensitivity, unit: str, cost: str) -> list[Row]:
    """What can become of a unit, but for what nobody knows the cost of."""
    found = (scan.of(unit, option) for option in range(len(scan.options)))
    return [row for row in found if row is not None and getattr(row, cost) is not None]
