"""How much each layer of a model reacts to each option: the table that a scan fills."""

import html
import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from nncompress_lab.passes import Pass
from nncompress_lab.planning import plots
from nncompress_lab.planning.arrays.rank_correlation import rank_correlation
from nncompress_lab.recipe import from_recipe, to_recipe

FORMAT = 1
SHOWN = 4  # digits of a figure


@dataclass(frozen=True)
class Point:
    """What a whole model is worth and what it costs.

    Args:
        loss: On the validation data, regularization left out.
        metric: The metric that judges the task; the loss if it has none.
        bytes: Of the weights in memory.
        packed_bytes: Of the file that `ncl.pack` writes.
        keras_bytes: Of the `.keras` file.
        macs: Multiply-accumulates for one example; None where they cannot be counted.
        latency_ms: Of one example in ONNX Runtime; None where it was not asked for.
    """

    loss: float
    metric: float
    bytes: int
    packed_bytes: int
    keras_bytes: int
    macs: int | None = None
    latency_ms: float | None = None


@dataclass(frozen=True)
class Row:
    """One unit under one option, all others as they are: differences from the original.

    Args:
        unit: Path of the layer; of a group of channels, of the first layer that makes no
            other group.
        layers: Paths of the layers that change.
        option: Index into `Sensitivity.options`.
        divergence: Of the outputs from the original's, at least 0: `measure.divergence`.
        loss: Change of the validation loss.
        metric: Change of the metric that judges the task.
        bytes: Change of the bytes in memory.
        packed_bytes: Change of the packed file, from the tensors of the layers alone.
        macs: Change of the multiply-accumulates; None where they cannot be counted.
        latency_ms: Change that is predicted for ONNX Runtime, one example at a time;
            None where it was not asked for.
        proxy: What a proxy takes for the divergence, without evaluating; None where it
            was not asked for.
    """

    unit: str
    layers: tuple[str, ...]
    option: int
    divergence: float
    loss: float
    metric: float
    bytes: int
    packed_bytes: int
    macs: int | None
    latency_ms: float | None = None
    proxy: float | None = None


@dataclass(frozen=True)
class Note:
    """Why a unit has no row for an option.

    Args:
        unit: Path of the layer, or the name of the group.
        option: Index into `Sensitivity.options`.
        reason: In words.
    """

    unit: str
    option: int
    reason: str


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What each unit of a model loses and saves under each option, by itself.

    Args:
        model: Its name.
        metric: The name of the metric that judges the task.
        mode: Whether `"min"` or `"max"` of it is best.
        examples: On how many validation examples it was measured.
        original: The model as it is.
        options: The passes, as they are on every layer.
        rows: In the order of the model, and of the options within a unit.
        notes: Why units have no row for some options.
        is_fraction: Whether the metric goes from 0 to 1, so that changes are points.
    """

    model: str
    metric: str
    mode: Literal["min", "max"]
    examples: int
    original: Point
    options: tuple[Pass, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()
    is_fraction: bool = False
    _places: Mapping[tuple[str, int], Row] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        places = {(row.unit, row.option): row for row in self.rows}
        object.__setattr__(self, "_places", places)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The units that some option changes, in the order of the model."""
        return tuple(dict.fromkeys(row.unit for row in self.rows))

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the options."""
        return tuple(option.label for option in self.options)

    def of(self, unit: str, option: int) -> Row | None:
        """The row of a unit under an option; None if the option leaves it as it is."""
        return self._places.get((unit, option))

    @cached_property
    def rank_correlation(self) -> float | None:
        """Spearman's, of the proxy with the measured divergence; None without a proxy."""
        pairs = [
            (one.proxy, one.divergence) for one in self.rows if one.proxy is not None
        ]
        if not pairs:
            return None
        proxies, divergences = zip(*pairs, strict=True)
        return rank_correlation(proxies, divergences)

    def to_dataframe(self) -> Any:
        """The rows as a pandas DataFrame, one row a unit and option; `label` is added.

        Raises:
            ImportError: If pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise ImportError(
                "pandas is not installed and this needs it. Install it with "
                'pip install "nncompress-lab[lab]".'
            ) from error
        rows = [{**vars(one), "label": self.labels[one.option]} for one in self.rows]
        return pandas.DataFrame(rows)

    def plot(self) -> Any:
        """Draw divergence against what is saved: a small panel a unit, shared axes.

        Returns:
            The matplotlib figure.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        return plots.plot(self)

    def to_json(self) -> str:
        """All of it as a JSON object, which `from_json` reads."""
        plain = {
            name: value
            for name, value in vars(self).items()
            if name in self.__dataclass_fields__ and not name.startswith("_")
        }
        plain["options"] = [to_recipe(one)["passes"] for one in self.options]
        return json.dumps({"format": FORMAT, **plain}, default=asdict)

    @classmethod
    def from_json(cls, text: str) -> "Sensitivity":
        """What `to_json` wrote.

        Raises:
            ValueError: If it is no JSON object of this format.
        """
        plain = json.loads(text)
        if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
            raise ValueError(
                f"A sensitivity is a JSON object of format {FORMAT}, as to_json() writes "
                f"it. Received: {text[:80]}"
            )
        plain["original"] = Point(**plain["original"])
        plain["options"] = tuple(map(_pass_of, plain["options"]))
        plain["rows"] = tuple(map(row_of, plain["rows"]))
        plain["notes"] = tuple(Note(**one) for one in plain["notes"])
        return cls(**plain)

    def __repr__(self) -> str:
        return (
            f"Sensitivity of {self.model!r}: {len(self.units)} units under "
            f"{len(self.options)} options, on {self.examples} validation examples"
        )

    def __str__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                text.rjust(width) if number else text.ljust(width)
                for number, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in table
        ]
        return "\n".join([*lines, *self._captions()])

    def _repr_html_(self) -> str:
        head, *body = self._table()
        rows = [_html_row("th", head), *(_html_row("td", line) for line in body)]
        said = "".join(
            f"<div><small>{html.escape(one)}</small></div>" for one in self._captions()
        )
        return f"<table>{''.join(rows)}</table>{said}"

    def _table(self) -> list[list[str]]:
        """Divergences: a line for each unit, a column for each option."""
        numbers = range(len(self.options))
        return [
            ["divergence", *(f"({number})" for number in numbers)],
            *(
                [unit, *(_figure(self.of(unit, number)) for number in numbers)]
                for unit in self.units
            ),
        ]

    def _captions(self) -> list[str]:
        said = [f"({number}) {label}" for number, label in enumerate(self.labels)]
        said.append(
            f"{self.model}, one unit at a time, on {self.examples} validation examples; "
            f"{self.metric} of the original: {self.original.metric:.{SHOWN}g}."
        )
        if self.rank_correlation is not None:
            said.append(
                "Rank correlation of the proxy with the measured divergence: "
                f"{self.rank_correlation:.2f}."
            )
        return said


def row_of(plain: Mapping[str, Any]) -> Row:
    """A row from what JSON made of it."""
    return Row(**{**plain, "layers": tuple(plain["layers"])})


def _pass_of(entries: list[Any]) -> Pass:
    steps = from_recipe({"passes": entries})
    return steps.passes[0] if len(steps.passes) == 1 else steps


def _figure(row: Row | None) -> str:
    return "-" if row is None else f"{row.divergence:.2g}"


def _html_row(tag: str, cells: list[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(one)}</{tag}>' for one in cells)}</tr>"
