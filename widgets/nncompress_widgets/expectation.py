"""What the user expects before a figure appears, and how that turned out."""

from collections.abc import Callable

import ipywidgets

from nncompress_lab.trials.figures import percent, points
from nncompress_lab.trials.trial import Measured
from nncompress_widgets.rows import note


class Expectation:
    """A field for the accuracy that the user expects, and a line that compares it.

    It is never marked: who has said a number first looks at the real one differently.
    """

    def __init__(self) -> None:
        self.field = ipywidgets.Text(
            description="I expect",
            placeholder="accuracy in %",
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "190px"},
            tooltip="Say what the next accuracy will be, then move the control",
        )
        self._words = ipywidgets.HTML()
        self.widgets = (self.field, self._words)

    @property
    def accuracy(self) -> float | None:
        """The fraction that the user expects; None without a number in the field."""
        try:
            number = float(self.field.value.replace(",", ".").strip(" %")) / 100
        except ValueError:
            return None
        return number if 0.0 <= number <= 1.0 else None

    def on_change(self, call: Callable[[], object]) -> None:
        """Have `call()` called when the user expects something else."""
        self.field.observe(lambda _: call(), "value")

    def show(self, measured: Measured | None) -> None:
        """Compare with what was measured; None while that is not known."""
        expected, words = self.accuracy, ""
        if expected is None and self.field.value.strip():
            words = "A percentage from 0 to 100, such as 85."
        elif expected is not None and measured is not None:
            off = measured.accuracy - expected
            more = f"{points(abs(off))} {'more' if off > 0 else 'less'}"
            words = f"It is {percent(measured.accuracy)}: " + (
                "as expected." if abs(off) < 5e-4 else f"{more} than expected."
            )
        self._words.value = note(words)
