"""`compress`: apply passes, keep every stage, and report on all of them."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import keras

from nncompress_lab import progress
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.decisions import deciding_once
from nncompress_lab.models.kernels import Reasons, Skip
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pipelines import Pipeline, pipeline, stages
from nncompress_lab.planning.carrying_out import carried_out
from nncompress_lab.planning.plan import Plan
from nncompress_lab.ready import ready_context
from nncompress_lab.report import Report, measure_stages
from nncompress_lab.report.remarks import Applied, remarks_on
from nncompress_lab.training.objective import Objective

ORIGINAL = "original"


@dataclass(frozen=True, eq=False)
class Compression:
    """What `compress` returns.

    Args:
        model: The compressed model.
        stages: The model after each pass, by name; `"original"` is the first.
        recipe: The passes that were applied.
        notes: Why layers were left alone, by path.
        remarks: The same in sentences, pass by pass, with shares of the weights; and what
            is to be done about normalizations that a pass has made wrong.
        test: What the report measures the metrics of the task on.
        objective: What was said of the task, if anything.
        plan: The plan that was carried out, with the point of its result, if it was one.
    """

    model: keras.Model
    stages: dict[str, keras.Model]
    recipe: Pipeline
    notes: dict[str, str]
    remarks: tuple[str, ...]
    test: Data | None
    objective: Objective | None = None
    plan: Plan | None = None

    @cached_property
    def report(self) -> Report:
        """The figures of every stage; measured when it is first asked for."""
        return self.measured()

    def measured(self, *, latency: bool = True) -> Report:
        """The figures of every stage, with or without the latency."""
        return measure_stages(
            self.stages,
            data=self.test,
            objective=self.objective,
            notes=self.notes,
            remarks=self.remarks,
            latency=latency,
        )

    def __repr__(self) -> str:
        return f"Compression of {self.model.name!r} in {len(self.recipe.passes)} passes"


def compress(
    model: keras.Model,
    *passes: Pass | Plan,
    context: Context | Dataset | None = None,
) -> Compression:
    """Compress a model and keep the model of every stage.

    Args:
        model: A built model; functional or sequential if one of the passes
            `needs_graph`. It is not changed.
        *passes: In the order in which they are applied; or a plan alone, which is applied,
            recovered by distillation if the context has training data, measured, and made
            anew where it then misses its budget.
        context: Data for passes that need it, and test data for the report; a data set
            will do.

    Returns:
        The compressed model and, through `.report`, the figures of every stage.

    Raises:
        UnsupportedModelError: As when the passes are called.
        MissingContextError: If a pass needs data that the context lacks. It is raised
            before the first pass begins.
        TypeError: If a plan is given beside passes.
        ValueError: If inputs in the context are of another shape than the model's.

    Example:
        >>> from nncompress_lab import zoo
        >>> from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
        >>> result = compress(zoo.lenet5(), MagnitudePruning(sparsity=0.5))
        >>> list(result.stages)
        ['original', 'MagnitudePruning(sparsity=0.5)']
    """
    context = Context.of(context)
    steps = [one for one in passes if not isinstance(one, Plan)]
    if len(steps) == len(passes):
        return _compress(model, context, pipeline(*steps))
    if len(passes) > 1:
        raise TypeError(
            "A plan is carried out alone. To put other passes before or behind it, give "
            "`compress` plan.passes in its place, or plan.recovering() to train."
        )
    plan: Any = passes[0]
    compress_with = partial(_compress, model, context)
    done: Compression = carried_out(model, plan, context, compress_with)
    return done


def _compress(model: keras.Model, context: Context, recipe: Pipeline) -> Compression:
    check_model(model, graph=recipe.needs_graph)
    context = ready_context(recipe, context, model)
    models = {ORIGINAL: model}
    notes: dict[str, list[str]] = {}
    applied = []
    with (
        progress.bar("compress", len(recipe.passes), show=context.progress) as bar,
        deciding_once(),
    ):
        current = model
        for step, result in stages(recipe, model, context):
            reasons = step.explain(current)
            _collect(notes, reasons, step)
            applied.append(Applied(step, reasons, current, result))
            models[_unused(step.label, models)] = current = result
            bar.advance()
            bar.say(type(step).__name__)
    return Compression(
        model=current if recipe.passes else recipe(model),
        stages=models,
        recipe=recipe,
        notes={path: "; ".join(reasons) for path, reasons in notes.items()},
        remarks=remarks_on(applied),
        test=context.test,
        objective=context.objective,
    )


def _collect(notes: dict[str, list[str]], reasons: Reasons, step: Pass) -> None:
    for path, reason in reasons.items():
        if reason is None:
            continue
        said = notes.setdefault(path, [])
        general = reason in {Skip.NO_KERNEL, Skip.NOT_SUPPORTED}
        note = str(reason) if general else f"{type(step).__name__}: {reason}"
        if note not in said:
            said.append(note)


def _unused(name: str, taken: dict[str, keras.Model]) -> str:
    numbered = name
    number = 2
    while numbered in taken:
        numbered = f"{name} #{number}"
        number += 1
    return numbered
