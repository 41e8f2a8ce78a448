"""What `PruningExplorer` is made of on the page: inputs and picture."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from nncompress_lab.trials.figures import percent
from nncompress_lab.trials.pruning import WHOLE_MODEL, PruningTrial, Sparsities
from nncompress_widgets.histogram import histogram_svg
from nncompress_widgets.plot import round_step
from nncompress_widgets.rows import dropdown, labelled, layer_options, note

MOST = 0.9999  # of a large layer; of a small one all but one weight
_LAYERS_SHOWN = 8


class PruningView:
    """The widgets of a `PruningExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: PruningTrial) -> None:
        self._trial = trial
        self._histograms = {
            target: trial.magnitudes(target).histogram()
            for target in (WHOLE_MODEL, *trial.layers)
        }
        self.target = dropdown(
            "Prune",
            layer_options(
                "Whole model (one threshold)",
                trial.layers,
                lambda path: trial.magnitudes(path).size,
            ),
        )
        # Whole per cents: a slider rounds any other value to its steps and sends that
        # back as if the user had moved it. Exact values have a field of their own.
        self.slider = labelled(
            ipywidgets.IntSlider, "Sparsity", "174px", max=99, readout=False
        )
        self.percent = labelled(
            ipywidgets.BoundedFloatText, "in %", "104px", max=99.99, step=0.1
        )
        self.threshold = labelled(ipywidgets.BoundedFloatText, "Threshold", "176px")
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()

    @property
    def inputs(self) -> list[ipywidgets.Widget]:
        """What the user moves."""
        return [self.target, self.slider, self.percent, self.threshold]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        self.target.observe(lambda change: call("target", change["new"]), "value")
        for widget in (self.slider, self.percent):
            widget.observe(
                lambda change: call("sparsity", self._fraction(change["new"])), "value"
            )
        self.threshold.observe(lambda change: call("threshold", change["new"]), "value")

    def _fraction(self, percentage: float) -> float:
        """A typed percentage as a fraction that leaves at least one weight."""
        return min(round(percentage / 100, 6), self._most(self.target.value))

    def _most(self, target: str) -> float:
        magnitudes = self._trial.magnitudes(target)
        return min(MOST, magnitudes.fraction_of(magnitudes.size - 1))

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        target = traits["target"]
        largest = self._trial.magnitudes(target).largest
        self.target.value = target
        self.slider.value = min(round(100 * traits["sparsity"]), self.slider.max)
        self.percent.max = round(100 * self._most(target), 6)
        _show_number(self.percent, 100 * traits["sparsity"])
        self.threshold.max = largest
        self.threshold.step = round_step(largest / 100) if largest else None
        _show_number(self.threshold, traits["threshold"])

    def draw(self, traits: Mapping[str, Any], choice: Sparsities) -> None:
        """Move the threshold through the histogram; say what zeros each layer has."""
        target = traits["target"]
        self.picture.value = histogram_svg(
            self._histograms[target],
            threshold=traits["threshold"],
            name="the whole model" if target == WHOLE_MODEL else target,
            pruned=percent(traits["sparsity"]),
        )
        drops = self._trial.drops(choice)
        each = [
            f"{path} {percent(drops[path] / self._trial.magnitudes(path).size)}"
            for path in self._trial.layers
        ]
        rest = len(each) - _LAYERS_SHOWN
        shown = each[:_LAYERS_SHOWN] + ([f"and {rest} more"] if rest > 0 else [])
        zeros = self._trial.counted(choice)["zeros"]
        words = f"Zeros in all kernels: {percent(zeros)} ({', '.join(shown)})"
        self.details.value = note(words)


def _show_number(field: ipywidgets.BoundedFloatText, number: float) -> None:
    shown = f"{number:.4g}"
    if f"{field.value:.4g}" != shown:  # else leave it as it was typed
        field.value = float(shown)
