"""What a plan may cost, and what it may lose."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from nncompress_lab.planning.sensitivity import Point
from nncompress_lab.settings import check_settings

Cost = Literal["packed_bytes", "keras_bytes", "macs", "latency_ms"]
COSTS: tuple[Cost, ...] = get_args(Cost)
IN_ROWS = {"keras_bytes": "bytes"}  # a `.keras` file holds weights as memory does
ROUNDING = 1e-9  # of the difference of two metrics


@dataclass(frozen=True)
class Budget:
    """What a model may cost, and how much of its metric it may lose.

    One cost is limited, or none and the loss alone: then the file that `ncl.pack` writes
    is made as small as the loss allows.

    Args:
        packed_bytes: Of the file that `ncl.pack` writes.
        keras_bytes: Of the `.keras` file.
        macs: Multiply-accumulates for one example.
        latency_ms: Of one example in ONNX Runtime on this machine, in milliseconds.
        ratio: Packed bytes of the original over those of the result, above 1.
        max_drop: The most that the first metric may get worse by, in its own unit (0.005
            of an accuracy is half a point), at least 0, on the validation data.

    Raises:
        ValueError: If several costs are given, or nothing at all, or a value is out of
            range.

    Example:
        >>> Budget(ratio=10, max_drop=0.005)
        Budget(ratio=10, max_drop=0.005)
    """

    packed_bytes: int | None = None
    keras_bytes: int | None = None
    macs: int | None = None
    latency_ms: float | None = None
    ratio: float | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        check_settings(self)
        given = self.given
        costs = given.keys() - {"max_drop"}
        if len(costs) > 1 or not given:
            received = ", ".join(f"{name}={value!r}" for name, value in given.items())
            raise ValueError(
                f"A budget limits one of {', '.join(COSTS)} and ratio, or max_drop alone. "
                f"Received: {received or 'nothing'}."
            )
        for name, value in given.items():
            least = {"ratio": "above 1", "max_drop": "at least 0"}.get(name, "above 0")
            good = value >= 0 if name == "max_drop" else value > (name == "ratio")
            if not good or not math.isfinite(value):
                raise ValueError(
                    f"`{name}` must be {least} and finite. Received: {name}={value!r}."
                )

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"Budget({shown})"

    @property
    def given(self) -> dict[str, Any]:
        """The fields that are given, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def cost(self) -> Cost:
        """What is limited, or made small: a field of `Point`."""
        return next(
            (name for name in COSTS if getattr(self, name) is not None), COSTS[0]
        )

    @property
    def cost_in_rows(self) -> str:
        """The same as a field of `Row`."""
        return IN_ROWS.get(self.cost, self.cost)

    def limit(self, original: Point) -> float | None:
        """The most that a model may cost; None if only its loss is limited."""
        if self.ratio is not None:
            return original.packed_bytes / self.ratio
        limit: float | None = getattr(self, self.cost)
        return limit

    def within(self, limit: float) -> "Budget":
        """This budget with another limit of its cost."""
        fields: dict[str, Any] = {
            "ratio": None,
            self.cost: limit if self.cost == "latency_ms" else int(limit),
        }
        return replace(self, **fields)

    def misses(self, point: Point, original: Point, *, mode: str = "max") -> list[str]:
        """In what a model misses the budget, in sentences; none if it meets it.

        Args:
            point: Of the model.
            original: What its metric is compared with.
            mode: Whether `"min"` or `"max"` of the metric is best.
        """
        said = []
        over, lost = self.excess(point, original, mode=mode)
        if over:
            cost, limit = getattr(point, self.cost), self.limit(original)
            said.append(f"{cost:,.6g} {self.cost}, and the budget allows {limit:,.6g}")
        if lost:
            said.append(
                f"the metric drops by {drop(point, original, mode=mode):.4g}, and the "
                f"budget allows {self.max_drop:.4g}"
            )
        return said

    def excess(
        self, point: Point, original: Point, *, mode: str = "max"
    ) -> tuple[float, float]:
        """By how much a model misses the budget; zeros if it meets it.

        Args:
            point: Of the model.
            original: What its metric is compared with.
            mode: Whether `"min"` or `"max"` of the metric is best.

        Returns:
            What it costs too much, as a part of the limit, and what it loses too much.
        """
        limit, over, lost = self.limit(original), 0.0, 0.0
        if limit is not None:
            over = max(0.0, getattr(point, self.cost) / limit - 1)
        if self.max_drop is not None:
            lost = drop(point, original, mode=mode) - self.max_drop
        return over, lost if lost > ROUNDING else 0.0


def drop(point: Point, original: Point, *, mode: str) -> float:
    """By how much the metric of a model is worse than that of the original."""
    change = point.metric - original.metric
    return change if mode == "min" else -change
