"""A scan as a table in colour, and the cells that a plan takes, as an SVG picture."""

import html
import math
from collections.abc import Sequence

from nncompress_lab import Pass, Sensitivity
from nncompress_lab.pipelines import pipeline
from nncompress_lab.trials.plan_choices import Choice
from nncompress_widgets.plot import LEFT, RIGHT, WIDTH, line, picture, text

AS_IT_IS = "as it is"
TINTS = 6  # of a colour that gets stronger; the style has a class for each
_DECADES = 4.0  # of divergence, from the largest down, that the tints are spread over
_TOP = 22  # of the head
_LINE = 14  # height of a line of the head
_NAMES = 104  # where the cells begin
_TALLEST, _FLATTEST = 44.0, 8.0  # a row
_ROOM = 264  # for the rows of a small model
_LEGIBLE = 12  # pixels that a number needs
_LETTERS = 15  # of a layer's name
_THERE = "•"  # of a pass that has no such number


def plan_svg(
    scan: Sensitivity | None,
    options: Sequence[Pass],
    choice: Choice,
    *,
    rows: int,
    budget: int = 0,
    done: float = 0.0,
) -> str:
    """Draw what each unit loses under each option, and frame what a plan takes.

    Args:
        scan: What has been measured; None while that goes on.
        options: The columns; the last column stands for the unit as it is.
        choice: The column of each unit; nothing is framed if it is empty.
        rows: How many there are, or will be.
        budget: Of the choice, in bytes.
        done: The part of the scan that is done.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    heads = _heads(options)
    cells = _Cells(rows=rows, columns=len(options) + 1, top=_TOP + _LINE * len(heads))
    if scan is None:
        return _waiting(cells, done)
    words = "Divergence of the outputs, one layer changed alone; framed: the plan"
    parts = [text(4, 13, words, "start"), _head(heads, cells)]
    top = max((row.divergence for row in scan.rows), default=1.0) or 1.0
    for place, unit in enumerate(scan.units):
        parts.append(_name(unit, place, cells))
        taken = choice[place] if choice else len(options)
        for option in range(len(options)):
            row = scan.of(unit, option)
            label = f"{unit}, {options[option].label}"
            if row is None:
                parts.append(cells.empty(place, option, f"{label}: stays as it is"))
            else:
                parts.append(
                    cells.full(
                        (place, option),
                        row.divergence,
                        top=top,
                        title=f"{label}: {row.divergence:.2g} nats, "
                        f"{row.packed_bytes:+,} bytes packed",
                        taken=option == taken,
                    )
                )
        parts.append(cells.empty(place, len(options), f"{unit}: {AS_IT_IS}"))
    if choice:
        parts += [
            cells.frame(place, len(options) if option is None else option)
            for place, option in enumerate(choice)
        ]
    label = f"{words} for {budget:,} bytes: {in_words(scan, choice)}"
    return picture(parts, height=cells.height, label=label)


def in_words(scan: Sensitivity, choice: Choice) -> str:
    """Which option each unit has, or how many have each where there are many."""
    names = [
        AS_IT_IS if option is None else option_name(scan.options[option])
        for option in choice
    ]
    if len(names) <= _LETTERS:
        pairs = zip(scan.units, names, strict=True)
        said = [f"{unit} {name}" for unit, name in pairs]
    else:
        said = [f"{names.count(name)} {name}" for name in dict.fromkeys(names)]
    return f"{', '.join(said)}." if said else ""


def option_name(option: Pass) -> str:
    """An option in a few words, for example `"70 % zeros + 2 bits"`."""
    knobs = _knobs(option).items()
    return " + ".join(
        knob if value == _THERE else f"{value} {knob}" for knob, value in knobs
    )


def _knobs(option: Pass) -> dict[str, str]:
    """The numbers of an option, by what they are called in a head of few letters."""
    return dict(_knob(step) for step in pipeline(option).passes)


def _knob(step: Pass) -> tuple[str, str]:
    kind = type(step).__name__
    for name, knob in (("bits", "bits"), ("rank", "rank"), ("sparsity", "zeros")):
        value = getattr(step, name, None)
        if value is not None:
            channels = kind == "ChannelPruning"
            others = {"GPTQ": "GPTQ", "CodebookQuantization": "codebook"}
            named = "channels off" if channels else others.get(kind, knob)
            return named, f"{100 * value:.0f} %" if name == "sparsity" else f"{value:g}"
    return kind.removesuffix("Quantization").removesuffix("Pruning"), _THERE


def _heads(options: Sequence[Pass]) -> dict[str, list[str]]:
    """For each knob what the options say of it."""
    each = [_knobs(option) for option in options]
    names = dict.fromkeys(name for knobs in each for name in knobs)
    return {name: [knobs.get(name, "") for knobs in each] for name in names}


def _head(heads: dict[str, list[str]], cells: "_Cells") -> str:
    parts = []
    for number, (name, values) in enumerate(heads.items(), start=1):
        y = _TOP + _LINE * number - 4
        parts.append(text(_NAMES - 6, y, name, "end"))
        parts += [text(cells.middle(at), y, value) for at, value in enumerate(values)]
    parts.append(text(cells.middle(cells.columns - 1), _TOP + _LINE - 4, "as is"))
    return "".join(parts)


def _name(unit: str, place: int, cells: "_Cells") -> str:
    every = math.ceil(_LEGIBLE / cells.tall)
    if place % every:
        return ""
    short = unit if len(unit) <= _LETTERS else f"…{unit[1 - _LETTERS :]}"
    return text(_NAMES - 6, cells.base(place), short, "end")


def _waiting(cells: "_Cells", done: float) -> str:
    middle, words = cells.height / 2, f"Measuring each layer alone: {100 * done:.0f} %"
    across = LEFT + done * (RIGHT - LEFT)
    parts = [
        text(WIDTH / 2, middle - 12, words),
        line("progress-rail", LEFT, RIGHT, middle, middle),
        line("progress", LEFT, across, middle, middle),
    ]
    return picture(parts, height=cells.height, label=words)


class _Cells:
    """Where the cells are, and how each is drawn."""

    def __init__(self, *, rows: int, columns: int, top: float) -> None:
        self.columns, self._top = columns, top
        self.tall = min(_TALLEST, max(_FLATTEST, _ROOM / max(rows, 1)))
        self._wide = (WIDTH - 6 - _NAMES) / columns
        self.height = round(top + self.tall * rows + 8)

    def middle(self, column: int) -> float:
        return _NAMES + (column + 0.5) * self._wide

    def base(self, row: int) -> float:
        return self._top + (row + 0.5) * self.tall + 4

    def full(
        self,
        place: tuple[int, int],
        divergence: float,
        *,
        top: float,
        title: str,
        taken: bool,
    ) -> str:
        """A cell in its tint, with the number where there is room for it."""
        part = 1 + math.log10(max(divergence, 1e-12) / top) / _DECADES
        tint = min(max(round(part * (TINTS - 1)), 0), TINTS - 1)
        cell = self._rect(f"tint-{tint}", *place, title)
        if self.tall < _LEGIBLE:
            return cell
        x, y = self.middle(place[1]), self.base(place[0])
        return cell + text(
            x, y, _short(divergence), kind="cell-taken" if taken else "cell"
        )

    def empty(self, row: int, column: int, title: str) -> str:
        return self._rect("tint-0", row, column, title)

    def frame(self, row: int, column: int) -> str:
        return self._rect("planned", row, column, "")

    def _rect(self, kind: str, row: int, column: int, title: str) -> str:
        x, y = _NAMES + column * self._wide + 1, self._top + row * self.tall + 1
        said = f"<title>{html.escape(title)}</title>" if title else ""
        return (
            f'<rect class="nncompress-{kind}" x="{x:.1f}" y="{y:.1f}" '
            f'width="{self._wide - 2:.1f}" height="{self.tall - 2:.1f}">{said}</rect>'
        )


def _short(divergence: float) -> str:
    """A number in four letters at most, for example `".35"`, `".028"` and `"4e-3"`."""
    if divergence < 1e-2:
        digits = f"{divergence:.0e}".replace("e-0", "e-")
        return digits if divergence > 0 else "0"
    return f"{divergence:.2g}".removeprefix("0")
