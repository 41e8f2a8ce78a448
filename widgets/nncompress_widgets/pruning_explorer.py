"""Magnitude pruning under a slider: what it does to the weights, accuracy and file."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import ipywidgets
import traitlets

from nncompress_lab import Pass
from nncompress_lab.pruning.arrays.masks import check_sparsity
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import percent
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.over_time import TRAINING_EXAMPLES, OverTimeTrial
from nncompress_lab.trials.pruning import WHOLE_MODEL, PruningTrial, Sparsities
from nncompress_widgets.code_panel import CodePanel
from nncompress_widgets.figures import Tile
from nncompress_widgets.over_time import OverTime
from nncompress_widgets.pruning_view import PruningView
from nncompress_widgets.source_code import brief_context_of
from nncompress_widgets.target_explorer import TargetExplorer

START = 0.5  # the sparsity to begin with


class PruningExplorer(TargetExplorer):
    """Prune a real model with a slider and see at once what it costs.

    The weights of one layer, or of the whole model, are shown as a histogram with the
    threshold in it. Beside it is what the pruned model really does: its accuracy, or
    the figure of its task, on 1,000 validation examples, its non-zeros and the bytes of
    its file.

    Of a classifier a second tab, "Over time", trains the model on a part of its training
    images while it is pruned and replays that step by step: `explorer.over_time`.

    Everything can be moved from Python, too: after `explorer.sparsity = 0.8`, the figures
    are those of the new setting. Moved in the browser, they follow when the slider rests.

    Args:
        model: A built functional or sequential Keras model of any task. It is not changed.
        data: A data set or a `Context`, whose validation examples are used, or a single
            `Data`. What judges the model is the objective of the context, or what it was
            compiled with, or what the labels tell.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.
        trains: Whether goal and answer are for the tab "Over time", which is then shown
            first: the goal is to be reached by a training that prunes.

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

    TRIAL, VIEW = PruningTrial, PruningView
    TITLE = "Magnitude pruning of {}"
    SHOWN = ("nonzeros", "keras_bytes", "packed_bytes")
    KNOBS: ClassVar[tuple[str, ...]] = ("sparsity",)
    VIEWS: ClassVar[tuple[str, ...]] = ("threshold",)
    _trial: PruningTrial
    _view: PruningView
    children: Any

    target = traitlets.Unicode(WHOLE_MODEL)
    sparsity = traitlets.Float(START)
    threshold = traitlets.Float(0.0)
    nonzeros = traitlets.Int(read_only=True)

    def __init__(
        self,
        model: Any,
        data: Given,
        goal: Goal | None = None,
        *,
        answer: str | None = None,
        trains: bool = False,
    ) -> None:
        own = (None, None) if trains else (goal, answer)
        self._later = (goal, answer) if trains else (None, None)
        super().__init__(model, data, own[0], answer=own[1])
        if trains and not self._trial.is_classifier:
            raise ValueError(
                "The tab that trains judges by the accuracy of a classifier. Received: a "
                f"model that is judged by its {self._trial.metric.title}. Leave out "
                "`trains`."
            )
        head, *rows = self.children
        self._tabs = ipywidgets.Tab(
            [ipywidgets.VBox(rows), ipywidgets.VBox()], titles=("At once", "Over time")
        )
        self._tabs.observe(lambda _: self._open(), "selected_index")
        if self._trial.is_classifier:
            self.children = (head, self._tabs)
        if trains:
            self._tabs.selected_index = 1

    @cached_property
    def over_time(self) -> OverTime:
        """The tab that trains; it is made when it is first looked at."""
        goal, answer = self._later
        trial = OverTimeTrial(self.model, self.data, original=self._trial.original)
        context = brief_context_of(self.data, TRAINING_EXAMPLES, trial.examples)
        code = CodePanel(self.model, self.data, answer=answer, context=context)
        tab = OverTime(trial, code, goal=goal, on_register=self._take_registered)
        shown, _ = self._tabs.children
        self._tabs.children = (shown, tab)
        return tab

    def _open(self) -> None:
        if self._tabs.selected_index == 1:
            _ = self.over_time

    def _take_registered(self, setting: Pass) -> None:
        with self._lock:
            self.set_trait("registered", setting)
            self._show()

    @property
    def choice(self) -> Sparsities:
        """What applies: the one sparsity of the whole model, or those of all layers."""
        with self._lock:
            if self.target == WHOLE_MODEL:
                return {WHOLE_MODEL: self._chosen[WHOLE_MODEL]["sparsity"]}
            return {path: self._chosen[path]["sparsity"] for path in self._trial.layers}

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        if self._tabs.selected_index == 1:
            return f"PruningExplorer of {self._trial.name}. {self.over_time.sentence}"
        zeros = percent(self._trial.counted(self.choice)["zeros"])
        return (
            f"PruningExplorer of {self._trial.name}: {zeros} of "
            f"{self._trial.kernel_weights:,} kernel weights zero, "
            f"{self.score_in_words}."
        )

    @property
    def stored(self) -> tuple[str, list[Tile]]:
        """The picture and the figures of the tab that is shown."""
        if self._tabs.selected_index == 1:
            return self.over_time.picture, self.over_time.tiles
        return super().stored

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a layer."""
        self._trial.magnitudes(target)

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for a sparsity that leaves no weight."""
        sparsity = settings["sparsity"]
        check_sparsity(sparsity)
        size = self._trial.magnitudes(target).size
        self._check_count("sparsity", sparsity, round(sparsity * size))

    def check_view(self, name: str, value: Any) -> None:
        """Raise a `ValueError` for a threshold that leaves no weight."""
        count = self._trial.magnitudes(self.target).count_below(value)
        self._check_count(name, value, count)

    def _check_count(self, name: str, value: float, count: int) -> None:
        magnitudes = self._trial.magnitudes(self.target)
        if count == magnitudes.size:
            raise ValueError(
                f"A {name} must leave at least one weight. Received: {name}={value!r}, "
                f"but {self.target!r} has {magnitudes.size} weights and the largest "
                f"magnitude is {magnitudes.largest:.4g}. Choose a smaller one."
            )

    def _first_settings(self) -> dict[str, dict[str, Any]]:
        rest = {path: {"sparsity": 0.0} for path in self._trial.layers}
        return {WHOLE_MODEL: {"sparsity": START}, **rest}

    def _follow(self, name: str, value: Any) -> None:
        if name == "target":
            self.target = value
        magnitudes = self._trial.magnitudes(self.target)
        if name == "threshold":
            self.check_view(name, value)
            self.threshold = value  # as it was typed
            count = magnitudes.count_below(value)
            name, value = "sparsity", magnitudes.fraction_of(count)
        else:
            held = self._chosen[self.target]["sparsity"]
            sparsity = value if name == "sparsity" else held
            count = round(sparsity * magnitudes.size)
            self.threshold = magnitudes.threshold_at(count)
        super()._follow(name, value)

    def _show(self) -> None:
        super()._show()
        nonzeros = self._trial.counted(self.choice)["nonzeros"]
        self.set_trait("nonzeros", int(nonzeros))
