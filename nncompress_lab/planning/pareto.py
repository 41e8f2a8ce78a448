"""`pareto`: many plans, and which of them no other beats in accuracy and cost."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from nncompress_lab import progress
from nncompress_lab.atomic import check_writable, replace_file
from nncompress_lab.compression import compress
from nncompress_lab.data.datasets import Dataset
from nncompress_lab.errors import CompressionError
from nncompress_lab.passes import Context
from nncompress_lab.pipelines import Pipeline
from nncompress_lab.planning.budget import Budget
from nncompress_lab.planning.pareto_front import Found, ParetoFront
from nncompress_lab.planning.sensitivity import Point, Sensitivity
from nncompress_lab.planning.techniques import Technique, options_of
from nncompress_lab.planning.under_budget import plan, scan_for
from nncompress_lab.recipe import from_recipe, to_recipe
from nncompress_lab.report.formats import optional

RATIOS = (3, 4, 6, 8, 10, 12, 16, 20)


def pareto(
    model: keras.Model,
    data: Dataset | Context,
    budgets: Sequence[Budget | float] = RATIOS,
    *,
    techniques: Sequence[Technique] = ("pruning", "quantization"),
    scan: Sensitivity | None = None,
    epochs: int = 0,
    path: str | Path | None = None,
) -> ParetoFront:
    """Plan a model for many budgets, and see what accuracy each size can have.

    The layers are scanned once, and each plan is a task of its own for joblib: one after
    the other here, on several cores or on a cluster inside `joblib.parallel_config`, whose
    workers need this library and Keras's backend.

    Args:
        model: A trained model. It is not changed.
        data: As for `plan`; with training data if `epochs` is given.
        budgets: That limit the same cost; a number is a ratio.
        techniques: As for `plan`.
        scan: What has been measured, in place of `techniques`.
        epochs: Of the recovery of each plan; 0 measures what comes before it.
        path: A JSON file for what is found, budget by budget. A front that was interrupted
            goes on from it; what another model or another scan found is measured anew.

    Returns:
        What was found for each budget, with a table and a plot.

    Raises:
        ImportError: If joblib is not installed.
        ValueError: If there are no budgets, or they limit different costs.
        MissingContextError: As for `plan`.

    Example:
        On a cluster, the same call::

            import joblib
            from distributed import Client

            with Client("scheduler:8786"), joblib.parallel_config("dask"):
                front = ncl.pareto(model, data)
    """
    joblib = optional("joblib")
    wanted = _checked(budgets)
    context = Context.of(data)
    if path is not None:
        check_writable(Path(path))
    if scan is None:
        scan = scan_for(wanted[0], model, options_of(techniques), context)
    kept = _Kept(path, scan, epochs)
    missing = [one for one in wanted if one not in kept.found]
    quiet = Context.of(context, progress=False)
    tasks = (
        joblib.delayed(_found)(model, quiet, scan, budget, epochs) for budget in missing
    )
    with progress.bar("pareto", len(missing), show=context.progress) as bar:
        for one in joblib.Parallel(return_as="generator_unordered")(tasks):
            kept.add(one)
            bar.advance()
    return ParetoFront(
        model=model.name,
        metric=scan.metric,
        mode=scan.mode,
        cost=wanted[0].cost,
        original=scan.original,
        found=tuple(kept.found[one] for one in wanted),
        is_fraction=scan.is_fraction,
    )


def _found(
    model: keras.Model,
    context: Context,
    scan: Sensitivity,
    budget: Budget,
    epochs: int,
) -> Found:
    """One plan, in whatever process; a budget that cannot be met is a note."""
    try:
        made = plan(model, budget, context, scan=scan, epochs=epochs)
    except (CompressionError, ValueError) as error:
        return Found(budget, None, Pipeline(), str(error))
    if not epochs:
        return Found(budget, made.verified, made.passes)
    result = compress(model, made, context=context)
    point = made.verified if result.plan is None else result.plan.verified
    return Found(budget, point, result.recipe)


class _Kept:
    """What has been found, in a file that is complete after each budget."""

    def __init__(self, path: str | Path | None, scan: Sensitivity, epochs: int) -> None:
        self._path = None if path is None else Path(path)
        key = f"{scan.to_json()} {epochs}"
        self._key = hashlib.sha256(key.encode()).hexdigest()
        self.found: dict[Budget, Found] = {one.budget: one for one in self._read()}

    def add(self, one: Found) -> None:
        self.found[one.budget] = one
        if self._path is None:
            return
        rows = [_plain(found) for found in self.found.values()]
        with replace_file(self._path) as temporary:
            temporary.write_text(
                json.dumps({"key": self._key, "found": rows}, indent=1)
            )

    def _read(self) -> Iterator[Found]:
        if self._path is None or not self._path.exists():
            return
        try:
            plain = json.loads(self._path.read_text(encoding="utf-8"))
            if plain["key"] == self._key:
                yield from map(_from_plain, plain["found"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._path} is no file that `pareto` wrote ({error}). Choose another "
                "path, or delete the file."
            ) from error


def _plain(found: Found) -> dict[str, Any]:
    return {
        "budget": found.budget.given,
        "point": None if found.point is None else asdict(found.point),
        "recipe": to_recipe(found.passes),
        "note": found.note,
    }


def _from_plain(plain: dict[str, Any]) -> Found:
    point = plain["point"]
    return Found(
        Budget(**plain["budget"]),
        None if point is None else Point(**point),
        from_recipe(plain["recipe"]),
        plain["note"],
    )


def _checked(budgets: Sequence[Budget | float]) -> list[Budget]:
    wanted = [
        one if isinstance(one, Budget) else Budget(ratio=float(one)) for one in budgets
    ]
    if len({one.cost for one in wanted}) != 1:
        raise ValueError(
            "A front needs budgets that limit the same cost, for example "
            f"budgets=(4, 8, 16), which are ratios. Received: {list(budgets)!r}."
        )
    return list(dict.fromkeys(wanted))
