"""What `PruningExplorer` is made of on the page: inputs, picture and figures."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from nncompress_lab.report.formats import size
from nncompress_lab.trials import WHOLE_MODEL, PruningTrial
from nncompress_widgets.control import row_of
from nncompress_widgets.figures import (
    Tile,
    accuracy_note,
    bytes_note,
    percent,
    tiles,
)
from nncompress_widgets.histogram import histogram_svg, round_step

_ZEROS_ARE_STORED = ": zeros are stored like other numbers"
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
        self.target = _labelled(
            ipywidgets.Dropdown, "Prune", "242px", options=_options(trial)
        )
        # Whole per cents: a slider rounds any other value to its steps and sends that
        # back as if the user had moved it. Exact values have a field of their own.
        self.slider = _labelled(
            ipywidgets.IntSlider, "Sparsity", "212px", max=99, readout=False
        )
        self.percent = _labelled(
            ipywidgets.BoundedFloatText, "in %", "104px", max=99.99, step=0.1
        )
        self.threshold = _labelled(ipywidgets.BoundedFloatText, "Threshold", "154px")
        self._picture, self._figures, self._layers = (
            ipywidgets.HTML() for _ in range(3)
        )
        self.body = [
            row_of(self.target, self.slider, self.percent, self.threshold),
            row_of(self._picture, self._figures),
            self._layers,
        ]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        self.target.observe(lambda change: call("target", change["new"]), "value")
        for widget in (self.slider, self.percent):
            widget.observe(
                lambda change: call("sparsity", round(change["new"] / 100, 6)), "value"
            )
        self.threshold.observe(lambda change: call("threshold", change["new"]), "value")

    def show_position(self, target: str, sparsity: float, threshold: float) -> None:
        """Bring the inputs to a setting and move the threshold through the histogram."""
        largest = self._trial.magnitudes(target).largest
        self.target.value = target
        self.slider.value = min(round(100 * sparsity), self.slider.max)
        _show_number(self.percent, 100 * sparsity)
        self.threshold.max = largest
        self.threshold.step = round_step(largest / 100) if largest else None
        _show_number(self.threshold, threshold)
        self._picture.value = histogram_svg(
            self._histograms[target],
            threshold=threshold,
            name="the whole model" if target == WHOLE_MODEL else target,
            pruned=percent(sparsity),
        )

    def show_layers(self, sparsities: Mapping[str, float]) -> None:
        """Say how many zeros each layer has."""
        drops = self._trial.drops(sparsities)
        each = [
            f"{path} {percent(drops[path] / self._trial.magnitudes(path).size)}"
            for path in self._trial.layers
        ]
        rest = len(each) - _LAYERS_SHOWN
        shown = each[:_LAYERS_SHOWN] + ([f"and {rest} more"] if rest > 0 else [])
        zeros = self._trial.zeros(sparsities) / self._trial.kernel_weights
        words = f"Zeros in all kernels: {percent(zeros)} ({', '.join(shown)})"
        self._layers.value = f'<div class="nncompress-note">{html.escape(words)}</div>'

    def show_figures(
        self,
        *,
        accuracy: float,
        nonzeros: int,
        keras: int,
        packed: int,
        measured: bool,
        weighed: bool,
    ) -> None:
        """Fill the tiles.

        Args:
            accuracy: Of the pruned model, a fraction.
            nonzeros: Of its parameters.
            keras: Bytes of its file.
            packed: Bytes of its packed file.
            measured: Whether the accuracy belongs to what the inputs show.
            weighed: Whether the bytes do.
        """
        trial, dense = self._trial, self._trial.dense_sizes
        self._figures.value = tiles(
            [
                Tile(
                    "Validation accuracy",
                    percent(accuracy),
                    accuracy_note(trial.dense_accuracy - accuracy)
                    + f" ({percent(trial.dense_accuracy)})",
                    current=measured,
                ),
                Tile(
                    "Non-zeros", f"{nonzeros:,}", f"of {trial.parameters:,} parameters"
                ),
                Tile(
                    ".keras file",
                    size(keras),
                    bytes_note(keras, dense.keras, if_equal=_ZEROS_ARE_STORED),
                    current=weighed,
                ),
                Tile(
                    "Packed by ncl.pack",
                    size(packed),
                    bytes_note(packed, dense.packed),
                    current=weighed,
                ),
            ]
        )


def _show_number(field: ipywidgets.BoundedFloatText, number: float) -> None:
    shown = f"{number:.4g}"
    if f"{field.value:.4g}" != shown:  # else leave it as it was typed
        field.value = float(shown)


def _options(trial: PruningTrial) -> list[tuple[str, str]]:
    layers = [
        (f"{path} ({trial.magnitudes(path).size:,} weights)", path)
        for path in trial.layers
    ]
    return [("Whole model (one threshold)", WHOLE_MODEL), *layers]


def _labelled(kind: Any, description: str, width: str, **settings: Any) -> Any:
    return kind(
        description=description,
        style={"description_width": "initial"},
        layout={"width": width},
        **settings,
    )
