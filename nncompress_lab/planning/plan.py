"""A plan: which option each unit of a model gets, what it costs, and the passes for it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nncompress_lab.atomic import replace_file
from nncompress_lab.pipelines import Pipeline
from nncompress_lab.planning import plan_table
from nncompress_lab.planning.budget import Budget
from nncompress_lab.planning.recovery import with_recovery
from nncompress_lab.planning.sensitivity import Point, Sensitivity
from nncompress_lab.recipe import to_recipe

AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Candidate:
    """One of the models that a plan was chosen from.

    Args:
        name: `"plan"`, or the label of the option that all units got alike.
        point: As it was measured, before any training.
    """

    name: str
    point: Point


@dataclass(frozen=True, eq=False)
class Plan:
    """Which option each unit gets under a budget, as passes that anybody can apply.

    `ncl.compress(model, plan, context=data)` applies it, recovers by distillation,
    measures, and plans again if the budget is missed.

    Args:
        model: Its name.
        budget: What was asked for.
        passes: Without training.
        choices: For each unit the label of its option.
        chosen: The same as indices into the options of the scan; None where it stays.
        metric: The name of the metric that judges the task.
        mode: Whether `"min"` or `"max"` of it is best.
        original: The model as it is.
        predicted: Of the result, from the scan: all changes added up.
        verified: The result as it was measured on all validation data; before training in
            a plan, after it in `Compression.plan`.
        candidates: All that were measured; the best of those within the budget is the plan.
        epochs: Of the recovery; 0 for none.
        recovered: Whether `verified` is after the training.
        is_fraction: Whether the metric goes from 0 to 1, and is shown in percent.
        scan: What the plan was made from; None in one that was read from a file.
    """

    model: str
    budget: Budget
    passes: Pipeline
    choices: Mapping[str, str]
    chosen: Mapping[str, int | None]
    metric: str
    mode: Literal["min", "max"]
    original: Point
    predicted: Point
    verified: Point
    candidates: tuple[Candidate, ...] = ()
    epochs: int = 3
    recovered: bool = False
    is_fraction: bool = False
    scan: Sensitivity | None = None

    @property
    def misses(self) -> list[str]:
        """In what the verified point misses the budget, in words; none if it is met."""
        return self.budget.misses(self.verified, self.original, mode=self.mode)

    def recovering(self, **training: Any) -> Pipeline:
        """The passes with distillation from the original model in them.

        Args:
            **training: As in `TrainingPass`; `epochs` are those of the plan by default.
        """
        epochs = training.pop("epochs", self.epochs)
        return with_recovery(self.passes, epochs=epochs, **training)

    def save(self, path: str | Path, *, recover: bool = False) -> None:
        """Write the plan as a recipe that `load_recipe` reads; you may edit it.

        Args:
            path: Of a JSON file; an existing one is replaced as a whole.
            recover: Whether the passes are those with training.
        """
        steps = self.recovering() if recover and self.epochs else self.passes
        recipe = {**to_recipe(steps), "plan": self._about()}
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(recipe, indent=2) + "\n")

    def _about(self) -> dict[str, Any]:
        """What the recipe does not say: for what, and what to expect."""
        return {
            "model": self.model,
            "budget": self.budget.given,
            "metric": self.metric,
            "original": asdict(self.original),
            "predicted": asdict(self.predicted),
            "verified": asdict(self.verified),
            "choices": dict(self.choices),
        }

    def __str__(self) -> str:
        return plan_table.text(self)

    def __repr__(self) -> str:
        changed = sum(label != AS_IT_IS for label in self.choices.values())
        return (
            f"Plan for {self.model!r}: {changed} of {len(self.choices)} units change in "
            f"{len(self.passes.passes)} passes, {self.budget}"
        )

    def _repr_html_(self) -> str:
        return plan_table.page(self)
