"""A report as a table for a terminal, a notebook, Markdown or LaTeX, and as a plot."""

import html
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from nncompress_lab.report.figures import Figures, Stage
from nncompress_lab.report.metrics import ACCURACY, Metric
from nncompress_lab.report.verdict import verdict


@dataclass(frozen=True)
class Column:
    """One column: its title, the figure, and how it compares with the first stage."""

    title: str
    value: Callable[[Stage], str]
    change: Callable[[Stage, Stage], str]


TEX_ESCAPES = str.maketrans(
    {
        **{special: f"\\{special}" for special in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def _times(name: str) -> Callable[[Stage, Stage], str]:
    def change(first: Stage, stage: Stage) -> str:
        before, after = getattr(first, name), getattr(stage, name)
        if not before or not after:
            return ""
        more, ratio = after > before, max(before, after) / min(before, after)
        if ratio < 1.0005:  # one model's names are longer than another's
            return "same"
        amount = f"{ratio:.1f}x" if ratio >= 1.1 else f"{100 * (ratio - 1):.1f} %"
        return f"{amount} {'more' if more else 'less'}"

    return change


COLUMNS = (
    Column("parameters", lambda stage: count(stage.parameters), _times("parameters")),
    Column("non-zeros", lambda stage: count(stage.nonzeros), _times("nonzeros")),
    Column("in memory", lambda stage: size(stage.memory_bytes), _times("memory_bytes")),
    Column(".keras file", lambda stage: size(stage.keras_bytes), _times("keras_bytes")),
    Column("packed", lambda stage: size(stage.packed_bytes), _times("packed_bytes")),
    Column("MACs", lambda stage: count(stage.macs), _times("macs")),
    Column(
        "latency",
        lambda stage: milliseconds(stage.latency_ms),
        lambda _first, stage: stage.latency_verdict or "",
    ),
)


def columns(figures: Figures) -> list[Column]:
    """The metrics of the task, then what is measured of any model."""
    return [*map(_column_of, figures.setup.metrics), *COLUMNS]


def _column_of(metric: Metric) -> Column:
    return Column(
        metric.title,
        lambda stage: metric.shown(stage.figure(metric.name)),
        lambda first, stage: metric.change(
            first.figure(metric.name), stage.figure(metric.name)
        ),
    )


def percent(fraction: float | None) -> str:
    """A fraction as a percentage, for example `"91.35 %"`; a dash for None."""
    return ACCURACY.shown(fraction)


def count(number: int | None) -> str:
    """A number with a metric prefix, to three digits; a dash for None.

    Example:
        >>> count(431080), count(950), count(31000000)
        ('431 k', '950', '31.0 M')
    """
    return "-" if number is None else _prefixed(number, "")


def size(number: int | None) -> str:
    """Bytes with a metric prefix (1 kB = 1000 bytes), to three digits; a dash for None.

    Example:
        >>> size(1734000), size(1100000), size(999)
        ('1.73 MB', '1.10 MB', '999 B')
    """
    return "-" if number is None else _prefixed(number, "B")


def milliseconds(number: float | None) -> str:
    """A latency to three digits, for example `"0.0510 ms"`; a dash for None."""
    return "-" if number is None else f"{_three_digits(number)} ms"


def _three_digits(number: float) -> str:
    if number >= 999.5:
        return f"{number:,.0f}"
    return f"{number:#.3g}".rstrip(".")


def _prefixed(number: float, unit: str) -> str:
    value = float(number)
    for prefix in ("", "k", "M", "G"):
        if value < 999.5 or prefix == "G":
            digits = f"{value:.0f}" if not prefix else _three_digits(value)
            return f"{digits} {prefix}{unit}".strip()
        value /= 1000
    raise AssertionError(number)


def rows_of(figures: Figures) -> list[tuple[str, list[str], list[str]]]:
    """For each stage its name, its figures and their changes, in the order of `columns`."""
    first, shown = figures.stages[0], columns(figures)
    return [
        (
            stage.name,
            [column.value(stage) for column in shown],
            ["" if stage is first else column.change(first, stage) for column in shown],
        )
        for stage in figures.stages
    ]


def footnotes(figures: Figures) -> list[str]:
    """What a reader must know to read the figures."""
    setup = figures.setup
    titles = ", ".join(metric.title for metric in setup.metrics)
    measured = f"{titles[:1].upper()}{titles[1:]}: {setup.data}. " if setup.data else ""
    notes = [
        f"{measured}Packed: the .ncz file of ncl.pack. {setup.versions}, "
        f"{setup.machine}."
    ]
    if setup.noise_band is None:
        notes.append(f"Latency: {setup.runtime}.")
    else:
        threads = (
            f"{setup.threads} thread" if setup.threads else "the backend's threads"
        )
        notes.append(
            f"Latency: {setup.runtime}, batch {setup.batch_size}, {threads}, minimum over "
            "interleaved blocks; noise of this run "
            f"±{100 * setup.noise_band:.1f} %, a change within it is no measurable change."
        )
    return notes


def markdown(figures: Figures) -> str:
    """The table in GitHub's Markdown, with the changes in brackets."""
    titles = [_words(column.title) for column in columns(figures)]
    lines = ["| stage | " + " | ".join(titles) + " |"]
    lines.append("|---|" + "---:|" * len(titles))
    for name, values, changes in rows_of(figures):
        cells = [
            f"{value} ({change})" if change else value
            for value, change in zip(values, changes, strict=True)
        ]
        lines.append(f"| {_words(name)} | " + " | ".join(cells) + " |")
    words = verdict(figures)
    said = [f"**{_words(words)}**", ""] if words else []
    for remark in figures.remarks:
        said += [_words(remark), ""]
    return "\n".join([*lines, "", *said, *footnotes(figures), ""])


def _words(text: str) -> str:
    return text.replace("|", r"\|")


def latex(figures: Figures) -> str:
    """The table as a LaTeX tabular with booktabs rules."""
    titles = [_tex(column.title) for column in columns(figures)]
    lines = [
        r"\begin{tabular}{l" + "r" * len(titles) + "}",
        r"\toprule",
        " & ".join(["stage", *titles]) + r" \\",
        r"\midrule",
    ]
    for name, values, _ in rows_of(figures):
        lines.append(" & ".join(_tex(cell) for cell in [name, *values]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    words = verdict(figures)
    notes = [words, *figures.remarks, *footnotes(figures)]
    comments = ("% " + note.replace("\n", "\n% ") for note in notes if note)
    return "\n".join([*lines, *comments, ""])


def _tex(cell: str) -> str:
    return cell.translate(TEX_ESCAPES)


def html_table(figures: Figures) -> str:
    """The table and the footnotes for a notebook; it follows the notebook's colours."""
    titles = ["stage", *(column.title for column in columns(figures))]
    head = "".join(_cell("th", title, right=title != "stage") for title in titles)
    rows = []
    for name, values, changes in rows_of(figures):
        cells = map(partial(_cell, "td"), values, changes)
        rows.append(f"<tr>{_cell('th', name, right=False)}{''.join(cells)}</tr>")
    notes = "".join(
        f"<div><small>{html.escape(note)}</small></div>" for note in footnotes(figures)
    )
    words = verdict(figures)
    said = f"<div><b>{html.escape(words)}</b></div>" if words else ""
    said += "".join(
        f'<div style="white-space:pre-line">{html.escape(one)}</div>'
        for one in figures.remarks
    )
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{said}{notes}"
    )


def _cell(tag: str, value: str, change: str = "", *, right: bool = True) -> str:
    style = (
        f"text-align:{'right' if right else 'left'};vertical-align:top;padding:4px 6px"
    )
    below = f"<br><small>{_breaking(change)}</small>" if change else ""
    return f'<{tag} style="{style}">{_breaking(value)}{below}</{tag}>'


def _breaking(text: str) -> str:
    """Text as HTML whose lines do not end between a number and its unit.

    The settings of a pass may begin a line, so that its name does not widen the table.
    """
    unbroken = re.sub(r"(\d\S*(?<!,)) (?=\S)", "\\1\N{NO-BREAK SPACE}", text)
    return html.escape(unbroken).replace("(", "<wbr>(", 1)


def dataframe(rows: list[dict[str, Any]]) -> Any:
    """Rows as a pandas DataFrame, indexed by their first field."""
    pandas = optional("pandas")
    frame = pandas.DataFrame(rows)
    return frame.set_index(frame.columns[0])


def plot(figures: Figures, ax: Any) -> Any:
    """The first metric against packed bytes, one point a stage, in their order."""
    metric = figures.setup.metrics[0]
    values = [stage.figure(metric.name) for stage in figures.stages]
    if None in values:
        raise ValueError(
            f"The plot shows {metric.title}, and this report has none. Measure it with "
            "data: compare(before, after, data=ncl.data.fashion_mnist())."
        )
    kilobytes = [one.packed_bytes / 1000 for one in figures.stages if one.packed_bytes]
    if len(kilobytes) < len(values):
        raise ValueError(
            "The plot shows packed sizes, and this report lacks some; its remarks say why."
        )
    if ax is None:
        _, ax = optional("matplotlib.pyplot").subplots(
            figsize=(6.4, 4.0), layout="constrained"
        )
    heights = [(100 if metric.is_fraction else 1) * (one or 0.0) for one in values]
    ax.plot(kilobytes, heights, color="0.7", zorder=1)
    for number, (x, y) in enumerate(zip(kilobytes, heights, strict=True)):
        name = figures.stages[number].name.split("(")[0]
        ax.scatter([x], [y], s=60, zorder=2, label=f"{number}  {name}")
        ax.annotate(str(number), (x, y), xytext=(6, 6), textcoords="offset points")
    ax.set_xscale("log")
    ax.margins(0.1)
    ax.set_xlabel("packed size in kB (log scale)")
    ax.set_ylabel(f"test {metric.title}{' in %' if metric.is_fraction else ''}")
    ax.set_title(f"{metric.title[:1].upper()}{metric.title[1:]} against size")
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small")
    return ax


def optional(module: str) -> Any:
    """A module that the extra `lab` brings; an `ImportError` says so if it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".", maxsplit=1)[0]
        raise ImportError(
            f"{package} is not installed and this needs it. Install it with "
            'pip install "nncompress-lab[lab]".'
        ) from error
