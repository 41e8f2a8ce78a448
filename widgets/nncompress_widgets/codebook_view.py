"""What `CodebookExplorer` is made of on the page: inputs and pictures."""

import html
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import ipywidgets

from nncompress_lab.report.formats import size
from nncompress_lab.trials.arrays.noise import entropy
from nncompress_lab.trials.codebook import CodebookTrial, TablePart
from nncompress_lab.trials.kernels import WHOLE_MODEL, Choice
from nncompress_widgets.codebook_picture import codebook_svg
from nncompress_widgets.plot import nothing_svg
from nncompress_widgets.rows import labelled, layer_options, row_of

_VIEWS = {"Values of a layer": "values", "How k-means finds them": "kmeans"}
_TABLES = {
    "learned": ("learned", True),
    "learned, 0 not kept": ("learned", False),
    "evenly spaced": ("even", True),
    "normal float": ("normal_float", True),
    "powers of two": ("power_of_two", True),
}
_GRANULARITIES = {"the kernel": "per_tensor", "a channel": "per_channel"}
_INPUTS = ("view", "target", "bits", "granularity", "round")
_OF_VIEW = {
    "values": ("target", "bits", "table", "granularity"),
    "kmeans": ("target", "bits", "play", "round"),
}
_PAUSE = 400  # milliseconds from one round to the next


class CodebookView:
    """The widgets of a `CodebookExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: CodebookTrial) -> None:
        self._trial = trial
        self.view = ipywidgets.ToggleButtons(
            options=list(_VIEWS.items()), style={"button_width": "auto"}
        )
        self.target = labelled(
            ipywidgets.Dropdown,
            "Quantize",
            "214px",
            options=layer_options("Whole model", trial.layers, trial.size),
        )
        self.bits = labelled(
            ipywidgets.SelectionSlider,
            "Values",
            "178px",
            options=[*((str(2**bits), bits) for bits in range(1, 9)), ("floats", 32)],
            value=4,
        )
        self.table = labelled(
            ipywidgets.Dropdown, "Table", "164px", options=list(_TABLES.items())
        )
        self.granularity = labelled(
            ipywidgets.Dropdown,
            "One for",
            "150px",
            options=list(_GRANULARITIES.items()),
        )
        self.play = ipywidgets.Play(interval=_PAUSE, layout={"width": "132px"})
        self.round = labelled(ipywidgets.IntSlider, "Round", "190px")
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        self._row = row_of()
        self.inputs = [ipywidgets.VBox([self.view, self._row])]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        for name in _INPUTS:
            getattr(self, name).observe(
                lambda change, name=name: call(name, change["new"]), "value"
            )
        self.play.observe(lambda change: call("round", change["new"]), "value")
        self.table.observe(lambda change: call("table_of", change["new"]), "value")

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        for name in _INPUTS[:-1]:
            getattr(self, name).value = traits[name]
        learned = traits["table"] == "learned"
        self.table.value = traits["table"], traits["keep_zeros"] or not learned
        self._row.children = [getattr(self, name) for name in _OF_VIEW[traits["view"]]]

    def draw(self, traits: Mapping[str, Any], choice: Choice) -> None:
        """Bring the picture to a setting."""
        target = traits["target"]
        path = self._trial.largest if target == WHOLE_MODEL else target
        part = self._trial.part(choice, path)
        words = ""
        if part is None:
            self.picture.value = nothing_svg(
                f"{path} stays as it is: floats of 32 bits."
            )
        elif traits["view"] == "kmeans":
            words = self._round(part, path, traits)
        else:
            words = self._values(part, path, choice)
        memory = size(round(self._trial.counted(choice)["memory_bytes"]))
        words = f"{words} All weights take {memory} of memory.".strip()
        if target == WHOLE_MODEL:
            words += f" The picture shows {path}, the largest layer."
        self.details.value = (
            f'<div class="nncompress-note nncompress-beside">{html.escape(words)}</div>'
        )

    def _values(self, part: TablePart, path: str, choice: Choice) -> str:
        """Draw the table of the setting, and say how good it is."""
        step = choice.of(path)
        bits = entropy(part.codes)
        whose = _whose(part, path)
        note = (
            f"{len(part.staircase.levels)} values, {bits:.2f} of {step.bits} bits used"
        )
        ratio = f"{part.error / (part.even_error or 1.0):.2f}"
        label = (
            f"{len(part.weights):,} weights of {whose} in the cells of {note}; the squared "
            f"error is {ratio} of that of even spacing."
        )
        self.picture.value = codebook_svg(
            part.staircase, note=note, caption=f"weight of {whose}", label=label
        )
        return (
            f"Squared error: {ratio} times that of even spacing from end to end. The "
            f"codes hold {bits:.2f} bits of entropy each and are stored in {step.bits}."
        )

    def _round(self, part: TablePart, path: str, traits: Mapping[str, Any]) -> str:
        """Draw a round of k-means, and say how far it has come."""
        rounds = self._trial.rounds(part, bits=traits["bits"])
        last = len(rounds) - 1
        number = min(traits["round"], last)
        for widget in (self.round, self.play):
            widget.max = last
            widget.value = number
        one = rounds[number]
        ratio = one.error / rounds[0].error if rounds[0].error else 1.0
        note = f"round {number} of {last}: squared error {100 * ratio:.0f} %"
        whose = _whose(part, path)
        self.picture.value = codebook_svg(
            replace(part.staircase, levels=one.table),
            note=note,
            caption=f"weight of {whose}",
            label=f"k-means with {len(one.table)} values on {whose}, {note}.",
        )
        best = part.error / rounds[0].error if rounds[0].error else 1.0
        return (
            "Each value moves to the mean of its cell, then the cells are drawn anew. "
            f"100 % is even spacing; the table of the setting has {100 * best:.0f} %."
        )


def _whose(part: TablePart, path: str) -> str:
    if part.count == 1:
        return path
    return f"{path}, table {part.place + 1} of {part.count} by its spread"
