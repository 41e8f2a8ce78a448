"""Pruning while a model trains: a callback for `fit` that works on every backend."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import check_choice
from nncompress_lab.models.kernels import KernelLayer, to_numpy
from nncompress_lab.models.selection import Selection
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.schedules import PruningSchedule
from nncompress_lab.pruning.layer_masks import (
    Masks,
    Scope,
    Scores,
    keep_only,
    ranked_masks,
)
from nncompress_lab.pruning.running_scores import RunningScore, RunningScores
from nncompress_lab.pruning.weight_pruning import PRUNABLE, pruned_kernels
from nncompress_lab.training.gradients import Loss
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.objective import Objective
from nncompress_lab.training.while_training import (
    KeepMasked,
    apply_mask,
    build_steps_anew,
)


class GradualPruningCallback(keras.callbacks.Callback):
    """Prunes the kernels of a model step by step during `fit`.

    A weight that was pruned stays zero. The masks are gone after the training: the model
    keeps the zeros, and nothing else goes into its file. If the training stops early, the
    model is as sparse as the schedule was then.

    Put it after callbacks that write weights, such as `EarlyStopping` with
    `restore_best_weights=True`: of an epoch with fewer zeros these would not bear the
    last masks, so the model is left with the weights of the last epoch. A moving average
    of the optimizer (`use_ema=True`) stays, with the masks applied.

        schedule = PruningSchedule(sparsity=0.9)
        model.fit(x, y, epochs=10, callbacks=[GradualPruningCallback(schedule)])

    Args:
        schedule: When the masks change, and how sparse they are then.
        score: Which weights go: the smallest (`"magnitude"`), those whose removal changes
            the loss least (`"taylor"`), or those that training moved towards zero
            (`"movement"`, summed over the updates so far).
        scope: What competes: the weights of an `"output"`, of a kernel (`"layer"`) or of
            all selected layers, by score (`"global"`) or by their share in what their
            kernel would still hold (`"adaptive"`).
        select: Which layers to prune; by default all kernels that are not depthwise.
        data: For `"taylor"` and `"movement"`: training data for gradients, of which each
            update takes the next 256 examples.
        loss: Of these gradients: name of a Keras loss; `"auto"` is the objective, or what
            the model was compiled with.
        objective: Whose loss these gradients are of, for a model that was compiled without.

    Raises:
        ValueError: If a value is not known, or `data` is missing.

    References:
        Zhu, Gupta, "To prune, or not to prune", 2017, section 3.
        https://arxiv.org/abs/1710.01878. Sanh, Wolf, Rush, "Movement Pruning", NeurIPS
        2020, section 3, https://arxiv.org/abs/2005.07683, where weights may return.
    """

    def __init__(
        self,
        schedule: PruningSchedule,
        *,
        score: RunningScore = "magnitude",
        scope: Scope = "layer",
        select: Selection | str | list[str] = PRUNABLE,
        data: Data | None = None,
        loss: str = "auto",
        objective: Objective | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(schedule, PruningSchedule):
            raise TypeError(
                "`schedule` is a PruningSchedule, as in PruningSchedule(sparsity=0.9). "
                f"Received: {schedule!r}."
            )
        check_choice("score", score, RunningScore)
        check_choice("scope", scope, Scope)
        if score != "magnitude" and data is None:
            raise ValueError(
                f"score={score!r} looks at gradients and needs data=Data(x, y), the "
                "training data."
            )
        self.schedule, self.score, self.scope = schedule, score, scope
        self.select, self.loss = Selection.of(select), loss
        self.data = None if data is None else Data.of(data)
        self.objective = objective

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Put the masks in place; they drop nothing yet."""
        self.steps = self._steps_an_epoch()
        self.updates = self.epoch = 0
        self.last: list[Any] = []
        self.select.check(self.model)
        self.layers = pruned_kernels(self.select(self.model), self.select)
        self.scores = RunningScores(
            self.model, self.layers, self.score, data=self.data, loss=self._loss()
        )
        self.masks = _Masks(self.model, self.layers)
        self._update(step=0)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch, which is not 0 at first when a training is resumed."""
        self.epoch = epoch

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Change the masks if the schedule says so."""
        self._update(step=self.epoch * self.steps + batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the last weights, in case that others are put in their place."""
        if self.model.stop_training or epoch + 1 == self.params["epochs"]:
            self.last = self.model.get_weights()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Take the masks away; the zeros stay, whoever wrote weights in the end."""
        averaged = getattr(self.model.optimizer, "use_ema", False)
        if self.masks.apply() and not averaged and self.last:
            self.model.set_weights(self.last)  # others are of an epoch of fewer zeros
        self.masks.remove()

    def _loss(self) -> Loss | None:
        if self.data is None or self.score == "magnitude":
            return None
        context = Context(objective=self.objective)
        return task_of(self.model, self.data, context=context, loss=self.loss).total

    def _steps_an_epoch(self) -> int:
        steps = self.params.get("steps")
        if not steps:
            raise ValueError(
                "The schedule needs to know how long an epoch is, and the data do not "
                "say it. Pass steps_per_epoch= to fit()."
            )
        return int(steps)

    def _update(self, *, step: int) -> None:
        steps = self.steps * self.params["epochs"]
        due = self.schedule.updates_until(step, steps=steps)
        if due <= self.updates:
            return
        self.updates = due
        if keras.backend.backend() == "jax":
            # During an epoch JAX's weights are outside the model. Once they are back, the
            # trainer takes them from there again.
            self.model.jax_state_sync()
        scores = self.scores()
        sparsity = self.schedule.sparsity_after(due)
        if sparsity:
            self.masks.assign(self._next_masks(scores, sparsity))

    def _next_masks(self, scores: Scores, sparsity: float) -> Masks:
        """What is zero goes first, whatever its score, and never comes back."""
        alive = [[array != 0 for array in layer.arrays()] for layer in self.layers]
        least = min(
            (one.min() for some in scores for one in some if one.size), default=0
        )
        ranked = [
            [
                np.where(kept, one, np.nextafter(least, -np.inf, dtype=one.dtype))
                for kept, one in zip(nonzero, some, strict=True)
            ]
            for nonzero, some in zip(alive, scores, strict=True)
        ]
        masks = ranked_masks(self.layers, ranked, sparsity=sparsity, scope=self.scope)
        return [
            [mask & kept for mask, kept in zip(some, nonzero, strict=True)]
            for some, nonzero in zip(masks, alive, strict=True)
        ]


class _Masks:
    """Masks of a model in training: constraints that read variables.

    The train function is built once when they come and once when they go; between, an
    update only assigns. On JAX a compiled step sees no variables but those that it is
    given, so there the masks travel among the optimizer's.
    """

    def __init__(self, model: keras.Model, layers: list[KernelLayer]) -> None:
        self.model, self.layers = model, layers
        self.kernels = [kernel for layer in layers for kernel in layer.kernels()]
        self.variables = [
            keras.Variable(np.ones(kernel.shape, bool), dtype="bool", trainable=False)
            for kernel in self.kernels
        ]
        self.before = [kernel.constraint for kernel in self.kernels]
        for kernel, mask in zip(self.kernels, self.variables, strict=True):
            kernel.constraint = KeepMasked(mask, then=kernel.constraint)
            if keras.backend.backend() == "jax":
                model.optimizer._track_variable(mask)
        build_steps_anew(model)
        model.make_train_function()

    def assign(self, masks: Masks) -> None:
        """Use other masks, and zero the weights outside them."""
        flat = [mask for some in masks for mask in some]
        for variable, mask in zip(self.variables, flat, strict=True):
            variable.assign(mask)
        keep_only(self.layers, masks)

    def apply(self) -> bool:
        """Zero the weights outside the masks; whether there were any."""
        pairs = zip(self.kernels, self.variables, strict=True)
        strays = [apply_mask(kernel, to_numpy(mask)) for kernel, mask in pairs]
        return any(strays)

    def remove(self) -> None:
        """Leave the model as it would be without masks, but for the zeros."""
        for kernel, mask, before in zip(
            self.kernels, self.variables, self.before, strict=True
        ):
            kernel.constraint = before
            if keras.backend.backend() == "jax":
                self.model.optimizer._untrack_variable(mask)
        build_steps_anew(self.model)
