"""What `CodebookExplorer` is made of on the page: inputs and pictures."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import ipywidgets

from nncompress_lab.trials.arrays.noise import entropy
from nncompress_lab.trials.codebook import CodebookTrial, TablePart
from nncompress_lab.trials.kernels import Choice
from nncompress_widgets.codebook_picture import codebook_svg
from nncompress_widgets.rows import dropdown, labelled
from nncompress_widgets.storing_view import StoringView, untouched_svg

_TABLES = {
    "learned": ("learned", True),
    "learned, 0 not kept": ("learned", False),
    "evenly spaced": ("even", True),
    "normal float": ("normal_float", True),
    "powers of two": ("power_of_two", True),
}
_GRANULARITIES = {"the kernel": "per_tensor", "a channel": "per_channel"}
_PAUSE = 400  # milliseconds from one round to the next


class CodebookView(StoringView):
    """The widgets of a `CodebookExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    VIEWS: ClassVar[Mapping[str, str]] = {
        "Values of a layer": "values",
        "How k-means finds them": "kmeans",
    }
    INPUTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "values": ("target", "bits", "table", "granularity"),
        "kmeans": ("target", "bits", "play", "round"),
    }

    def __init__(self, trial: CodebookTrial) -> None:
        values = [(str(2**bits), bits) for bits in range(1, 9)]
        bits = labelled(
            ipywidgets.SelectionSlider,
            "Values",
            "178px",
            options=[*values, ("floats", 32)],
            value=4,
        )
        super().__init__(trial, bits=bits)
        self._trial = trial
        self.table = dropdown("Table", list(_TABLES.items()))
        self.granularity = dropdown(
            "One for",
            list(_GRANULARITIES.items()),
        )
        self.play = ipywidgets.Play(interval=_PAUSE, layout={"width": "132px"})
        self.round = labelled(ipywidgets.IntSlider, "Round", "190px")

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        keeps = traits["keep_zeros"] or traits["table"] != "learned"
        super().show({**traits, "table": (traits["table"], keeps)})

    def _drawn(
        self, path: str, traits: Mapping[str, Any], choice: Choice
    ) -> tuple[str, str]:
        part = self._trial.part(choice, path)
        if part is None:
            return untouched_svg(path), ""
        if traits["view"] == "kmeans":
            return self._round(part, path, traits)
        return _values(part, path, choice)

    def _round(
        self, part: TablePart, path: str, traits: Mapping[str, Any]
    ) -> tuple[str, str]:
        """A round of k-means, and how far it has come."""
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
        picture = codebook_svg(
            replace(part.staircase, levels=one.table),
            note=note,
            caption=f"weight of {whose}",
            label=f"k-means with {len(one.table)} values on {whose}, {note}.",
        )
        best = part.error / rounds[0].error if rounds[0].error else 1.0
        return picture, (
            "Each value moves to the mean of its cell, then the cells are drawn anew. "
            f"100 % is even spacing; the table of the setting has {100 * best:.0f} %."
        )


def _values(part: TablePart, path: str, choice: Choice) -> tuple[str, str]:
    """The table of the setting, and how good it is."""
    step = choice.of(path)
    bits = entropy(part.codes)
    whose = _whose(part, path)
    note = f"{len(part.staircase.levels)} values, {bits:.2f} of {step.bits} bits used"
    ratio = f"{part.error / (part.even_error or 1.0):.2f}"
    label = (
        f"{len(part.weights):,} weights of {whose} in the cells of {note}; the squared "
        f"error is {ratio} of that of even spacing."
    )
    picture = codebook_svg(
        part.staircase, note=note, caption=f"weight of {whose}", label=label
    )
    return picture, (
        f"Squared error: {ratio} times that of even spacing from end to end. The "
        f"codes hold {bits:.2f} bits of entropy each and are stored in {step.bits}."
    )


def _whose(part: TablePart, path: str) -> str:
    if part.count == 1:
        return path
    return f"{path}, table {part.place + 1} of {part.count} by its spread"
