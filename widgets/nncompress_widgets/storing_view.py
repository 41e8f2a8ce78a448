"""What a control of stored kernels is made of on the page, whatever the pass."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import ipywidgets

from nncompress_lab.report.formats import size
from nncompress_lab.trials.kernels import WHOLE_MODEL, Choice
from nncompress_lab.trials.storing import StoringTrial
from nncompress_widgets.plot import nothing_svg
from nncompress_widgets.rows import dropdown, follow, layer_options, note, row_of


class StoringView:
    """The widgets of a `StoringExplorer`, and how they are filled.

    A subclass makes inputs, as attributes, and draws. An input follows what `show` is
    given under its name: a trait, or what a subclass makes of several.

    Args:
        trial: What the figures come from.
        bits: What the slider of bits offers, besides floats.

    Attributes:
        VIEWS: What the picture can show, by the words on its button.
        INPUTS: For each of these, the names of the inputs that stand beside it.
    """

    VIEWS: ClassVar[Mapping[str, str]]
    INPUTS: ClassVar[Mapping[str, tuple[str, ...]]]

    def __init__(self, trial: StoringTrial, *, bits: Any) -> None:
        self._storing = trial
        self.view = ipywidgets.ToggleButtons(
            options=list(self.VIEWS.items()), style={"button_width": "auto"}
        )
        self.target = dropdown(
            "Quantize",
            layer_options("Whole model", trial.layers, trial.size),
        )
        self.bits = bits
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        self._row = row_of()
        self.inputs = [ipywidgets.VBox([self.view, self._row])]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(name of the input, value)` called when the user moves something."""
        follow(self, self._names(), call)

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        for name in self._names():
            if name in traits:
                getattr(self, name).value = traits[name]
        self._row.children = [
            getattr(self, name) for name in self.INPUTS[traits["view"]]
        ]

    def draw(self, traits: Mapping[str, Any], choice: Choice) -> None:
        """Bring the picture to a setting."""
        target = traits["target"]
        path = self._storing.largest if target == WHOLE_MODEL else target
        self.picture.value, words = self._drawn(path, traits, choice)
        memory = size(round(self._storing.counted(choice)["memory_bytes"]))
        words = f"{words} All weights take {memory} of memory.".strip()
        if target == WHOLE_MODEL:
            words += f" The picture shows {path}, the largest layer."
        self.details.value = note(words)

    def _drawn(
        self, path: str, traits: Mapping[str, Any], choice: Choice
    ) -> tuple[str, str]:
        """A picture of one layer, and what there is to say about it."""
        raise NotImplementedError

    def _names(self) -> list[str]:
        shown = (name for names in self.INPUTS.values() for name in names)
        return list(dict.fromkeys(["view", *shown]))


def untouched_svg(path: str) -> str:
    """In place of a picture, for a layer that is not quantized."""
    return nothing_svg(f"{path} stays as it is: floats of 32 bits.")
