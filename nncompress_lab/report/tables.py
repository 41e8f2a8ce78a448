"""A report as tables for a terminal, as wide as the terminal is."""

import io
import re
from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from nncompress_lab.printable import printable
from nncompress_lab.report.figures import Figures
from nncompress_lab.report.formats import columns, count, footnotes, rows_of, size
from nncompress_lab.report.verdict import verdict

WIDE = 118  # what the table with a row for each stage needs, with one metric
METRIC = 14  # and for each metric more
TEXT_WIDTH = 120
NARROW = 17  # a column for a stage in a narrow terminal


def stages(figures: Figures, *, width: int) -> Iterator[Any]:
    """The stages and the footnotes, for a terminal of this width.

    A wide terminal shows a row for each stage, a narrow one a column.
    """
    if width >= WIDE + METRIC * (len(figures.setup.metrics) - 1):
        yield _stages_as_rows(figures)
    else:
        yield from _stages_as_columns(figures, width)
    if words := verdict(figures):
        yield _words(words, style="bold")
    for remark in figures.remarks:
        yield _words(remark)
    for note in footnotes(figures):
        yield _words(note, style="dim")


def _stages_as_rows(figures: Figures) -> Table:
    table = _table()
    table.add_column("stage", min_width=20, max_width=20, overflow="fold")
    for column in columns(figures):
        table.add_column(column.title, justify="right", max_width=13)
    for name, values, changes in rows_of(figures):
        cells = map(_two_lines, values, changes)
        table.add_row(_two_lines(*_split_label(name)), *cells)
        table.add_row()
    return table


def _stages_as_columns(figures: Figures, width: int) -> Iterator[Table]:
    first, *others = rows_of(figures)
    per_table = max(1, (width - 24) // (NARROW + 1))
    for start in range(0, max(1, len(others)), per_table):
        shown = [first, *others[start : start + per_table]]
        table = _table()
        table.add_column("", overflow="fold")
        for name, _, _ in shown:
            title, settings = _split_label(name)
            if len(title) > NARROW:  # FineTune stays, UniformQuantization is broken
                title = re.sub("(?<=[a-z])(?=[A-Z])", "\n", title)
            header = _two_lines(title, settings)
            table.add_column(header, justify="right", overflow="fold", max_width=NARROW)
        for row, column in enumerate(columns(figures)):
            cells = [
                _two_lines(values[row], changes[row]) for _, values, changes in shown
            ]
            table.add_row(column.title, *cells)
        yield table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def _words(text: str, style: str = "") -> Text:
    return Text(printable(text), style)


def _two_lines(upper: str, lower: str) -> Text:
    return _words(upper) + _words(f"\n{lower}" if lower else "", style="dim")


def _split_label(name: str) -> tuple[str, str]:
    title, bracket, settings = name.removesuffix("()").partition("(")
    return title, f"{bracket}{settings}"


def layers(figures: Figures) -> Table:
    """The layers, for a terminal; of a single stage without the comparison."""
    single = len(figures.stages) == 1
    table = _table()
    for title in ("layer", "type"):
        table.add_column(title, overflow="fold")
    for title in ("parameters", "zeros", "MACs", *(() if single else ("before",))):
        table.add_column(title, justify="right")
    table.add_column("in memory" if single else "after", justify="right")
    if not single:
        table.add_column("note", overflow="fold")
    for row in figures.layers:
        zeros = 1 - row.nonzeros / row.parameters if row.parameters else 0.0
        table.add_row(
            _words(row.path),
            _words(row.type),
            count(row.parameters),
            f"{100 * zeros:.1f} %",
            count(row.macs),
            *(() if single else (size(row.bytes_before),)),
            size(row.bytes_after),
            *(() if single else (_words(row.note),)),
        )
    return table


def text(figures: Figures) -> str:
    """The stages as plain text."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=TEXT_WIDTH, color_system=None)
    console.print(Group(*stages(figures, width=TEXT_WIDTH)))
    return buffer.getvalue()
