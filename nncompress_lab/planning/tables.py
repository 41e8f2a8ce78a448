"""Rows of words as a table, for a terminal and for a notebook."""

import html
from collections.abc import Sequence

Table = Sequence[Sequence[str]]


def aligned(table: Table) -> str:
    """The rows as lines of text, all columns to the left.

    Example:
        >>> print(aligned([["unit", "bits"], ["conv1", "8"]]))
        unit   bits
        conv1  8
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = (map(str.ljust, row, widths) for row in table)
    return "\n".join("  ".join(row).rstrip() for row in padded)


def html_table(table: Table) -> str:
    """The rows as HTML, the first of them the head."""
    head, *rows = table
    lines = [_html_row("th", head), *(_html_row("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _html_row(tag: str, cells: Sequence[str]) -> str:
    opening = f'<{tag} style="text-align:left">'
    return (
        f"<tr>{''.join(f'{opening}{html.escape(one)}</{tag}>' for one in cells)}</tr>"
    )
