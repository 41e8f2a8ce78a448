"""Plans for many budgets as points: which are on the front, as a table and a plot."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from nncompress_lab.pipelines import Pipeline
from nncompress_lab.planning.budget import Budget
from nncompress_lab.planning.sensitivity import Point
from nncompress_lab.planning.tables import aligned, html_table
from nncompress_lab.report.formats import count, milliseconds, optional, size
from nncompress_lab.report.metrics import Metric, title_of


@dataclass(frozen=True)
class Found:
    """What was found for one budget.

    Args:
        budget: What was asked for.
        point: As it was measured; None if nothing fits the budget.
        passes: That make it.
        note: Why there is no point; empty if there is.
    """

    budget: Budget
    point: Point | None
    passes: Pipeline
    note: str = ""


@dataclass(frozen=True, eq=False)
class ParetoFront:
    """What accuracy a model can have at which cost.

    Args:
        model: Its name.
        metric: The name of the metric that judges the task.
        mode: Whether `"min"` or `"max"` of it is best.
        cost: The field of a `Point` that the budgets limit.
        original: The model as it is.
        found: For each budget, in the order of the budgets.
        is_fraction: Whether the metric goes from 0 to 1, and is shown in percent.
    """

    model: str
    metric: str
    mode: Literal["min", "max"]
    cost: str
    original: Point
    found: tuple[Found, ...]
    is_fraction: bool = False

    @property
    def front(self) -> tuple[Found, ...]:
        """Those than which no other is better at no higher cost, from the cheapest on."""
        best: list[Found] = []
        for one in sorted(self._met(), key=self._by_cost):
            if not best or self._worth(one) > self._worth(best[-1]):
                best.append(one)
        return tuple(best)

    def to_dataframe(self) -> Any:
        """One row a budget: the budget, its point, and whether it is on the front.

        Raises:
            ImportError: If pandas is not installed.
        """
        rows = [
            {
                "budget": repr(one.budget),
                **({} if one.point is None else asdict(one.point)),
                "on_front": one in self.front,
                "note": one.note,
            }
            for one in self.found
        ]
        return optional("pandas").DataFrame(rows)

    def plot(self, ax: Any = None) -> Any:
        """Draw the metric against the cost; the line joins what is on the front.

        Args:
            ax: Matplotlib axes to draw on; None makes new ones.

        Returns:
            The axes.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        if ax is None:
            _, ax = optional("matplotlib.pyplot").subplots(
                figsize=(6.4, 4.0), layout="constrained"
            )
        ends = _points_of(self.front)
        others = [one for one in _points_of(self.found) if one not in ends]
        ax.plot(*self._places(ends), marker="o", label="front")
        if others:
            ax.plot(*self._places(others), "o", color="0.7", label="others")
        ax.plot(*self._places([self.original]), "k*", markersize=10, label="original")
        ax.set_xscale("log")
        ax.set_xlabel(f"{self.cost} (log scale)")
        ax.set_ylabel(f"{self._metric.title}{' in %' if self.is_fraction else ''}")
        ax.set_title(f"{self.model} on the validation data")
        ax.grid(alpha=0.3)
        ax.legend(fontsize="small")
        return ax

    def __repr__(self) -> str:
        return (
            f"ParetoFront of {self.model!r}: {len(self.front)} of {len(self.found)} plans "
            f"on the front of {self.metric} against {self.cost}"
        )

    def __str__(self) -> str:
        return aligned(self._table())

    def _repr_html_(self) -> str:
        return html_table(self._table())

    @property
    def _metric(self) -> Metric:
        return Metric(self.metric, title_of(self.metric), self.mode, self.is_fraction)

    def _table(self) -> list[list[str]]:
        head = ["budget", self._metric.title, "packed", "MACs", "latency", ""]
        rows = [head, self._row("original", self.original, "")]
        for one in self.found:
            said = one.note or ("on the front" if one in self.front else "")
            rows.append(self._row(repr(one.budget), one.point, said))
        return rows

    def _row(self, name: str, point: Point | None, said: str) -> list[str]:
        if point is None:
            return [name, "-", "-", "-", "-", said]
        return [
            name,
            self._metric.shown(point.metric),
            size(point.packed_bytes),
            count(point.macs),
            milliseconds(point.latency_ms),
            said,
        ]

    def _met(self) -> list[Found]:
        return [one for one in self.found if one.point is not None]

    def _by_cost(self, one: Found) -> tuple[float, float]:
        return float(getattr(one.point, self.cost)), -self._worth(one)

    def _worth(self, one: Found) -> float:
        metric = float(one.point.metric) if one.point is not None else 0.0
        return -metric if self.mode == "min" else metric

    def _places(self, points: list[Point]) -> tuple[list[float], list[float]]:
        scale = 100 if self.is_fraction else 1
        costs = [float(getattr(one, self.cost)) for one in points]
        return costs, [scale * one.metric for one in points]


def _points_of(found: tuple[Found, ...]) -> list[Point]:
    return [one.point for one in found if one.point is not None]
