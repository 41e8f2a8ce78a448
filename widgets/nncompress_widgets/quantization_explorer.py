"""Uniform quantization under sliders: bits, scales and ranges of a real model."""

from collections.abc import Mapping
from typing import Any, ClassVar

import traitlets

from nncompress_lab import ActivationQuantization, UniformQuantization
from nncompress_lab.trials.figures import decibels
from nncompress_lab.trials.kernels import Choice
from nncompress_lab.trials.quantization import QuantizationTrial
from nncompress_widgets.quantization_view import QuantizationView
from nncompress_widgets.storing_explorer import FLOATS, StoringExplorer

SHARED = ("granularity", "group_size", "symmetric", "clipping", "percentile")


class QuantizationExplorer(StoringExplorer):
    """Round a real model to few bits and see at once what it costs.

    The weights of a layer are shown as a histogram under the staircase of the levels that
    they are rounded to, with the rounding error below; or its channels with one scale for
    all beside a scale for each; or what goes into it, with the range that its levels cover.
    Beside it is what the quantized model really does.

    Everything can be moved from Python, too: after `explorer.bits = 3`, the figures are
    those of the new setting.

    Args:
        model: A built functional or sequential Keras model of any task. It is not changed.
        data: As every `TargetExplorer` takes it. The first 512 training images calibrate
            activations; a single `Data` does both.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        bits: 2 to 8, or 32 to leave the target as it is.
        granularity: `"per_tensor"`, `"per_channel"` or `"per_group"`.
        group_size: Weights of a group; only with `"per_group"`.
        symmetric: Whether the levels mirror around 0.
        clipping: `"absmax"`, `"percentile"` or `"mse"`.
        percentile: Part of the weights in the range; only with `"percentile"`.
        activations: `"floats"`, or how their range is calibrated: `"min_max"`,
            `"percentile"` or `"mse"`.
        activation_bits: 2 to 8, of activations that are no floats.
        view: What the picture shows: `"levels"`, `"channels"` or `"activations"`.

    Raises:
        UnsupportedModelError: If the model cannot be quantized.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model, or the goal bounds a figure that
            quantization does not change.

    Example:
        >>> import keras, nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> layers = [keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
        >>> model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        >>> explorer = QuantizationExplorer(model, images)
        >>> explorer.bits, explorer.clipping = 3, "mse"
        >>> explorer.setting.bits, explorer.setting.clipping
        (3, 'mse')
    """

    TRIAL, VIEW = QuantizationTrial, QuantizationView
    TITLE = "Uniform quantization of {}"
    SHOWN = ("snr_db", "keras_bytes", "packed_bytes")
    KNOBS: ClassVar[tuple[str, ...]] = ("bits", *SHARED)
    VIEWS: ClassVar[tuple[str, ...]] = ("activations", "activation_bits", "view")

    granularity = traitlets.Unicode("per_channel")
    group_size = traitlets.Int(32)
    symmetric = traitlets.Bool(True)
    clipping = traitlets.Unicode("absmax")
    percentile = traitlets.Float(99.9)
    activations = traitlets.Enum(
        ["floats", "min_max", "percentile", "mse"], default_value="floats"
    )
    activation_bits = traitlets.Int(8, min=2, max=8)
    view = traitlets.Enum(["levels", "channels", "activations"], default_value="levels")

    @staticmethod
    def step_of(settings: Mapping[str, Any]) -> UniformQuantization:
        """The pass for one target."""
        chosen = {name: settings[name] for name in ("bits", *SHARED)}
        if chosen["granularity"] != "per_group":
            chosen["group_size"] = None
        if chosen["clipping"] != "percentile":
            chosen["percentile"] = None
        return UniformQuantization(**chosen)

    @property
    def choice(self) -> Choice:
        """What applies to kernels, and what rounds activations."""
        with self._lock:
            rounds = (
                None
                if self.activations == "floats"
                else ActivationQuantization(
                    bits=self.activation_bits, calibration=self.activations
                )
            )
            return Choice(super().choice.steps, rounds)

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        ratio = self._outcome.measured.more["snr_db"]
        weights = f"{self.bits} bits {self.granularity.replace('_', ' ')}"
        rounds = self.choice.activations
        return (
            f"QuantizationExplorer of {self._trial.name}: "
            f"{'floats' if self.bits == FLOATS else weights}, "
            f"{f'activations of {rounds.bits} bits, ' if rounds else ''}"
            f"signal to noise {decibels(ratio)}, "
            f"{self.score_in_words}."
        )

    def _follow(self, name: str, value: Any) -> None:
        if name == "range":  # one input for two traits
            self._chosen[self.target]["symmetric"] = value[0]
            name, value = "clipping", value[1]
        super()._follow(name, value)
