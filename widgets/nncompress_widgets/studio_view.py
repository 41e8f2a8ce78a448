"""What `CompressionStudio` is made of on the page: cards, a slider and a picture."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from nncompress_lab.trials.knobs import Card, knob_of
from nncompress_widgets.card_words import label_of, name_of, setting_of, value_of
from nncompress_widgets.rows import labelled, row_of

Moved = Callable[[str, Any], None]


class StudioView:
    """The widgets of a `CompressionStudio`, and how they are filled.

    Args:
        moved: Called as `moved(what, value)` when the user moves something: `"selected"`
            and a place; `"value"`, `"applied"` or `"shift"` and what becomes of the card
            that is selected.
    """

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self.cards: list[Any] = []
        self._row = row_of()
        self._row.add_class("nncompress-cards")
        self.value = labelled(
            ipywidgets.SelectionSlider, "Zeros", "330px", options=[("-", 0)]
        )
        self.applied = ipywidgets.Checkbox(
            description="applied", indent=False, layout={"width": "90px"}
        )
        self.earlier = _button(
            "Earlier", "arrow-left", "Apply this pass one place earlier"
        )
        self.later = _button("Later", "arrow-right", "Apply this pass one place later")
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        knobs = row_of(self.value, self.applied, self.earlier, self.later)
        self.inputs: list[ipywidgets.Widget] = [ipywidgets.VBox([self._row, knobs])]
        for name in ("value", "applied"):
            getattr(self, name).observe(
                lambda change, name=name: moved(name, change["new"]), "value"
            )
        self.earlier.on_click(lambda _: moved("shift", -1))
        self.later.on_click(lambda _: moved("shift", 1))

    def show(self, cards: Sequence[Card], selected: int) -> None:
        """Bring cards and inputs to a setting."""
        if len(self.cards) != len(cards):
            self.cards = [self._card(place) for place in range(len(cards))]
            self._row.children = self.cards
        for place, (step, applied) in enumerate(cards):
            _fill(self.cards[place], step, applied=applied, selected=place == selected)
        step, applied = cards[selected]
        self.applied.value = applied
        self.earlier.disabled = selected == 0
        self.later.disabled = selected == len(cards) - 1
        knob = knob_of(step)
        self.value.layout.visibility = "hidden" if knob is None else None
        if knob is None:
            return
        options = [(value_of(knob, value), value) for value in knob.values]
        with self.value.hold_sync():
            if list(self.value.options) != options:
                self.value.options = options
            self.value.description = label_of(knob)
            self.value.value = knob.value

    def _card(self, place: int) -> Any:
        card = ipywidgets.ToggleButton(layout={"width": "auto", "height": "auto"})
        card.add_class("nncompress-card")
        card.observe(lambda _: self._moved("selected", place), "value")
        return card


def _fill(card: Any, step: Any, *, applied: bool, selected: bool) -> None:
    words = setting_of(step) or "in place"
    card.description = f"{name_of(step)}\n{words if applied else 'off'}"
    card.tooltip = repr(step) if applied else f"{step!r}, which is not applied"
    card.value = selected
    (card.remove_class if applied else card.add_class)("nncompress-off")


def _button(words: str, icon: str, tooltip: str) -> Any:
    return ipywidgets.Button(
        description=words, icon=icon, tooltip=tooltip, layout={"width": "auto"}
    )
