"""What the user expects before a figure appears, and how that turned out."""

import math
from collections.abc import Callable

import ipywidgets

from nncompress_lab.report.metrics import Metric
from nncompress_lab.trials.figures import points, score_in_words
from nncompress_lab.trials.trial import Measured
from nncompress_widgets.rows import note


class Expectation:
    """A field for the score that the user expects, and a line that compares it.

    It is never marked: who has said a number first looks at the real one differently.

    Args:
        metric: What the score is.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        unit = " in %" if metric.is_fraction else ""
        self.field = ipywidgets.Text(
            description="I expect",
            placeholder=f"{metric.title}{unit}",
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "190px"},
            tooltip=f"Say what the next {metric.title} will be, then move the control",
        )
        self._words = ipywidgets.HTML()
        self.widgets = (self.field, self._words)

    @property
    def score(self) -> float | None:
        """What the user expects; None without a number in the field."""
        try:
            number = float(self.field.value.replace(",", ".").strip(" %"))
        except ValueError:
            return None
        if self._metric.is_fraction:
            return number / 100 if 0.0 <= number <= 100.0 else None
        return number if math.isfinite(number) else None

    def on_change(self, call: Callable[[], object]) -> None:
        """Have `call()` called when the user expects something else."""
        self.field.observe(lambda _: call(), "value")

    def show(self, measured: Measured | None) -> None:
        """Compare with what was measured; None while that is not known."""
        expected, words = self.score, ""
        if expected is None and self.field.value.strip():
            percentage = "A percentage from 0 to 100, such as 85."
            words = (
                percentage if self._metric.is_fraction else "A number, such as 0.85."
            )
        elif expected is not None and measured is not None:
            off = measured.score - expected
            fraction = self._metric.is_fraction
            more = points(abs(off)) if fraction else self._metric.shown(abs(off))
            found = score_in_words(self._metric, measured.score)
            near = abs(off) < 5e-4 * (1 if fraction else abs(expected))
            side = "more" if off > 0 else "less"
            words = f"It is {found}: "
            words += "as expected." if near else f"{more} {side} than expected."
        self._words.value = note(words)
