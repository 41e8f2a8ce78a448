"""What `QuantizationExplorer` is made of on the page: inputs and pictures."""

from collections.abc import Mapping
from typing import Any, ClassVar

import ipywidgets

from nncompress_lab.trials.kernels import Choice
from nncompress_lab.trials.quantization import QuantizationTrial, one_scale
from nncompress_widgets.channels import channels_svg
from nncompress_widgets.plot import nothing_svg
from nncompress_widgets.rows import dropdown, labelled
from nncompress_widgets.staircase import significant, staircase_svg
from nncompress_widgets.storing_view import StoringView, untouched_svg

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
    "all of their range": "min_max",
    "99.99 % of them": "percentile",
    "least squared error": "mse",
}


class QuantizationView(StoringView):
    """The widgets of a `QuantizationExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    VIEWS: ClassVar[Mapping[str, str]] = {
        "Levels of a layer": "levels",
        "One scale or one for each channel": "channels",
        "Activations": "activations",
    }
    INPUTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "levels": ("target", "bits", "granularity", "range"),
        "channels": ("target", "bits", "range"),
        "activations": ("target", "bits", "activations", "activation_bits"),
    }

    def __init__(self, trial: QuantizationTrial) -> None:
        bits = labelled(
            ipywidgets.SelectionSlider,
            "Bits",
            "200px",
            options=[*((str(bits), bits) for bits in range(2, 9)), ("floats", 32)],
        )
        super().__init__(trial, bits=bits)
        self._trial = trial
        self.granularity = dropdown("A scale for", list(_SCALES.items()))
        self.range = dropdown("Range", list(_RANGES.items()))
        self.activations = dropdown(
            "Activations",
            list(_ACTIVATIONS.items()),
        )
        self.activation_bits = labelled(
            ipywidgets.IntSlider, "Their bits", "210px", min=2, max=8
        )

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        super().show({**traits, "range": (traits["symmetric"], traits["clipping"])})

    def _drawn(
        self, path: str, traits: Mapping[str, Any], choice: Choice
    ) -> tuple[str, str]:
        draw = {
            "levels": self._levels,
            "channels": self._channels,
            "activations": self._activations,
        }[traits["view"]]
        rounds = choice.activations
        words = ""
        if rounds is not None:
            words = f"What goes into each layer is rounded to {rounds.bits} bits."
        return draw(path, choice), words

    def _levels(self, path: str, choice: Choice) -> str:
        part = self._trial.part(choice, path)
        if part is None:
            return untouched_svg(path)
        many = len(part.scales)
        whose = path
        if many > 1:
            scales = f"{part.scales[0]:.2g} to {part.scales[-1]:.2g}"
            whose += f", number {part.place + 1} of {many} by its scale ({scales})"
        scale = f"scale {significant(part.scale)}"
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
            return untouched_svg(path)
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
                f"What goes into {path} stays floats: choose a range for it."
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
