"""Gradual pruning tried out: a short training that keeps what happened on the way."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final

import keras
import numpy as np

from nncompress_lab import measure
from nncompress_lab.data.datasets import Dataset
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.passes import Context
from nncompress_lab.pruning.gradual_pruning import GradualPruning
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.report.metrics import ACCURACY
from nncompress_lab.trials.answers import answers
from nncompress_lab.trials.arrays.magnitudes import Histogram, Magnitudes
from nncompress_lab.trials.examples import Given, context_for, images_for
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES

TRAINING_EXAMPLES: Final = 2560  # enough to see it, in some seconds
MOMENTS: Final = 20  # that are kept, after the beginning
QUICK_EXAMPLES: Final = 250  # an accuracy on the way is measured on


@dataclass(frozen=True, eq=False)
class Moment:
    """The model at one step of its training.

    Args:
        step: Updates of the weights so far.
        zeros: Fraction of the kernel weights that are zero.
        accuracy: On the first 250 validation images.
        histogram: Of the weights that are not zero, over the range of the original's.
    """

    step: int
    zeros: float
    accuracy: float
    histogram: Histogram


@dataclass(frozen=True, eq=False)
class Replay:
    """A training from its beginning to its end.

    Args:
        moments: In order; the first is the original.
        steps: Updates of the weights in the whole training.
        figures: Of the result: `zeros`, `accuracy`, `accuracy_drop`, `packed_bytes`.
    """

    moments: tuple[Moment, ...]
    steps: int
    figures: Figures


class OverTimeTrial:
    """One model in trainings that prune it, each short enough to watch.

    A choice is the pass itself, `GradualPruning`; the result of a training is what the
    pass makes of the model in `context`, to the last bit.

    The trial may be used from several threads at once.

    Args:
        model: A built functional or sequential classifier. It is not changed.
        data: A data set, of whose training images the first 2,560 are trained on, and
            whose validation images judge; or a single `Data`, on which nothing is trained.
        examples: How many of the validation images, from the first on.
        original: Figures of the model where they are known, else they are measured.

    Raises:
        UnsupportedModelError: If the model cannot be copied or has no kernel to prune.
        TypeError: If `data` is none of what `ModelTrial` takes.
        ValueError: If the images do not fit the model, or the labels are not class
            indices.
    """

    metric = ACCURACY

    def __init__(
        self,
        model: keras.Model,
        data: Given,
        *,
        examples: int = EXAMPLES,
        original: Figures | None = None,
    ) -> None:
        check_model(model)
        self._known = original
        self.name: str = model.name
        context = context_for(model, data)
        self.data = images_for(model, context, examples)
        self._original = copy_model(model)
        self.context: Context | None = (
            None if context.train is None else brief_context(context, examples=examples)
        )
        kernels = _kernels(self._original)
        if not kernels:
            raise UnsupportedModelError(
                f"The model {self.name!r} has no kernel that can be pruned. Received: "
                f"{len(model.layers)} layers. Dense, convolution and embedding layers "
                "with float weights have one."
            )
        self._edges = Magnitudes(kernels).histogram().edges
        self._at_once = lru_cache(maxsize=None)(self._pruned_at_once)

    @property
    def can_train(self) -> bool:
        """Whether there are training images."""
        return self.context is not None

    @property
    def examples(self) -> int:
        """How many images the accuracy of a result is measured on."""
        return len(self.data)

    @cached_property
    def beginning(self) -> Moment:
        """The model before its training."""
        return self._moment(self._original, step=0)

    @cached_property
    def original(self) -> Figures:
        """Accuracy, zeros and bytes of the model as it came."""
        return self._known or self._figures(self._original)

    def counted(self, choice: GradualPruning) -> Figures:
        """What is known without a training: how many of the weights will be zero."""
        return {"zeros": choice.sparsity}

    def planned(self, choice: GradualPruning) -> list[tuple[int, float]]:
        """The sparsity that the schedule wants at some steps of the training."""
        steps, schedule = max(self._steps(choice), 1), choice.schedule
        at = sorted({round(one) for one in np.linspace(0, steps, 4 * MOMENTS + 1)})
        return [
            (one, schedule.sparsity_after(schedule.updates_until(one, steps=steps)))
            for one in at
        ]

    def at_once(self, choice: GradualPruning) -> float:
        """The accuracy of the model that is pruned as far at once, without training."""
        return self._at_once(choice.sparsity, choice.scope)

    def trained(
        self, choice: GradualPruning, on_moment: Callable[[Replay], object]
    ) -> Replay:
        """Train the model and prune it meanwhile.

        Args:
            choice: The pass.
            on_moment: Called with what there is so far, at each moment that is kept; what
                it raises ends the training.

        Raises:
            ValueError: If the trial was made without training images.
        """
        if self.context is None:
            raise ValueError(
                "Training needs training images. Received: a single Data. Make the "
                "control with a data set, such as ncl.data.fashion_mnist()."
            )
        moments, steps = [self.beginning], self._steps(choice)

        def look(model: keras.Model, done: int) -> None:
            if done * MOMENTS // steps > (done - 1) * MOMENTS // steps:
                moments.append(self._moment(model, step=done))
                on_moment(Replay(tuple(moments), steps, {}))

        result = choice.watched(self._original, self.context, _after_each_step(look))
        choice.check_result(result)
        figures = self._figures(result)
        drop = self.original["accuracy"] - figures["accuracy"]
        return Replay(tuple(moments), steps, {**figures, "accuracy_drop": drop})

    def _steps(self, choice: GradualPruning) -> int:
        """How many updates a training takes."""
        images = self.context.train if self.context else None
        return choice.epochs * (images.steps(choice.batch_size) if images else 0)

    def _figures(self, model: keras.Model) -> Figures:
        return {
            "accuracy": measure.accuracy(model, self.data),
            "zeros": _zeros(_kernels(model)),
            "packed_bytes": measure.file_sizes(model).packed,
        }

    def _moment(self, model: keras.Model, *, step: int) -> Moment:
        kernels = _kernels(model)
        weights = np.concatenate([kernel.ravel() for kernel in kernels])
        kept = weights[weights != 0]
        counts, _ = np.histogram(kept, self._edges)
        outside = kept.size - int(counts.sum())
        quick = self.data.take(QUICK_EXAMPLES)
        outputs = to_numpy(model(quick.x, training=False))
        right = answers(model, outputs) == np.ravel(quick.y)
        histogram = Histogram(self._edges, counts, outside)
        return Moment(step, _zeros(kernels), float(np.mean(right)), histogram)

    def _pruned_at_once(self, sparsity: float, scope: Any) -> float:
        pruned = MagnitudePruning(sparsity, scope=scope)(self._original)
        accuracy: float = measure.accuracy(pruned, self.data)
        return accuracy


def _after_each_step(look: Callable[[keras.Model, int], object]) -> Any:
    """A callback of `fit` that hands out the model and the number of updates so far."""
    count = itertools.count(1)

    def step(batch: int, logs: Any) -> None:
        if keras.backend.backend() == "jax":  # weights are outside the model meanwhile
            callback.model.jax_state_sync()
        look(callback.model, next(count))

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=step)
    return callback


def brief_context(data: Dataset | Context, *, examples: int) -> Context:
    """What a short training is given: few training images, and none of the test images.

    Args:
        data: A data set, or a context with data to train on and to validate.
        examples: How many of the validation images choose the epoch.
    """
    context = Context.of(data, test=None, progress=False)
    train: Any = context.train
    validation: Any = context.validation
    return replace(
        context,
        train=train.take(TRAINING_EXAMPLES),
        validation=validation.take(examples),
    )


def _kernels(model: keras.Model) -> list[Any]:
    return [
        array
        for layer in kernel_layers(model)
        if layer.is_float
        for array in layer.arrays()
    ]


def _zeros(kernels: list[Any]) -> float:
    zeros = sum(int(np.count_nonzero(kernel == 0)) for kernel in kernels)
    return zeros / sum(int(kernel.size) for kernel in kernels)
