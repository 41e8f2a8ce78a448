"""A table of figures with notes below it, as text and as HTML."""

import html
import textwrap
from dataclasses import dataclass

from nncompress_lab.printable import printable

TEXT_WIDTH = 100


@dataclass(frozen=True)
class Cell:
    """A figure and what is to be said about it."""

    value: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.value} ({self.note})" if self.note else self.value


@dataclass(frozen=True)
class Table:
    """Titles, rows and notes. The first column is words, the others are figures."""

    titles: list[str]
    rows: list[list[Cell]]
    notes: list[str]

    def __str__(self) -> str:
        lines = [self.titles, *([str(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, ["-" * width for width in widths])
        notes = [textwrap.fill(note, TEXT_WIDTH) for note in self.notes]
        shown = [*(_aligned(line, widths) for line in lines), *notes]
        return printable("\n".join(shown))

    def html(self) -> str:
        """The table in the colours of the page that it is shown in."""
        head = _html_row("th", [Cell(title) for title in self.titles])
        body = "".join(_html_row("td", row) for row in self.rows)
        notes = "".join(
            f"<div><small>{html.escape(note)}</small></div>" for note in self.notes
        )
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{notes}"


def _aligned(line: list[str], widths: list[int]) -> str:
    first, *others = (
        text.ljust(width) if number == 0 else text.rjust(width)
        for number, (text, width) in enumerate(zip(line, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def _html_row(tag: str, cells: list[Cell]) -> str:
    shown = []
    for number, cell in enumerate(cells):
        style = f"text-align:{'right' if number else 'left'};vertical-align:top"
        below = f"<br><small>{html.escape(cell.note)}</small>" if cell.note else ""
        shown.append(f'<{tag} style="{style}">{html.escape(cell.value)}{below}</{tag}>')
    return f"<tr>{''.join(shown)}</tr>"
