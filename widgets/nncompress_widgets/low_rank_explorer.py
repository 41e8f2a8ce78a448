"""Low-rank approximation under a slider: a layer cut into two thin ones."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import traitlets

from nncompress_lab import LowRank
from nncompress_lab.trials.figures import number
from nncompress_lab.trials.low_rank import LowRankTrial
from nncompress_lab.trials.replacing import Steps
from nncompress_widgets.low_rank_view import LowRankView
from nncompress_widgets.replacing_explorer import ReplacingExplorer


class LowRankExplorer(ReplacingExplorer):
    """Cut the rank of a real model's layers and see at once what it costs.

    The picture shows the singular values of a layer with the cut in them, its matrix
    beside what two thin factors multiply to, and the factors to scale. Beside it is what
    the smaller model really does. A layer whose rank is above break-even stays whole.

    Everything can be moved from Python, too: after `explorer.rank = 16`, the figures are
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
        target: The path of a layer, at first that with the most weights. Each layer keeps
            its own rank, and those of all layers apply together.
        rank: 1 to the full rank of the layer.
        energy: The fraction of the energy that the rank keeps; read-only.
        weight_error: The norm of what it drops over that of the matrix; read-only.
        output_error: The same of what the layer computes on 256 images, or of the weights
            where a layer multiplies nothing; read-only.

    Raises:
        UnsupportedModelError: If no layer can be two thin ones, or the model's MACs
            cannot be counted.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model, or the goal bounds a figure that
            low rank does not change.

    Example:
        >>> import keras, nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> layers = [keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
        >>> model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        >>> explorer = LowRankExplorer(model, images)
        >>> explorer.rank = 3
        >>> explorer.setting.rank, explorer.setting.select.names
        (3, ('logits',))
    """

    TRIAL, VIEW = staticmethod(partial(LowRankTrial, timed=True)), LowRankView
    TITLE = "Low rank of {}"
    SHOWN = ("parameters", "macs", "latency_ms", "packed_bytes")
    KNOBS: ClassVar[tuple[str, ...]] = ("rank",)
    _trial: LowRankTrial
    _view: LowRankView

    rank = traitlets.Int(1, min=1)
    energy = traitlets.Float(read_only=True)

    @property
    def choice(self) -> Steps:
        """The step of each layer whose rank makes it smaller."""
        with self._lock:
            ranks = {path: self._chosen[path]["rank"] for path in self._trial.layers}
        return {
            path: LowRank(rank=rank)
            for path, rank in ranks.items()
            if rank <= self._trial.break_even(path)
        }

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        count = number(self._trial.counted(self.choice)["parameters"])
        full = self._trial.full_rank(self.target)
        return (
            f"LowRankExplorer of {self._trial.name}: {self.target} at rank "
            f"{self.rank:,} of {full:,}, {count} parameters, "
            f"{self.score_in_words}."
        )

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a layer."""
        self._trial.check_layer(target)

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for a rank that the layer does not have."""
        full = self._trial.full_rank(target)
        if not 1 <= settings["rank"] <= full:
            raise ValueError(
                f"The rank of {target!r} is a whole number from 1 to {full:,}. Received: "
                f"rank={settings['rank']!r}."
            )

    def _first_settings(self) -> dict[str, dict[str, Any]]:
        trial, first = self._trial, self._trial.largest
        order = dict.fromkeys([first, *trial.layers])
        whole = {path: {"rank": trial.full_rank(path)} for path in order}
        return {**whole, first: {"rank": (trial.break_even(first) + 1) // 2}}

    def _draw(self) -> None:
        super()._draw()
        if (cut := self._view.cut) is not None:
            self.set_trait("energy", float(cut.energies[cut.factors.rank - 1]))
