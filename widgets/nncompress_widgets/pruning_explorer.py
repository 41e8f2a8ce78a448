"""Magnitude pruning under a slider: what it does to the weights, accuracy and file."""

from typing import Any

import traitlets

from nncompress_lab import Data, Dataset
from nncompress_lab.pruning.arrays.masks import check_sparsity
from nncompress_lab.trials.figures import percent
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.pruning import WHOLE_MODEL, PruningTrial, Sparsities
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.control import Control
from nncompress_widgets.parts import Parts
from nncompress_widgets.pruning_view import PruningView

START = 0.5  # the sparsity to begin with


class PruningExplorer(Control):
    """Prune a real model with a slider and see at once what it costs.

    The weights of one layer, or of the whole model, are shown as a histogram with the
    threshold in it. Beside it is what the pruned model really does: its accuracy on 1,000
    validation images, its non-zeros and the bytes of its file.

    Everything can be moved from Python, too: after `explorer.sparsity = 0.8`, the figures
    are those of the new setting. Moved in the browser, they follow when the slider rests.

    Args:
        model: A built functional or sequential Keras classifier. It is not changed.
        data: A data set, whose validation images are used, or a single `Data`.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        target: The path of a layer, or `"*"`: one threshold for the whole model. Each
            layer keeps its own sparsity, and those of all layers apply together.
        sparsity: The fraction of the target's weights to drop, in `[0, 1)`.
        threshold: The magnitude below which the target's weights are dropped.
        nonzeros: Parameters of the pruned model that are not zero; read-only, as the
            figures that every `Control` has.

    Raises:
        UnsupportedModelError: If the model cannot be pruned.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model, or the goal bounds a figure that
            pruning does not change.

    Example:
        >>> import keras, nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> layers = [keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
        >>> model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        >>> explorer = PruningExplorer(model, images)
        >>> explorer.target, explorer.sparsity = "logits", 0.3
        >>> explorer.setting.sparsity, explorer.setting.select.names
        (0.3, ('logits',))
    """

    target = traitlets.Unicode(WHOLE_MODEL)
    sparsity = traitlets.Float(START)
    threshold = traitlets.Float(0.0)
    nonzeros = traitlets.Int(read_only=True)

    def __init__(
        self,
        model: Any,
        data: Dataset | Data,
        goal: Goal | None = None,
        *,
        answer: str | None = None,
    ) -> None:
        self._pruning = PruningTrial(model, data)
        self._chosen = {WHOLE_MODEL: START}
        self._chosen |= dict.fromkeys(self._pruning.layers, 0.0)
        self._view = PruningView(self._pruning)
        parts = Parts(
            title=f"Magnitude pruning of {self._pruning.name}",
            inputs=self._view.inputs,
            picture=self._view.picture,
            details=self._view.layers,
            shown=("nonzeros", "keras_bytes", "packed_bytes"),
        )
        code = CodePanel(model, data, answer=answer)
        super().__init__(self._pruning, parts, code=code, goal=goal)
        self._begin(lambda: self._follow("target", WHOLE_MODEL))
        self._view.on_change(
            lambda name, value: self._by_hand(lambda: self._follow(name, value))
        )

    @property
    def choice(self) -> Sparsities:
        """What applies: the one sparsity of the whole model, or those of all layers."""
        with self._lock:
            if self.target == WHOLE_MODEL:
                return {WHOLE_MODEL: self._chosen[WHOLE_MODEL]}
            return {path: self._chosen[path] for path in self._pruning.layers}

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        zeros = percent(self._pruning.counted(self.choice)["zeros"])
        return (
            f"PruningExplorer of {self._pruning.name}: {zeros} of "
            f"{self._pruning.kernel_weights:,} kernel weights zero, validation accuracy "
            f"{100 * self.accuracy:.0f} %."
        )

    @traitlets.validate("target", "sparsity", "threshold")
    def _valid(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if self._moving:  # the control brings its own traits into line
            return value
        if name == "target":
            self._pruning.magnitudes(value)  # raises for an unknown layer
        elif name == "sparsity":
            check_sparsity(value)
            size = self._pruning.magnitudes(self.target).size
            self._check_count(name, value, round(value * size))
        else:
            count = self._pruning.magnitudes(self.target).count_below(value)
            self._check_count(name, value, count)
        return value

    def _check_count(self, name: str, value: float, count: int) -> None:
        magnitudes = self._pruning.magnitudes(self.target)
        if count == magnitudes.size:
            raise ValueError(
                f"A {name} must leave at least one weight. Received: {name}={value!r}, "
                f"but {self.target!r} has {magnitudes.size} weights and the largest "
                f"magnitude is {magnitudes.largest:.4g}. Choose a smaller one."
            )

    @traitlets.observe("target", "sparsity", "threshold")
    def _from_program(self, change: Any) -> None:
        self._by_program(lambda: self._follow(change["name"], change["new"]))

    def _follow(self, name: str, value: Any) -> None:
        """Take a new value of one trait and bring the others and the inputs into line."""
        if name == "target":
            self.target = value
        magnitudes = self._pruning.magnitudes(self.target)
        if name == "sparsity":
            self._chosen[self.target] = value
        if name == "threshold":
            count = magnitudes.count_below(value)
            self._check_count(name, value, count)
            self._chosen[self.target] = magnitudes.fraction_of(count)
        self.sparsity = self._chosen[self.target]
        if name != "threshold":
            value = magnitudes.threshold_at(round(self.sparsity * magnitudes.size))
        self.threshold = value
        choice = self.choice
        self.set_trait("nonzeros", int(self._pruning.counted(choice)["nonzeros"]))
        self._view.show(self.target, self.sparsity, self.threshold, choice)
