"""Gradual pruning as a pass: train, and prune a little more again and again."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import keras

from nncompress_lab.data.datasets import Data
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.schedules import Curve, PruningSchedule
from nncompress_lab.pruning.gradual_callback import GradualPruningCallback
from nncompress_lab.pruning.layer_masks import Scope
from nncompress_lab.pruning.running_scores import RunningScore
from nncompress_lab.pruning.weight_pruning import WeightPruning
from nncompress_lab.training.retraining_pass import RetrainingPass
from nncompress_lab.training.teach import Meanwhile


@dataclass(frozen=True)
class GradualPruning(WeightPruning, RetrainingPass):
    """Train a model and prune it step by step, so that it adapts on the way.

    The weights that stay learn to do without those that go while these are few; compare
    it with pruning at once and `FineTune` for as many epochs. It is a training: the result
    is the best epoch on the validation data among those that end with the final sparsity.

    Args:
        sparsity: Fraction of the weights to drop in the end of all that may be pruned,
            in `[0, 1)`.
        initial_sparsity: At the beginning, 0 to `sparsity`.
        curve: `"cubic"` or `"constant"`, as in `PruningSchedule`.
        begin: Fraction of the training after which pruning begins, in `[0, 1]`.
        end: Fraction after which it is over, `begin` to 1.
        updates: How often the masks change between the two, at least 1.
        score: `"magnitude"`, `"taylor"` or `"movement"`, as in `GradualPruningCallback`.
        scope: What competes: the weights of an `"output"`, of a kernel (`"layer"`) or of
            all selected layers, by score (`"global"`) or by their share in what their
            kernel would still hold (`"adaptive"`).
        select: Which layers to prune; by default all kernels that are not depthwise,
            which a selection takes in.
        **training: As in `RetrainingPass`; `patience` counts from the end of the pruning.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> GradualPruning(sparsity=0.9, epochs=10).label
        'GradualPruning(sparsity=0.9, epochs=10)'

    References:
        Zhu, Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
        compression", 2017. https://arxiv.org/abs/1710.01878
    """

    renamed: ClassVar[Mapping[str, str]] = {"course": "curve"}
    sparsity: float
    initial_sparsity: float = 0.0
    curve: Curve = "cubic"
    begin: float = 0.0
    end: float = 0.75
    updates: int = 20
    score: RunningScore = "magnitude"
    scope: Scope = "layer"
    _: KW_ONLY
    epochs: int = 5

    def __post_init__(self) -> None:
        _ = self.schedule  # checks the numbers of the schedule
        super().__post_init__()

    @property
    def needs_graph(self) -> bool:
        """Only beside a teacher: pruning changes weights."""
        return self.teacher is not None

    @property
    def schedule(self) -> PruningSchedule:
        """When the masks change, and how sparse they are then."""
        return PruningSchedule(
            self.sparsity,
            initial_sparsity=self.initial_sparsity,
            curve=self.curve,
            begin=self.begin,
            end=self.end,
            updates=self.updates,
        )

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, prune the copy while it trains, return the best epoch."""
        return self.watched(model, context)

    def watched(
        self,
        model: keras.Model,
        context: Context,
        *watching: keras.callbacks.Callback,
    ) -> keras.Model:
        """What the pass does, with callbacks of `fit` that look on after each update.

        Args:
            model: It is not changed.
            context: What `needs` names.
            *watching: They see the copy that trains, with the masks of the moment.
        """

        def pruning(train: Data) -> list[keras.callbacks.Callback]:
            return [
                GradualPruningCallback(
                    self.schedule,
                    score=self.score,
                    scope=self.scope,
                    select=self.select,
                    data=train,
                ),
                *watching,
            ]

        # The first epoch at whose end the masks are final.
        final = max(math.ceil(self.end * self.epochs) - 1, 0)
        meanwhile = Meanwhile(callbacks=pruning, judged_from=final)
        return self.retrain(model, context, meanwhile)
