"""What `DistillationExplorer` is made of on the page: inputs, picture, curves."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets
import numpy as np

from nncompress_lab import Distillation
from nncompress_lab.trials.distillation import DistillationTrial
from nncompress_widgets.distillation_picture import distillation_svg
from nncompress_widgets.image_strip import ImageStrip
from nncompress_widgets.rows import labelled, row_of
from nncompress_widgets.training_panel import TrainingPanel

LOSSES = {
    "soft_targets": "soft targets",
    "logits": "logits",
    "features": "features, too",
}
WARMEST = 20.0


class DistillationView:
    """The widgets of a `DistillationExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: DistillationTrial) -> None:
        self._trial = trial
        self.temperature = labelled(
            ipywidgets.FloatSlider,
            "Temperature",
            "270px",
            min=0.5,
            max=WARMEST,
            step=0.1,
            readout_format=".1f",
        )
        # Whole per cents: a slider rounds any other value to its steps and sends that
        # back as if the user had moved it.
        self.weight = labelled(ipywidgets.IntSlider, "Labels, %", "230px", max=100)
        self.loss = labelled(
            ipywidgets.Dropdown,
            "Teach",
            "170px",
            options=[(words, name) for name, words in LOSSES.items()],
        )
        self.image = labelled(
            ipywidgets.IntSlider, "Image", "230px", min=1, max=trial.examples
        )
        self.strip = ImageStrip(trial.examples, self._images, self._labels)
        self.picture = ipywidgets.HTML()
        self.training = TrainingPanel(
            can_train=trial.can_train,
            tooltip="Train the student as set above, with labels only, and with the "
            "teacher's hard labels, from the same weights",
        )
        self.details = ipywidgets.VBox(self.training.widgets)
        note = ipywidgets.HTML(
            '<span class="nncompress-note">of the first the teacher is least sure</span>'
        )
        self.inputs = [
            row_of(self.temperature, self.weight, self.loss),
            row_of(self.image, note, *self.strip.widgets),
        ]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        self.temperature.observe(
            lambda change: call("temperature", round(change["new"], 6)), "value"
        )
        self.weight.observe(
            lambda change: call("student_loss_weight", change["new"] / 100), "value"
        )
        self.loss.observe(lambda change: call("loss", change["new"]), "value")
        self.image.observe(lambda change: call("image", change["new"]), "value")
        self.strip.on_choose(lambda number: call("image", number))

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        self.temperature.max = max(WARMEST, traits["temperature"])
        self.temperature.min = min(0.5, traits["temperature"])
        self.temperature.value = traits["temperature"]
        self.temperature.disabled = traits["loss"] == "logits"
        self.weight.value = round(100 * traits["student_loss_weight"])
        self.loss.value = traits["loss"]
        self.image.value = traits["image"]
        self.strip.show(traits["image"])

    def draw(self, traits: Mapping[str, Any], choice: Distillation) -> None:
        """Bring the picture to a setting."""
        trial, number = self._trial, traits["image"]
        place = trial.unsure_first[number - 1]
        self.picture.value = distillation_svg(
            trial.seen(choice, place),
            _plane(trial.data.x[place]),
            trial.class_names,
            which=f"Image {number:,} of {trial.examples:,}",
            about="in the limit of high temperature"
            if choice.loss == "mse"
            else f"at temperature {choice.temperature:g}",
        )

    def _images(self, start: int, end: int) -> list[Any]:
        places = self._trial.unsure_first[start:end]
        planes = [_plane(self._trial.data.x[place]) for place in places]
        return [one for one in planes if one is not None]

    def _labels(self, start: int, end: int) -> list[str]:
        places = self._trial.unsure_first[start:end]
        return [self._trial.class_names[self._trial.data.y[place]] for place in places]


def _plane(image: Any) -> Any:
    """An image as one matrix; None of what is no image."""
    if image.ndim == 3:
        return np.asarray(image, float).mean(axis=-1)
    return np.asarray(image, float) if image.ndim == 2 else None
