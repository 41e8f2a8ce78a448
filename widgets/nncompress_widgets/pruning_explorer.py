"""Magnitude pruning under a slider: what it does to the weights, accuracy and file."""

from typing import Any

import traitlets

from nncompress_lab import Data, Dataset, Pass
from nncompress_lab.measure import FileSizes
from nncompress_lab.pruning.arrays.masks import check_sparsity
from nncompress_lab.trials import WHOLE_MODEL, Goal, PruningTrial, Sparsities
from nncompress_widgets.control import Control
from nncompress_widgets.figures import percent
from nncompress_widgets.latest import Latest
from nncompress_widgets.pruning_view import PruningView

START = 0.5  # the sparsity to begin with
PAUSE = 0.08  # seconds without a slider step after which the accuracy is measured
FILE_PAUSE = 0.3  # and after which the file is written


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

    Attributes:
        target: The path of a layer, or `"*"`: one threshold for the whole model. Each
            layer keeps its own sparsity, and those of all layers apply together.
        sparsity: The fraction of the target's weights to drop, in `[0, 1)`.
        threshold: The magnitude below which the target's weights are dropped.
        accuracy: On the validation images, a fraction. Read-only, as all that follow.
        nonzeros: Parameters of the pruned model that are not zero.
        file_bytes: Bytes of its `.keras` file.
        packed_bytes: Bytes of the file that `ncl.pack` writes.

    Raises:
        UnsupportedModelError: If the model cannot be pruned.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model.

    Example:
        >>> import nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> explorer = PruningExplorer(ncl.zoo.lenet5(), images)
        >>> explorer.target, explorer.sparsity = "conv1", 0.3
        >>> explorer.setting.select.names
        ('conv1',)
    """

    target = traitlets.Unicode(WHOLE_MODEL)
    sparsity = traitlets.Float(START)
    threshold = traitlets.Float(0.0)
    accuracy = traitlets.Float(read_only=True)
    nonzeros = traitlets.Int(read_only=True)
    file_bytes = traitlets.Int(read_only=True)
    packed_bytes = traitlets.Int(read_only=True)

    def __init__(
        self, model: Any, data: Dataset | Data, goal: Goal | None = None
    ) -> None:
        self._trial = PruningTrial(model, data)
        self._chosen = {WHOLE_MODEL: START}
        self._chosen |= dict.fromkeys(self._trial.layers, 0.0)
        self._measured: Sparsities | None = None  # what the accuracy belongs to
        self._weighed: Sparsities | None = None  # what the bytes belong to
        self._moving = False
        self._view = PruningView(self._trial)
        super().__init__(
            title=f"Magnitude pruning of {self._trial.name}",
            note=f"accuracy on {len(self._trial.data):,} validation images",
            body=self._view.body,
            goal=goal,
        )
        self._measure_later = Latest(
            self._measure, on_error=self._show_error, pause=PAUSE
        )
        self._weigh_later = Latest(
            self._weigh, on_error=self._show_error, pause=FILE_PAUSE
        )
        self.set_trait("accuracy", self._trial.dense_accuracy)
        self._take_bytes(self._trial.dense_sizes)
        self._move("target", WHOLE_MODEL)
        self._measure()
        self._weigh()
        self._view.on_change(self._from_browser)

    @property
    def setting(self) -> Pass:
        """The pass that prunes as the control shows now."""
        return self._trial.setting(self._sparsities())

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        return (
            f"PruningExplorer of {self._trial.name}: {percent(self._zero_fraction())} of "
            f"{self._trial.kernel_weights:,} kernel weights zero, validation accuracy "
            f"{100 * self.accuracy:.0f} %."
        )

    @traitlets.validate("target", "sparsity", "threshold")
    def _valid(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if self._moving:  # the control brings its own traits into line
            return value
        if name == "target":
            self._trial.magnitudes(value)  # raises for an unknown layer
        elif name == "sparsity":
            check_sparsity(value)
        else:
            self._check_threshold(value)
        return value

    def _check_threshold(self, threshold: float) -> None:
        magnitudes = self._trial.magnitudes(self.target)
        if magnitudes.count_below(threshold) == magnitudes.size:
            raise ValueError(
                "A threshold must leave at least one weight. Received: "
                f"threshold={threshold!r}, but the largest magnitude of "
                f"{self.target!r} is {magnitudes.largest:.4g}. Choose a smaller one."
            )

    @traitlets.observe("target", "sparsity", "threshold")
    def _from_program(self, change: Any) -> None:
        if self._move(change["name"], change["new"]):
            self._measure()
            self._weigh()

    def _from_browser(self, name: str, value: Any) -> None:
        def move() -> None:
            if self._move(name, value):
                self._measure_later.request()
                self._weigh_later.request()

        self._guarded(move)

    def _move(self, name: str, value: Any) -> bool:
        """Take a new value of one trait and bring all else into line with it.

        That sets other traits and inputs, which call this again; then it does nothing
        and returns False.
        """
        with self._lock:
            if self._moving:
                return False
            self._moving = True
            try:
                self._follow(name, value)
            finally:
                self._moving = False
        return True

    def _follow(self, name: str, value: Any) -> None:
        if name == "target":
            self.target = value
        magnitudes = self._trial.magnitudes(self.target)
        if name == "sparsity":
            self._chosen[self.target] = value
        if name == "threshold":
            self._check_threshold(value)
            count = magnitudes.count_below(value)
            self._chosen[self.target] = magnitudes.fraction_of(count)
        self.sparsity = self._chosen[self.target]
        if name != "threshold":
            value = magnitudes.threshold_at(round(self.sparsity * magnitudes.size))
        self.threshold = value
        self.set_trait("nonzeros", self._trial.nonzeros(self._sparsities()))
        self._view.show_position(self.target, self.sparsity, self.threshold)
        self._view.show_layers(self._sparsities())
        self._refresh()
        self._show_figures()

    def _sparsities(self) -> Sparsities:
        """What applies: the one sparsity of the whole model, or those of all layers."""
        with self._lock:
            if self.target == WHOLE_MODEL:
                return {WHOLE_MODEL: self._chosen[WHOLE_MODEL]}
            return {path: self._chosen[path] for path in self._trial.layers}

    def _zero_fraction(self) -> float:
        return self._trial.zeros(self._sparsities()) / self._trial.kernel_weights

    def _reached(self) -> tuple[float, float]:
        if self._measured != self._sparsities():
            self._measure()
        return self._zero_fraction(), self._trial.dense_accuracy - self.accuracy

    def _measure(self) -> None:
        """Measure the accuracy; dropped if the control moves on meanwhile."""
        sparsities = self._sparsities()
        accuracy = self._trial.accuracy(sparsities)
        with self._lock:
            if sparsities == self._sparsities():
                self._measured = sparsities
                self.set_trait("accuracy", accuracy)
                self._show_figures()

    def _weigh(self) -> None:
        """Measure the bytes of the file; dropped if the control moves on meanwhile."""
        sparsities = self._sparsities()
        sizes = self._trial.file_sizes(sparsities)
        with self._lock:
            if sparsities == self._sparsities():
                self._weighed = sparsities
                self._take_bytes(sizes)
                self._show_figures()

    def _take_bytes(self, sizes: FileSizes) -> None:
        self.set_trait("file_bytes", sizes.keras)
        self.set_trait("packed_bytes", sizes.packed)

    def _show_figures(self) -> None:
        sparsities = self._sparsities()
        self._view.show_figures(
            accuracy=self.accuracy,
            nonzeros=self.nonzeros,
            keras=self.file_bytes,
            packed=self.packed_bytes,
            measured=self._measured == sparsities,
            weighed=self._weighed == sparsities,
        )
