"""What the tab "Over time" is made of on the page: inputs, buttons and picture."""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets

from nncompress_widgets.rows import beside, labelled, row_of

CURVES = {"cubic": "slowly", "constant": "at once"}
SCOPES = {
    "adaptive": "by share (adaptive)",
    "global": "one threshold (global)",
    "layer": "each layer alike (layer)",
}
SCHEDULES = [
    (f"{how}, {which}", (curve, scope))
    for scope, which in SCOPES.items()
    for curve, how in CURVES.items()
]


class OverTimeView:
    """The inputs, Train, Stop, and a slider through the moments of a training.

    Args:
        can_train: Whether there are training images.
    """

    def __init__(self, *, can_train: bool) -> None:
        self.sparsity = labelled(
            ipywidgets.BoundedFloatText,
            "Zeros in %",
            "160px",
            min=0,
            max=99.9,
            step=0.5,
        )
        self.schedule = labelled(
            ipywidgets.Dropdown, "Pruned", "280px", options=SCHEDULES
        )
        self.epochs = labelled(
            ipywidgets.BoundedIntText, "Epochs", "120px", min=1, max=20
        )
        self.moment = labelled(
            ipywidgets.IntSlider, "Moment", "420px", max=0, readout=False
        )
        self.train = ipywidgets.Button(
            description="Train", icon="play", layout={"width": "max-content"}
        )
        self.stop = ipywidgets.Button(
            description="Stop",
            icon="stop",
            layout={"width": "max-content"},
            disabled=True,
        )
        self.train.disabled = not can_train
        self.picture = ipywidgets.HTML()
        self.figures = ipywidgets.HTML()
        self._words = ipywidgets.HTML()
        self.rows = [
            row_of(self.sparsity, self.schedule, self.epochs),
            row_of(self.train, self.stop, self._words),
            beside(ipywidgets.VBox([self.picture, self.moment]), self.figures),
        ]

    def on_change(self, call: Callable[[dict[str, Any]], None]) -> None:
        """Have `call(traits)` called when the user changes the setting or the moment."""
        changes: list[tuple[Any, Callable[[Any], dict[str, Any]]]] = [
            (self.sparsity, lambda value: {"sparsity": round(value / 100, 6)}),
            (self.schedule, lambda value: {"curve": value[0], "scope": value[1]}),
            (self.epochs, lambda value: {"epochs": value}),
            (self.moment, lambda value: {"moment": value}),
        ]
        for widget, traits in changes:
            widget.observe(
                lambda change, traits=traits: call(traits(change["new"])), "value"
            )

    def show(self, traits: dict[str, Any], *, moments: int) -> None:
        """Bring the inputs to a setting and a moment."""
        shown = round(100 * traits["sparsity"], 4)
        if round(self.sparsity.value, 4) != shown:
            self.sparsity.value = shown
        self.schedule.value = (traits["curve"], traits["scope"])
        self.epochs.value = traits["epochs"]
        self.moment.max = max(moments - 1, 0)
        self.moment.disabled = moments < 2
        self.moment.value = traits["moment"]

    def begin(self) -> None:
        """A training has begun."""
        self.train.disabled, self.stop.disabled = True, False

    def end(self) -> None:
        """It is over, whatever came of it."""
        self.train.disabled, self.stop.disabled = False, True

    def say(self, words: str) -> None:
        """What is going on, in a sentence."""
        self._words.value = (
            f'<div class="nncompress-note" role="status">{html.escape(words)}</div>'
        )
