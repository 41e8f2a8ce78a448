"""Candidates within a budget, applied and measured, and the best of them as a plan."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

import keras

from nncompress_lab import progress
from nncompress_lab.errors import CompressionError
from nncompress_lab.measure.sizes import FileSizes, file_sizes
from nncompress_lab.passes import Context
from nncompress_lab.pipelines import Pipeline, pipeline
from nncompress_lab.planning.applying import applied
from nncompress_lab.planning.budget import Budget
from nncompress_lab.planning.choices import (
    ChoiceFront,
    Choices,
    by_loss,
    divergence_of,
    front_of,
    predicted,
    uniform_choices,
)
from nncompress_lab.planning.plan import AS_IT_IS, Candidate, Plan
from nncompress_lab.planning.points import Measuring
from nncompress_lab.planning.sensitivity import Point, Sensitivity
from nncompress_lab.training.reestimate_batch_norm import (
    ReestimateBatchNorm,
    normalizations,
)

REPAIRS = 8  # plans made anew because the real cost is not the sum
SLACK = 1.05  # of the limit: real costs may be less than the sums
NEAR = 0.99  # of the limit: not worth another try
UNIFORM = 2  # candidates that treat all units alike
PRECISION = 0.01  # of the smallest file that a drop allows
PLAN = "plan"
BY_LOSS = "plan by the loss"


def reestimates(model: keras.Model, context: Context) -> bool:
    """Whether a plan measures normalizations anew: if there are any, and data for it."""
    return context.calibration is not None and bool(normalizations(model))


@dataclass(frozen=True, eq=False)
class Built:
    """A choice that has been applied.

    Args:
        choices: For each unit its option.
        passes: That make it.
        model: The result.
        sizes: Of its files.
        cost: What the budget limits.
    """

    choices: Choices
    passes: Pipeline
    model: keras.Model
    sizes: FileSizes
    cost: float


@dataclass(frozen=True, eq=False)
class Planner:
    """Makes plans for one model from one scan.

    Args:
        model: It is not changed.
        context: With validation data.
        scan: Of the model.
        timed: Whether the points have a latency, which is then what the budgets limit.
    """

    model: keras.Model
    context: Context
    scan: Sensitivity
    timed: bool = False
    _all_built: dict[tuple[int | str | None, ...], Built] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def measuring(self) -> Measuring:
        """How the candidates are measured."""
        return Measuring.of(self.model, self.context, latency=self.timed)

    @cached_property
    def original(self) -> Point:
        """The model as it is, on all validation data."""
        return self.measuring.point(self.model)

    def plan(self, budget: Budget) -> Plan:
        """The best of the candidates within a budget."""
        limit = budget.limit(self.original)
        if limit is None:
            return self._smallest(budget)
        front = front_of(self.scan, budget.cost_in_rows, limit=SLACK * limit)
        found = {PLAN: self._fitted(front, budget, limit)}
        found |= self._uniform(budget, limit)
        points = {name: self._point(one) for name, one in found.items()}
        if all(self._misses(budget, one) for one in points.values()):
            # Where divergences misjudge what is lost, labels may tell.
            front = front_of(
                by_loss(self.scan), budget.cost_in_rows, limit=SLACK * limit
            )
            with suppress(CompressionError):
                found[BY_LOSS] = self._fitted(front, budget, limit)
                points[BY_LOSS] = self._point(found[BY_LOSS])
        best = max(points, key=lambda name: self._worth(points[name]))
        return self._plan(budget, found[best], points[best], points)

    def _fitted(self, front: ChoiceFront, budget: Budget, limit: float) -> Built:
        """The choice that changes the outputs least and really fits."""
        asked, tried = limit, list[Built]()
        title = f"plan {self.model.name}"
        with progress.bar(title, REPAIRS, show=self.context.progress) as bar:
            for _ in range(REPAIRS):
                choices = front.within(max(asked, front.least))
                if any(choices == one.choices for one in tried):
                    break
                one = self._built(choices, budget)
                tried.append(one)
                bar.advance()
                bar.say(f"{one.cost:,.6g} of {limit:,.6g} {budget.cost}")
                if NEAR * limit <= one.cost <= limit:
                    break
                # What the sum misses the real cost by, it will miss again.
                sums = getattr(predicted(self.scan, choices), budget.cost)
                asked = limit - (one.cost - sums)
        if fitting := [one for one in tried if one.cost <= limit]:
            return min(fitting, key=lambda one: divergence_of(front.scan, one.choices))
        least = min(one.cost for one in tried)
        raise CompressionError(
            f"The smallest model of those tried costs {least:,.6g} {budget.cost}. "
            f"Received: {budget!r}. Allow more, or plan with options or techniques that "
            "save more."
        )

    def _uniform(self, budget: Budget, limit: float) -> dict[str, Built]:
        """The best options that all units can have alike within the budget, by label."""
        alike = {
            label: uniform_choices(self.scan, option)
            for option, label in enumerate(self.scan.labels)
        }
        by_divergence = sorted(
            alike, key=lambda label: divergence_of(self.scan, alike[label])
        )
        found: dict[str, Built] = {}
        for label in by_divergence:
            if getattr(predicted(self.scan, alike[label]), budget.cost) > SLACK * limit:
                continue
            one = self._built(alike[label], budget)
            if one.cost <= limit:
                found[label] = one
            if len(found) == UNIFORM:
                break
        return found

    def _smallest(self, budget: Budget) -> Plan:
        """The cheapest plan whose drop is allowed, by halving the range of costs."""
        front = front_of(self.scan, budget.cost_in_rows)
        # Places in the front: of one that loses too much, and of one that does not.
        low, high = -1, len(front) - 1
        kept: dict[str, tuple[Built, Point]] = {}
        while high - low > 1 and (not kept or self._far_apart(front, low, high)):
            middle = (low + high) // 2
            one = self._built(front.choices(middle), budget)
            point = self._point(one)
            if self._misses(budget, point):
                low = middle
            else:
                kept[PLAN], high = (one, point), middle
        if not kept:
            raise CompressionError(
                f"Every plan that was tried loses more. Received: {budget!r}. Allow a "
                "larger drop, or say a size and let `ncl.compress(model, plan)` recover."
            )
        for label, one in self._uniform(budget, kept[PLAN][0].cost).items():
            if not self._misses(budget, point := self._point(one)):
                kept[label] = one, point
        best = min(kept, key=lambda name: kept[name][0].cost)
        points = {name: point for name, (_, point) in kept.items()}
        return self._plan(budget, *kept[best], points)

    def _misses(self, budget: Budget, point: Point) -> list[str]:
        return budget.misses(point, self.original, mode=self.scan.mode)

    def _far_apart(self, front: ChoiceFront, low: int, high: int) -> bool:
        costs = front.base + front.front.costs
        return bool(costs[high] - costs[max(low, 0)] > PRECISION * costs[high])

    def _built(self, choices: Choices, budget: Budget) -> Built:
        key = (*choices.values(), budget.cost)
        if key not in self._all_built:
            self._all_built[key] = self._build(choices, budget)
        return self._all_built[key]

    def _build(self, choices: Choices, budget: Budget) -> Built:
        quiet = replace(self.context, progress=False)  # there is one bar for all
        passes, model = applied(self.model, self.scan.options, choices, quiet)
        if passes.passes and reestimates(self.model, self.context):
            anew = ReestimateBatchNorm()
            passes, model = pipeline(passes, anew), anew(model, self.context)
        sizes = file_sizes(model)
        cost = self.measuring.cost(model, sizes, budget.cost)
        return Built(choices, passes, model, sizes, cost)

    def _point(self, one: Built) -> Point:
        # What was timed and fits is not timed again: by chance it might miss then.
        latency_ms = one.cost if self.timed else None
        return self.measuring.point(one.model, one.sizes, latency_ms)

    def _worth(self, point: Point) -> tuple[float, float]:
        """The higher the better; of equal metrics the lower loss."""
        sign = -1.0 if self.scan.mode == "min" else 1.0
        return sign * point.metric, -point.loss

    def _plan(
        self, budget: Budget, one: Built, point: Point, points: dict[str, Point]
    ) -> Plan:
        scan = self.scan
        return Plan(
            model=scan.model,
            budget=budget,
            passes=one.passes,
            choices={
                unit: AS_IT_IS if option is None else scan.labels[option]
                for unit, option in one.choices.items()
            },
            chosen=one.choices,
            metric=scan.metric,
            mode=scan.mode,
            original=self.original,
            predicted=predicted(replace(scan, original=self.original), one.choices),
            verified=point,
            candidates=tuple(Candidate(*pair) for pair in points.items()),
            is_fraction=scan.is_fraction,
            scan=scan,
        )
