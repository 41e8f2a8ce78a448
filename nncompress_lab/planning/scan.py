"""How much each layer reacts to each option, measured one by one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import keras

from nncompress_lab import measure, progress as bars
from nncompress_lab.data.data import CALIBRATION_EXAMPLES, Data
from nncompress_lab.data.datasets import Dataset
from nncompress_lab.errors import MissingContextError
from nncompress_lab.models.inputs import check_inputs
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.planning.altered import Altered
from nncompress_lab.planning.cache import Cache, fingerprint
from nncompress_lab.planning.changes import UNCHANGED, Change, Costs, LayerChanges
from nncompress_lab.planning.channel_changes import ChannelChanges
from nncompress_lab.planning.judging import Judge, Judged
from nncompress_lab.planning.options import checked_options, on_every_layer
from nncompress_lab.planning.sensitivity import Note, Point, Row, Sensitivity
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.ready import check_context
from nncompress_lab.training.reestimate_batch_norm import ReestimateBatchNorm

EXAMPLES: Final = 512
Heard = Callable[[int, int], object]  # of how many cells are done, and of how many


def sensitivity(
    model: keras.Model,
    options: Sequence[Pass] | Pass,
    data: Any,
    *,
    examples: int = EXAMPLES,
    reestimate: bool = False,
    cache: str | Path | None = None,
    progress: bool | Heard = True,
) -> Sensitivity:
    """Measure what each unit of a model loses and saves under each option, alone.

    A unit is a layer with a kernel. One copy of the model is compiled once and takes on
    one change after the other; what comes before a changed layer is not computed again.

    Args:
        model: Built. It is not changed.
        options: Passes that go layer by layer, or pipelines of them; of sparsity and bits
            in one layer a pipeline says what they do together. The selection of an option
            says on which layers it is tried.
        data: A data set, whose validation examples judge; or a `Context`, with the
            objective if need be; or validation examples alone, as a `Context` takes them.
        examples: How many of the validation examples, from the first on.
        reestimate: Whether each BatchNormalization is measured anew under each option, as
            by `ReestimateBatchNorm`: without it, high sparsities seem to destroy what
            they only shift.
        cache: A file, or a folder for one, where rows are kept. A scan that was
            interrupted goes on; rows of a model with other weights, of other data or of
            another objective are never taken.
        progress: Whether to draw a bar; or what to call with the numbers of cells done
            and of all, whose errors end the scan.

    Returns:
        The table of all units and options.

    Raises:
        TypeError: If an option is no pass of layers.
        ValueError: If no option changes any layer, or the data do not fit.
        MissingContextError: If there are no validation data, or an option lacks data.
        UnsupportedModelError: If the model cannot be copied, or an option needs a graph.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> from nncompress_lab.quantization.uniform_quantization import UniformQuantization
        >>> scan = sensitivity(
        ...     zoo.lenet5(),
        ...     UniformQuantization(bits=2),
        ...     data.fashion_mnist(),
        ...     examples=50,
        ...     progress=False,
        ... )
        >>> scan.units
        ('conv1', 'conv2', 'dense1', 'logits')
    """
    chosen = checked_options(options)
    check_model(model, graph=any(one.needs_graph for one in chosen))
    if examples < 1:
        raise ValueError(f"`examples` must be at least 1. Received: {examples}.")
    repair = (ReestimateBatchNorm(),) if reestimate else ()
    context = _context_of(data, examples, (*chosen, *repair))
    check_inputs(model, _validation(context))
    scan = _Scan(model, chosen, context, _Settings(cache, reestimate))
    with _heard(progress, scan.name, len(scan.cells)) as advance:
        return scan.run(advance)


@dataclass(frozen=True)
class _Settings:
    """What was asked for beside the options."""

    cache: str | Path | None
    reestimate: bool


@dataclass(frozen=True, eq=False)
class _Cell:
    """One unit under one option."""

    unit: str
    option: int


class _Scan:
    """One run of `sensitivity`."""

    def __init__(
        self,
        model: keras.Model,
        options: tuple[Pass, ...],
        context: Context,
        settings: _Settings,
    ) -> None:
        self.name = f"scan {model.name}"
        self._model, self._options = model, options
        self._judge = Judge.of(model, _validation(context), context)
        self._costs = Costs(model)
        self._shown = tuple(map(on_every_layer, options))
        quiet = replace(context, progress=False)
        self._changes = [
            ChannelChanges(model, one, quiet, self._costs)
            if isinstance(one, ChannelPruning)
            else LayerChanges(model, one, quiet, self._costs)
            for one in options
        ]
        self._reasons = [one.reasons for one in self._changes]
        self.cells = [
            _Cell(path, number)
            for number, reasons in enumerate(self._reasons)
            for path, reason in reasons.items()
            if reason is None
        ]
        if not self.cells:
            raise ValueError(_nothing(model, self._reasons))
        self._statistics = context.calibration if settings.reestimate else None
        cache = settings.cache
        self._cache = Cache(cache, self._fingerprint(context) if cache else "")

    def run(self, advance: Callable[[], None]) -> Sensitivity:
        altered = Altered(self._model, self._judge, self._statistics)
        try:
            for cell in self.cells:
                self._measure(cell, altered)
                advance()
        finally:
            self._cache.write()
        return self._table(altered.original)

    def _measure(self, cell: _Cell, altered: Altered) -> None:
        option = self._shown[cell.option]
        if self._cache.row(cell.unit, option, cell.option) is not None:
            return
        change = self._changes[cell.option].change(cell.unit)
        found: Row | str = UNCHANGED
        if change is not None:
            found = _row(change, cell.option, altered.judged(change), altered.original)
        self._cache.keep(cell.unit, option, found)

    def _table(self, first: Judged) -> Sensitivity:
        rows, notes = [], []
        order = {path: place for place, path in enumerate(self._reasons[0])}
        for unit in order:
            for number, reasons in enumerate(self._reasons):
                found: Row | str | None = reasons[unit]
                if found is None:
                    found = self._cache.row(unit, self._shown[number], number)
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
        sizes = measure.file_sizes(self._model)
        macs = self._costs.macs
        return Point(
            loss=first.loss,
            metric=first.metric,
            bytes=measure.bytes_in_memory(self._model),
            packed_bytes=sizes.packed,
            keras_bytes=sizes.keras,
            macs=None if macs is None else sum(macs.values()),
        )

    def _fingerprint(self, context: Context) -> str:
        needed = frozenset[str]().union(*(one.needs for one in self._options))
        parts = {"validation": self._judge.data}
        needed |= {"calibration"} if self._statistics else set()
        for name in sorted(needed & {"train", "calibration"}):
            part = getattr(context, name)
            parts[name] = part.take(CALIBRATION_EXAMPLES)
        task = self._judge.task
        said = {
            "losses": list(task.losses),
            "metrics": [list(some) for some in task.metrics],
            "judged_by": task.judged_by,
            "weights": list(task.weights),
            "seed": context.seed,
            "reestimate": self._statistics is not None,
        }
        return fingerprint(self._model, parts, said)


def _row(change: Change, option: int, judged: Judged, first: Judged) -> Row:
    return Row(
        unit=change.unit,
        layers=change.layers,
        option=option,
        divergence=judged.divergence,
        loss=judged.loss - first.loss,
        metric=judged.metric - first.metric,
        bytes=change.bytes,
        packed_bytes=change.packed_bytes,
        macs=change.macs,
    )


def _context_of(data: Any, examples: int, options: Sequence[Pass]) -> Context:
    """The context of data of any kind, with arrays of what is to be read often."""
    if not isinstance(data, Dataset | Context):
        data = Context(validation=data, calibration=data)
    context = Context.of(data, test=None)
    if context.validation is None:
        raise MissingContextError(
            "A sensitivity is measured on validation data, which the context does not "
            "hold. Pass a data set such as ncl.data.fashion_mnist(), or "
            "Context(validation=(x, y))."
        )
    validation = context.validation.take(examples)
    if validation.y is None:
        raise ValueError(
            "A sensitivity needs the labels of its examples. Received: inputs alone. Pass "
            "Data(x, y), or a pipeline of both."
        )
    if context.calibration is not None:
        calibration = context.calibration.take(CALIBRATION_EXAMPLES)
        context = replace(context, calibration=calibration)
    for option in options:
        check_context(option, context)
    return replace(context, validation=validation)


def _validation(context: Context) -> Data:
    if context.validation is None:
        raise TypeError("A scan was begun without the data that it needs.")
    return context.validation


def _nothing(model: keras.Model, reasons: Sequence[Any]) -> str:
    said = [
        f"{path}: {reason}" for path, reason in list(reasons[0].items())[:5] if reason
    ]
    return (
        f"No option changes any layer of {model.name!r}. "
        f"{'; '.join(said) or 'It has no layers with kernels'}. Choose other options or "
        "layers; ncl.dequantized(model) has floats in place of integers."
    )


@contextmanager
def _heard(
    progress: bool | Heard, title: str, cells: int
) -> Iterator[Callable[[], None]]:
    """What to call after each cell."""
    if callable(progress):
        done = 0

        def tell() -> None:
            nonlocal done
            done += 1
            progress(done, cells)

        yield tell
        return
    with bars.bar(title, cells, show=progress) as bar:
        yield bar.advance
