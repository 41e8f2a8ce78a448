"""One scan: cell by cell, what is kept is not measured again."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import keras

from nncompress_lab import measure
from nncompress_lab.data.data import CALIBRATION_EXAMPLES
from nncompress_lab.errors import check_choice
from nncompress_lab.passes import Context, Pass
from nncompress_lab.planning.altered import Altered
from nncompress_lab.planning.cache import Cache, fingerprint, key_of
from nncompress_lab.planning.changes import Change, Costs, LayerChanges
from nncompress_lab.planning.channel_changes import ChannelChanges
from nncompress_lab.planning.judging import Judge, Judged
from nncompress_lab.planning.latency import LayerTimes
from nncompress_lab.planning.options import on_every_layer
from nncompress_lab.planning.proxy import FisherProxy
from nncompress_lab.planning.sensitivity import Note, Point, Row, Sensitivity
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.training.loop import given


@dataclass(frozen=True)
class Settings:
    """What a scan was asked for beside its options, as in `sensitivity`."""

    cache: str | Path | None
    reestimate: bool
    latency: bool
    proxy: Literal["fisher"] | None

    def __post_init__(self) -> None:
        check_choice("proxy", self.proxy, Literal["fisher", None])


@dataclass(frozen=True, eq=False)
class _Cell:
    """One unit under one option."""

    unit: str
    option: int


class Scan:
    """One run of `sensitivity`.

    Args:
        model: It is not changed.
        options: Checked.
        context: With arrays to judge by, and what the options need.
        settings: What was asked for beside these.

    Attributes:
        cells: What there is to measure.

    Raises:
        ValueError: If no option changes any layer.
    """

    def __init__(
        self,
        model: keras.Model,
        options: tuple[Pass, ...],
        context: Context,
        settings: Settings,
    ) -> None:
        self._model, self._options = model, options
        self._judge = Judge.of(model, given(context.validation), context)
        self._costs = Costs(model)
        self._shown = tuple(map(on_every_layer, options))
        self._keys = [*map(key_of, self._shown)]
        quiet = replace(context, progress=False)
        self._changes = [
            ChannelChanges(model, one, quiet, self._costs)
            if isinstance(one, ChannelPruning)
            else LayerChanges(model, one, quiet, self._costs)
            for one in options
        ]
        self._reasons = [one.reasons for one in self._changes]
        # All options of a unit in a row: what comes before it is computed once.
        self.cells = [
            _Cell(path, number)
            for path in self._reasons[0]
            for number, reasons in enumerate(self._reasons)
            if reasons[path] is None
        ]
        if not self.cells:
            raise ValueError(_nothing(model, self._reasons))
        self._sizes = measure.file_sizes(model)  # what no file can hold fails at once
        self._statistics = context.calibration if settings.reestimate else None
        self._times = LayerTimes(model, self._costs.layers)
        self._settings, cache = settings, settings.cache
        self._cache = Cache(cache, self._fingerprint(context) if cache else "")

    @property
    def title(self) -> str:
        """What is going on, for a bar."""
        return f"scan {self._model.name}"

    def run(self, advance: Callable[[], None]) -> Sensitivity:
        """Measure all cells.

        Args:
            advance: Called after each; what it raises ends the scan, and what is done is
                kept.
        """
        altered = Altered(self._model, self._judge, self._statistics)
        try:
            with ThreadPoolExecutor(1) as beside:
                for cell in self.cells:
                    self._measure(cell, altered, beside)
                    advance()
        finally:
            self._cache.write()
        return self._table(altered.original)

    def _measure(self, cell: _Cell, altered: Altered, beside: Executor) -> None:
        option = self._keys[cell.option]
        if self._cache.row(cell.unit, option, cell.option) is not None:
            return
        found: Row | Change | str = self._changes[cell.option].change(cell.unit)
        if isinstance(found, Change):
            found = self._row(found, cell.option, altered, beside)
        self._cache.keep(cell.unit, option, found)

    def _row(
        self, change: Change, option: int, altered: Altered, beside: Executor
    ) -> Row:
        costs = beside.submit(change.costs)  # packs while the model runs
        judged, first = altered.judged(change), altered.original
        held, packed = costs.result()  # and no longer when times are taken
        proxy = self._proxy if self._settings.proxy else None
        return Row(
            unit=change.unit,
            layers=change.layers,
            option=option,
            divergence=judged.divergence,
            loss=judged.loss - first.loss,
            metric=judged.metric - first.metric,
            bytes=held,
            packed_bytes=packed,
            macs=change.macs,
            latency_ms=self._times.more(change) if self._settings.latency else None,
            proxy=None if proxy is None else proxy.of(change.values),
        )

    @cached_property
    def _proxy(self) -> FisherProxy:
        return FisherProxy(self._model, self._judge.data)

    def _table(self, first: Judged) -> Sensitivity:
        rows, notes = [], []
        order = {path: place for place, path in enumerate(self._reasons[0])}
        for unit in order:
            for number, reasons in enumerate(self._reasons):
                found: Row | str | None = reasons[unit]
                if found is None:
                    found = self._cache.row(unit, self._keys[number], number)
                if isinstance(found, Row):
                    rows.append(found)
                else:
                    notes.append(Note(unit, number, str(found)))
        return Sensitivity(
            model=self._model.name,
            metric=self._judge.metric.name,
            mode=self._judge.mode,
            examples=len(self._judge.data),
            original=self._point(first),
            options=self._shown,
            rows=tuple(rows),
            notes=tuple(notes),
            is_fraction=self._judge.metric.is_fraction,
        )

    def _point(self, first: Judged) -> Point:
        macs = self._costs.macs
        return Point(
            loss=first.loss,
            metric=first.metric,
            bytes=measure.bytes_in_memory(self._model),
            packed_bytes=self._sizes.packed,
            keras_bytes=self._sizes.keras,
            macs=None if macs is None else sum(macs.values()),
            latency_ms=self._times.whole() if self._settings.latency else None,
        )

    def _fingerprint(self, context: Context) -> str:
        needed = frozenset[str]().union(*(one.needs for one in self._options))
        parts = {"validation": self._judge.data}
        needed |= {"calibration"} if self._statistics else set()
        for name in sorted(needed & {"train", "calibration"}):
            part = getattr(context, name)
            parts[name] = part.take(CALIBRATION_EXAMPLES)
        task, asked = self._judge.task, self._settings
        said = {
            "losses": list(task.losses),
            "metrics": [list(some) for some in task.metrics],
            "judged_by": task.judged_by,
            "weights": list(task.weights),
            "seed": context.seed,
            "asked": [asked.reestimate, asked.latency, asked.proxy],
        }
        if any(task.weighted):
            said["weighted"] = list(task.weighted)
        return fingerprint(self._model, parts, said)


def _nothing(model: keras.Model, reasons: Sequence[Any]) -> str:
    said = [
        f"{path}: {reason}" for path, reason in list(reasons[0].items())[:5] if reason
    ]
    return (
        f"No option changes any layer of {model.name!r}. "
        f"{'; '.join(said) or 'It has no layers with kernels'}. Choose other options or "
        "layers; ncl.dequantized(model) has floats in place of integers."
    )
