"""Non-uniform quantization under sliders: tables of few values in a real model."""

from collections.abc import Mapping
from typing import Any, ClassVar

import traitlets

from nncompress_lab import CodebookQuantization, UniformQuantization
from nncompress_lab.trials.codebook import CodebookTrial
from nncompress_widgets.codebook_view import CodebookView
from nncompress_widgets.storing_explorer import StoringExplorer


class CodebookExplorer(StoringExplorer):
    """Give the weights of a real model few values, and see at once what it costs.

    The weights of a layer are shown as a histogram in the cells of the values that stand
    for them, with the error below; or k-means is watched on its way to these values.
    Beside it is what the quantized model really does.

    Everything can be moved from Python, too: after `explorer.bits = 3`, the figures are
    those of the new setting.

    Args:
        model: A built functional or sequential Keras model of any task. It is not changed.
        data: A data set or a `Context`, whose validation examples are used, or a single
            `Data`. What judges the model is the objective of the context, or what it was
            compiled with, or what the labels tell.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        bits: Of a code: tables have `2**bits` values. 1 to 8, of which only learned tables
            take 1; 32 leaves the target as it is.
        table: `"learned"`, `"even"` (uniform quantization), `"normal_float"` or
            `"power_of_two"`.
        keep_zeros: Whether a learned table has an exact zero where there are zeros.
        granularity: What has a table: `"per_tensor"` or `"per_channel"`.
        view: What the picture shows: `"values"` or `"kmeans"`.
        round: Of k-means, from 0, the even spacing, on.

    Raises:
        UnsupportedModelError: If the model cannot be quantized.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model, or the goal bounds a figure that
            a codebook does not change.

    Example:
        >>> import keras, nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> layers = [keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
        >>> model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        >>> explorer = CodebookExplorer(model, images)
        >>> explorer.bits, explorer.table = 3, "normal_float"
        >>> explorer.setting.bits, explorer.setting.table
        (3, 'normal_float')
    """

    TRIAL, VIEW = CodebookTrial, CodebookView
    TITLE = "Codebooks for {}"
    SHOWN = ("entropy", "keras_bytes", "packed_bytes")
    KNOBS: ClassVar[tuple[str, ...]] = ("bits", "table", "keep_zeros", "granularity")
    VIEWS: ClassVar[tuple[str, ...]] = ("view", "round")

    table = traitlets.Enum(
        ["learned", "even", "normal_float", "power_of_two"], default_value="learned"
    )
    keep_zeros = traitlets.Bool(True)
    granularity = traitlets.Enum(
        ["per_tensor", "per_channel"], default_value="per_tensor"
    )
    view = traitlets.Enum(["values", "kmeans"], default_value="values")
    round = traitlets.Int(0, min=0)

    @staticmethod
    def step_of(settings: Mapping[str, Any]) -> Any:
        """The pass for one target."""
        chosen = {name: settings[name] for name in ("bits", "granularity")}
        if settings["table"] == "even":
            return UniformQuantization(symmetric=False, **chosen)
        if settings["table"] == "learned":
            chosen["keep_zeros"] = settings["keep_zeros"]
        return CodebookQuantization(table=settings["table"], **chosen)

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        return (
            f"CodebookExplorer of {self._trial.name}: {2 ** min(self.bits, 8)} values "
            f"({self.table.replace('_', ' ')}), entropy "
            f"{self._outcome.measured.more['entropy']:.1f} bits, "
            f"{self.score_in_words}."
        )

    def _follow(self, name: str, value: Any) -> None:
        held = self._chosen[self.target]
        if name == "play":
            name = "round"
        if isinstance(value, tuple):  # one input for two traits
            value, held["keep_zeros"] = value
        table = value if name == "table" else held["table"]
        if name in self.KNOBS and table != "learned":
            bits = value if name == "bits" else held["bits"]
            if bits == 1:  # of two values none could be 0
                held["bits"] = 2
                name, value = ("bits", 2) if name == "bits" else (name, value)
        super()._follow(name, value)
