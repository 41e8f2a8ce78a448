"""The table that travels through the course: every model that the learner measured.

Each lesson adds rows to one small file beside the progress file; the scatter at a lesson's
end shows its points among the earlier ones, and the capstone is planned from them.
"""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import starmap

from nncompress_lab.course import figures, results
from nncompress_lab.course.results import ORIGINAL, Row
from nncompress_lab.report import formats
from nncompress_lab.report.figures import Figures


class ResultsTable:
    """The rows of all lessons, as one lesson adds to them and shows them.

    Args:
        lesson: Two digits: the lesson whose rows are added.
    """

    def __init__(self, lesson: str) -> None:
        self._lesson = lesson
        self._unsaved: dict[tuple[str, ...], Row] = {}

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, by lesson and in the order in which they were added."""
        kept = {row.key: row for row in results.load()} | self._unsaved
        return tuple(sorted(kept.values(), key=lambda row: row.lesson))

    def add(
        self,
        report: Figures,
        *,
        model: str | Mapping[str, str],
        technique: str | Mapping[str, str],
    ) -> "ResultsTable":
        """Add the stages of a report; a row that is there already is measured anew.

        Args:
            report: As `measure_stages`, `compare` and `result.report` return it. Its
                first stage is the original.
            model: The model's name in the table, or by stage the name of each.
            technique: What made the other stages, or by stage what made each; a stage
                that such a mapping leaves out is not added.

        Returns:
            The table, to be shown.

        Raises:
            LookupError: If `technique` names a stage that the report does not have.
        """
        for row in _rows(report, self._lesson, model, technique):
            self._unsaved[row.key] = row
        try:
            results.add(self._unsaved.values())
        except OSError:
            pass  # a place that cannot be written: the rows live as long as the kernel
        else:
            self._unsaved.clear()
        return self

    def scatter(self, *, model: str | None = None) -> None:
        """Draw accuracy against packed bytes, this lesson's points among the earlier.

        Args:
            model: Show this model's rows only; None shows all.
        """
        shown = [
            row
            for row in self.rows
            if model in (None, row.model) and row.accuracy is not None
        ]
        groups: dict[str, list[tuple[float, float, str]]] = {}
        for row in shown:
            here = "this lesson" if row.lesson == self._lesson else "earlier lessons"
            name = ORIGINAL if row.technique == ORIGINAL else here
            point = (row.packed_bytes / 1000, row.accuracy or 0.0, row.setting)
            if row.technique != ORIGINAL or point not in groups.get(ORIGINAL, []):
                groups.setdefault(name, []).append(point)
        figures.points(
            f"{model or 'Every model'}: the upper left corner is where we want to be",
            groups,
            xlabel="packed file, kB (log scale)",
            ylabel="accuracy",
        )

    def __repr__(self) -> str:
        if not self.rows:
            return _EMPTY
        lines = ["  ".join(_TITLES), *("  ".join(_cells(row)) for row in self.rows)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{_EMPTY}</p>"
        head = "".join(starmap(_html_title, enumerate(_TITLES)))
        body = "".join(
            f"<tr>{''.join(_html_cells(row, bold=row.lesson == self._lesson))}</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _rows(
    report: Figures,
    lesson: str,
    model: str | Mapping[str, str],
    technique: str | Mapping[str, str],
) -> Iterable[Row]:
    stages = {stage.name: stage for stage in report.stages}
    first, *others = stages
    made = dict.fromkeys(others, technique) if isinstance(technique, str) else technique
    if unknown := [name for name in made if name not in stages]:
        raise LookupError(
            f"The report has no stage {unknown[0]!r}. It has: {', '.join(stages)}."
        )
    for name, by in {first: ORIGINAL, **made}.items():
        stage = stages[name]
        yield Row(
            lesson,
            model if isinstance(model, str) else model[name],
            by,
            name,
            stage.accuracy,
            stage.memory_bytes,
            stage.keras_bytes or 0,
            stage.packed_bytes or 0,
            stage.macs,
            stage.latency_ms,
            report.setup.noise_band if stage.latency_ms else None,
        )


_EMPTY = (
    "No model is in the table yet: each lesson adds what it has measured at its end."
)
_TITLES = (
    "lesson",
    "model",
    "technique",
    "setting",
    "accuracy",
    "in memory",
    ".keras",
    "packed",
    "MACs",
    "latency",
)
_TEXTS = 4  # the columns before the numbers


def _cells(row: Row) -> tuple[str, ...]:
    latency = formats.milliseconds(row.latency_ms)
    band = f" ±{100 * row.noise_band:.0f} %" if row.noise_band is not None else ""
    return (
        row.lesson,
        row.model,
        row.technique,
        row.setting,
        formats.percent(row.accuracy),
        *map(formats.size, (row.memory_bytes, row.keras_bytes, row.packed_bytes)),
        formats.count(row.macs),
        f"{latency}{band}",
    )


def _html_title(place: int, title: str) -> str:
    return f'<th style="text-align:{_side(place)}">{title}</th>'


def _side(place: int) -> str:
    return "left" if place < _TEXTS else "right"


def _html_cells(row: Row, *, bold: bool) -> Iterable[str]:
    for place, text in enumerate(_cells(row)):
        weight = ";font-weight:600" if bold else ""
        # Words and the latency's noise may go to a second line where the page is narrow.
        wrap = "normal" if place < _TEXTS or place == len(_TITLES) - 1 else "nowrap"
        style = f"text-align:{_side(place)};white-space:{wrap}{weight}"
        yield f'<td style="{style}">{escape(text)}</td>'
