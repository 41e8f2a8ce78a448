"""What `QuantizationExplorer` is made of on the page: inputs and pictures."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from nncompress_lab.report.formats import size
from nncompress_lab.trials.kernels import WHOLE_MODEL, Choice
from nncompress_lab.trials.quantization import QuantizationTrial, one_scale
from nncompress_widgets.channels import channels_svg
from nncompress_widgets.plot import nothing_svg
from nncompress_widgets.rows import labelled, layer_options, row_of
from nncompress_widgets.staircase import significant, staircase_svg

_VIEWS = {
    "Levels of a layer": "levels",
    "One scale or one for each channel": "channels",
    "Activations": "activations",
}
_SCALES = {
    "the kernel": "per_tensor",
    "a channel": "per_channel",
    "32 weights": "per_group",
}
_RANGES = {
    "symmetric: largest": (True, "absmax"),
    "symmetric: 99.9 %": (True, "percentile"),
    "symmetric: least error": (True, "mse"),
    "affine: both ends": (False, "absmax"),
    "affine: 99.9 %": (False, "percentile"),
    "affine: least error": (False, "mse"),
}
_ACTIVATIONS = {
    "floats": "floats",
    "8 bits, all of their range": "min_max",
    "8 bits, 99.99 % of them": "percentile",
    "8 bits, least squared error": "mse",
}
_OF_VIEW = {
    "levels": ("target", "bits", "granularity", "range"),
    "channels": ("target", "bits", "range"),
    "activations": ("target", "bits", "activations"),
}


class QuantizationView:
    """The widgets of a `QuantizationExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: QuantizationTrial) -> None:
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
            "Bits",
            "156px",
            options=[*((str(bits), bits) for bits in range(2, 9)), ("floats", 32)],
        )
        self.granularity = labelled(
            ipywidgets.Dropdown, "A scale for", "156px", options=list(_SCALES.items())
        )
        self.range = labelled(
            ipywidgets.Dropdown, "Range", "200px", options=list(_RANGES.items())
        )
        self.activations = labelled(
            ipywidgets.Dropdown,
            "Activations",
            "270px",
            options=list(_ACTIVATIONS.items()),
        )
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        self._row = row_of()
        self.inputs = [ipywidgets.VBox([self.view, self._row])]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        for name in ("view", "target", "bits", "granularity", "activations"):
            getattr(self, name).observe(
                lambda change, name=name: call(name, change["new"]), "value"
            )
        self.range.observe(lambda change: call("range", change["new"]), "value")

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        for name in ("view", "target", "bits", "granularity", "activations"):
            getattr(self, name).value = traits[name]
        self.range.value = traits["symmetric"], traits["clipping"]
        self._row.children = [getattr(self, name) for name in _OF_VIEW[traits["view"]]]

    def draw(self, traits: Mapping[str, Any], choice: Choice) -> None:
        """Bring the picture to a setting."""
        target = traits["target"]
        path = self._trial.largest if target == WHOLE_MODEL else target
        draw = {
            "levels": self._levels,
            "channels": self._channels,
            "activations": self._activations,
        }[traits["view"]]
        self.picture.value = draw(path, choice)
        memory = size(round(self._trial.counted(choice)["memory_bytes"]))
        words = f"All weights take {memory} of memory."
        if choice.activations:
            words += " What goes into each layer is rounded to 8 bits."
        if target == WHOLE_MODEL:
            words += f" The picture shows {path}, the largest layer."
        self.details.value = (
            f'<div class="nncompress-note nncompress-beside">{html.escape(words)}</div>'
        )

    def _levels(self, path: str, choice: Choice) -> str:
        part = self._trial.part(choice, path)
        if part is None:
            return nothing_svg(f"{path} stays as it is: floats of 32 bits.")
        many = len(part.scales)
        whose = path
        if many > 1:
            whose = f"{path}, number {part.place + 1} of {many} by its scale"
        scales = f" (others {part.scales[0]:.2g} to {part.scales[-1]:.2g})"
        scale = f"scale {significant(part.scale)}{scales if many > 1 else ''}"
        steps = len(part.staircase.levels)
        label = (
            f"{part.weights:,} weights of {whose} under a staircase of {steps} levels "
            f"with {scale}; {part.staircase.clipped:,} are clipped."
        )
        return staircase_svg(
            part.staircase, scale=scale, caption=f"weight of {whose}", label=label
        )

    def _channels(self, path: str, choice: Choice) -> str:
        step = choice.of(path)
        if step is None:
            return nothing_svg(f"{path} stays as it is: floats of 32 bits.")
        both = [
            self._trial.channels(one_scale(step, granularity), path)
            for granularity in ("per_tensor", "per_channel")
        ]
        return channels_svg(*both, name=path)

    def _activations(self, path: str, choice: Choice) -> str:
        images = f"{len(self._trial.calibration):,} images"
        staircase = self._trial.input_staircase(choice.activations, path)
        if staircase is None:
            return nothing_svg(
                f"What goes into {path} stays floats: choose how its 8 bits are spent."
            )
        levels = staircase.levels
        ends = f"{significant(levels[0])} to {significant(levels[-1])}"
        scale = significant(levels[1] - levels[0])
        label = (
            f"What goes into {path} on {images}, rounded to {len(levels)} levels from "
            f"{ends}; {staircase.clipped:,} numbers are clipped."
        )
        return staircase_svg(
            staircase,
            scale=f"{len(levels)} levels, {scale} apart",
            caption=f"what goes into {path}, on {images}",
            label=label,
        )
