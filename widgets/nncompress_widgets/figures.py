"""Figures in tiles: a label, a number with its unit, and what it means."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nncompress_lab.report.formats import count, size
from nncompress_lab.report.metrics import ACCURACY, Metric
from nncompress_lab.trials.figures import (
    Figures,
    change_in_words,
    decibels,
    number,
    percent,
    score_in_words,
)
from nncompress_lab.trials.trial import Measured

NOT_YET = "-"  # in place of a number that is not known
_EACH_IS_STORED = ": each weight is stored, zeros too"


def _bits(count: float) -> str:
    return f"{count:.2f} bits"


def _nats(divergence: float) -> str:
    return f"{divergence:.2g} nats"


def _size(count: float) -> str:
    return size(round(count))


# What a figure is called, how it is said, and what it means, with {} for the original's.
_SAID: Final = {
    "snr_db": (
        "Signal to noise",
        decibels,
        "kernels over their rounding error; 6 dB are one bit",
    ),
    "entropy": (
        "Code entropy",
        _bits,
        "a weight; only codes of even use need their full width",
    ),
    "divergence": (
        "Divergence, added up",
        _nats,
        "of the outputs from the original's, by the scan",
    ),
    "predicted_bytes": (
        "Packed, by the scan",
        _size,
        "all layers added up; the file may differ a little",
    ),
    "others": ("Other classes", percent, "of the teacher's word; {} at temperature 1"),
    "soft_entropy": ("Entropy of the targets", _bits, "{} at temperature 1"),
    "balance": ("Weaker term", percent, "of the gradient to begin with; even is 50 %"),
}


@dataclass(frozen=True)
class Tile:
    """One figure.

    Args:
        label: What is counted.
        value: The number with its unit.
        note: How it compares with the original model.
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


def score_tile(
    metric: Metric,
    measured: Measured,
    original: Figures,
    *,
    examples: int,
    current: bool,
) -> Tile:
    """A score; an accuracy on a part of the examples comes with what that leaves open."""
    before = original[metric.name]
    value = score_in_words(metric, measured.score)
    words = change_in_words(metric, before, measured.score)
    note = f"{words} ({score_in_words(metric, before)})"
    if measured.examples < examples:
        if metric == ACCURACY:
            value += f" ± {100 * measured.margin:.0f}"
        note = f"on the first {measured.examples:,} of {examples:,} {things(metric)}"
    return Tile(f"Validation {metric.title}", value, note, current)


def judged_on(metric: Metric, examples: int) -> str:
    """What is measured on how many, such as `"accuracy on 1,000 validation images"`."""
    return f"{metric.title} on {examples:,} validation {things(metric)}"


def score_in_a_sentence(metric: Metric, score: float) -> str:
    """A score in few digits, such as `"validation accuracy 88 %"`."""
    value = f"{100 * score:.0f} %" if metric.is_fraction else metric.shown(score)
    return f"validation {metric.title} {value}"


def things(metric: Metric) -> str:
    """What is judged; what is classified in the lessons are images."""
    return "images" if metric == ACCURACY else "examples"


def figure_tile(name: str, value: float, original: Figures, *, current: bool) -> Tile:
    """A figure that is counted or weighed."""
    before = original[name]
    if name == "keras_bytes":
        note = bytes_note(value, before, if_equal=_EACH_IS_STORED)
        return Tile(".keras file", size(round(value)), note, current)
    if name == "packed_bytes":
        note = bytes_note(value, before)
        return Tile("Packed by ncl.pack", size(round(value)), note, current)
    if name == "nonzeros":
        note = f"of {number(original['parameters'])} parameters"
        return Tile("Non-zeros", number(value), note, current)
    if name in _SAID:
        label, say, note = _SAID[name]
        return Tile(label, say(value), note.format(say(before)), current)
    label, shown = {
        "macs": ("MACs an image", count(round(value))),
        "parameters": ("Parameters", number(value)),
    }[name]
    return Tile(label, shown, f"of {number(before)}", current)


def latency_tile(figures: Figures, *, current: bool) -> Tile:
    """A latency with its noise; without figures it has not been measured yet."""
    label = "ONNX Runtime"
    if not figures:
        return Tile(label, NOT_YET, "measured when the control rests", current=True)
    ratio, band = figures["speedup"], figures["latency_band"]
    value = f"{figures['latency_ms']:.3g} ms"
    if max(ratio, 1 / ratio) - 1 <= band:
        note = "no measurable change"
    else:
        note = f"{ratio:.2f}x faster" if ratio > 1 else f"{1 / ratio:.2f}x slower"
    return Tile(label, value, f"{note}; noise ±{100 * band:.0f} %", current)


def reestimated_tile(
    metric: Metric, figures: Figures, original: Figures, *, current: bool
) -> Tile:
    """The score with measured statistics; without figures it is not known yet."""
    label = "BatchNorm measured again"
    if not figures:
        return Tile(label, NOT_YET, "measured when the control rests", current=True)
    score = figures["reestimated"]
    note = f"{change_in_words(metric, original[metric.name], score)}, without any label"
    return Tile(label, score_in_words(metric, score), note, current)


def bytes_note(now: float, original: float, *, if_equal: str = "") -> str:
    """How many bytes compare with those of the original model."""
    if abs(now - original) < 0.01 * original:
        return f"as large as the original{if_equal}"
    ratio = max(now, original) / min(now, original)
    more = "smaller" if now < original else "larger"
    amount = f"{ratio:.1f}x" if ratio >= 1.1 else f"{100 * (ratio - 1):.0f} %"
    return f"{amount} {more} than the original ({size(round(original))})"
