"""What `CompressionStudio` is made of on the page: cards, a slider and a picture."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from nncompress_lab.trials.knobs import Card, Knob, knob_of
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
        # By a pass and the name of its number.
        self._sliders: dict[tuple[type, str], Any] = {}
        self.applied = ipywidgets.Checkbox(
            description="applied", indent=False, layout={"width": "90px"}
        )
        self.earlier = _button(
            "Earlier", "arrow-left", "Apply this pass one place earlier"
        )
        self.later = _button("Later", "arrow-right", "Apply this pass one place later")
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        self.value = self._slider("Zeros", [("-", 0)])
        self._knobs = row_of(self.value, self.applied, self.earlier, self.later)
        self.inputs: list[ipywidgets.Widget] = [
            ipywidgets.VBox([self._row, self._knobs])
        ]
        self.applied.observe(lambda change: moved("applied", change["new"]), "value")
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
        if knob is not None:
            self._turn_to(type(step), knob)
        self.value.layout.visibility = "hidden" if knob is None else None

    def _turn_to(self, kind: type, knob: Knob) -> None:
        """Show the slider of a number, at its value.

        Each has a slider of its own. The page moves one that is given other options and a
        place among them by its *old* options first, and reports what that makes of the
        place as a move of the user.
        """
        slider = self._sliders.get((kind, knob.name))
        options = [(value_of(knob, value), value) for value in knob.values]
        if slider is None or knob.value not in dict(slider.options).values():
            slider = self._slider(label_of(knob), options)
            self._sliders[kind, knob.name] = slider
        slider.value = knob.value
        if slider is not self.value:
            self.value = slider
            self._knobs.children = [slider, *self._knobs.children[1:]]

    def _slider(self, label: str, options: Sequence[tuple[str, float]]) -> Any:
        slider = labelled(ipywidgets.SelectionSlider, label, "330px", options=options)
        slider.observe(lambda change: self._moved("value", change["new"]), "value")
        return slider

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
