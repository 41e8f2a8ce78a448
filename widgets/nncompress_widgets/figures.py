"""Figures in tiles: a label, a number with its unit, and what it means."""

import html
from collections.abc import Iterable
from dataclasses import dataclass

from nncompress_lab.report.formats import size


@dataclass(frozen=True)
class Tile:
    """One figure.

    Args:
        label: What is counted.
        value: The number with its unit.
        note: How it compares with the dense model.
        current: False while the number still belongs to an earlier setting.
    """

    label: str
    value: str
    note: str
    current: bool = True


def tiles(figures: Iterable[Tile]) -> str:
    """The figures side by side; old numbers are pale and say that they are old."""
    return f'<div class="nncompress-tiles">{"".join(map(_tile, figures))}</div>'


def _tile(figure: Tile) -> str:
    kind = "nncompress-tile" if figure.current else "nncompress-tile nncompress-stale"
    note = figure.note if figure.current else "still of the setting before"
    return (
        f'<div class="{kind}"><span>{html.escape(figure.label)}</span>'
        f"<b>{html.escape(figure.value)}</b><small>{html.escape(note)}</small></div>"
    )


def percent(fraction: float) -> str:
    """A fraction as a percentage with one decimal, for example `"80.0 %"`."""
    return f"{100 * fraction:.1f} %"


def accuracy_note(drop: float) -> str:
    """How far an accuracy is below that of the dense model, in points."""
    if abs(drop) < 5e-4:
        return "equal to dense"
    return f"{100 * abs(drop):.1f} points {'below' if drop > 0 else 'above'} dense"


def bytes_note(now: int, dense: int, *, if_equal: str = "") -> str:
    """How many bytes compare with those of the dense model."""
    if abs(now - dense) < 0.01 * dense:
        return f"as large as dense{if_equal}"
    ratio = max(now, dense) / min(now, dense)
    more = "smaller" if now < dense else "larger"
    return f"{ratio:.1f}x {more} than dense ({size(dense)})"
