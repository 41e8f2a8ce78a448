"""Measures models that came out of each other and puts the figures into a report."""

import dataclasses
import platform
from typing import Any

import keras

from nncompress_lab import measure
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.errors import UnsupportedModelError, first_line
from nncompress_lab.models.kernels import own_variables, to_numpy, walk, weighted_layers
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.report.figures import LayerRow, Setup, Stage
from nncompress_lab.report.judging import Judged
from nncompress_lab.report.report import Report
from nncompress_lab.runtimes.racing import ModelRace, race_models
from nncompress_lab.training.objective import Objective


def compare(
    before: keras.Model,
    after: keras.Model,
    *,
    data: Data | Dataset | None = None,
    objective: Objective | None = None,
    latency: bool = True,
    names: tuple[str, str] = ("original", "compressed"),
) -> Report:
    """Measure two models side by side.

    Args:
        before: The model that the other is compared with.
        after: What became of it.
        data: For the metrics, as a `Context` takes it; of a `Dataset` the test part is
            taken.
        objective: The metrics; None takes those that the model before was compiled with,
            else those that the labels tell.
        latency: Whether to measure it, which takes some seconds.
        names: What to call the two.

    Returns:
        The report.

    Raises:
        UnsupportedModelError: If one of them is not a built Keras 3 model.
        ValueError: If the two names are equal.
    """
    if names[0] == names[1]:
        raise ValueError(f"The two models need two names. Received: names={names!r}.")
    models = dict(zip(names, (before, after), strict=True))
    return measure_stages(models, data=data, objective=objective, latency=latency)


def measure_stages(
    models: dict[str, keras.Model],
    *,
    data: Data | Dataset | None = None,
    objective: Objective | None = None,
    latency: bool = True,
    notes: dict[str, str] | None = None,
    remarks: tuple[str, ...] = (),
    batch_size: int = 1,
) -> Report:
    """Measure models that came out of each other.

    Args:
        models: By name; the first is what the others are compared with.
        data: For the metrics, as a `Context` takes it; of a `Dataset` the test part is
            taken.
        objective: As in `compare`.
        latency: Whether to measure it.
        notes: What to say about a layer, by path.
        remarks: What to say about the passes, in sentences.
        batch_size: Examples in one run of the latency.

    Returns:
        The report. What cannot be measured is left out, and the report says why.
    """
    for model in models.values():
        check_model(model, graph=False)
    part = data.test if isinstance(data, Dataset) else data
    test = None if part is None else Data.of(part)
    judged = Judged.of(models, test, objective)
    files, unwritten = _file_sizes(models)
    stages = [
        judged.on(_measured(name, model, files[name])) for name, model in models.items()
    ]
    timed, why_not = None, "not measured"
    if latency:
        try:
            timed = race_models(models, batch_size=batch_size)
        except Exception as error:
            why_not = f"not measured: {first_line(error)}"
    if timed is not None:
        stages = [_with_latency(stage, timed.race) for stage in stages]
    first, last = next(iter(models.values())), list(models.values())[-1]
    return Report(
        stages=tuple(stages),
        layers=tuple(_layer_rows(first, last, notes or {})),
        setup=_setup(judged, timed, why_not, batch_size),
        remarks=(*remarks, *unwritten, *judged.remarks),
    )


def _file_sizes(
    models: dict[str, keras.Model],
) -> tuple[dict[str, measure.FileSizes | None], list[str]]:
    """The sizes of the files of models, and sentences on those that cannot be written."""
    found: dict[str, measure.FileSizes | None] = {}
    reasons: dict[str, list[str]] = {}
    for name, model in models.items():
        try:
            found[name] = measure.file_sizes(model)
        except Exception as error:  # of whoever wrote a layer, or of Keras
            found[name] = None
            reasons.setdefault(first_line(error), []).append(name)
    return found, [
        f"The file of {' and of '.join(names)} cannot be written: {reason}"
        for reason, names in reasons.items()
    ]


def _measured(name: str, model: keras.Model, sizes: measure.FileSizes | None) -> Stage:
    try:
        macs = measure.macs(model)
    except UnsupportedModelError:
        macs = None
    return Stage(
        name=name,
        accuracy=None,
        parameters=measure.parameters(model),
        nonzeros=measure.nonzeros(model),
        memory_bytes=measure.bytes_in_memory(model),
        keras_bytes=None if sizes is None else sizes.keras,
        packed_bytes=None if sizes is None else sizes.packed,
        macs=macs,
    )


def _with_latency(stage: Stage, race: measure.Race) -> Stage:
    is_first = stage.name == next(iter(race.milliseconds))
    return dataclasses.replace(
        stage,
        latency_ms=race.milliseconds[stage.name],
        speedup=race.speedup(stage.name),
        latency_verdict="" if is_first else race.verdict(stage.name),
    )


def _layer_rows(
    first: keras.Model, last: keras.Model, notes: dict[str, str]
) -> list[LayerRow]:
    before, after = dict(weighted_layers(first)), dict(weighted_layers(last))
    macs = _layer_macs(last)
    layers = dict(walk(last))
    order = [path for path in layers if path in after or path in macs]
    rows = []
    for path in [*order, *(path for path in before if path not in after)]:
        layer = layers.get(path, before.get(path))
        note = notes.get(path, "")
        if path not in order:
            note = "removed"
        elif path in after and path not in before:
            note = "added"
        rows.append(
            LayerRow(
                path=path,
                type=type(layer).__name__,
                parameters=measure.layer_parameters(layer),
                nonzeros=measure.layer_nonzeros(layer) if path in after else 0,
                bytes_before=_bytes(before.get(path)),
                bytes_after=_bytes(after.get(path)),
                macs=macs.get(path, 0) if macs else None,
                note=note,
            )
        )
    return rows


def _layer_macs(model: keras.Model) -> dict[str, int]:
    try:
        return measure.layer_macs(model)
    except UnsupportedModelError:
        return {}


def _bytes(layer: Any) -> int:
    if layer is None:
        return 0
    return sum(to_numpy(variable).nbytes for variable in own_variables(layer))


def _setup(
    judged: Judged, timed: ModelRace | None, why_not: str, batch_size: int
) -> Setup:
    runtime = why_not
    if timed is not None:
        runtime = f"{timed.runtime} ({timed.note})" if timed.note else timed.runtime
    return Setup(
        data=judged.data,
        runtime=runtime,
        batch_size=batch_size,
        threads=None if timed is None else timed.race.threads,
        noise_band=None if timed is None else timed.race.band,
        machine=f"{platform.machine()} {platform.system()}",
        versions=f"keras {keras.version()} on {keras.backend.backend()}",
        metrics=list(judged.metrics),
    )
