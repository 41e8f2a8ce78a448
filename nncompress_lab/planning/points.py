"""A whole model measured: what it is worth on validation data, and what it costs."""

import math
from dataclasses import dataclass
from functools import cached_property

import keras

from nncompress_lab import measure
from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.measure.evaluate import evaluated
from nncompress_lab.passes import Context
from nncompress_lab.planning.sensitivity import Point
from nncompress_lab.runtimes.racing import race_models
from nncompress_lab.training.loop import given
from nncompress_lab.training.own_task import task_to_train
from nncompress_lab.training.task import Task


@dataclass(frozen=True, eq=False)
class Measuring:
    """How the points of a plan are measured, the same for all of them.

    Args:
        original: The model that others are compared with.
        validation: What they are judged on.
        task: What judges them.
        latency: Whether they are timed, each beside the original.
    """

    original: keras.Model
    validation: Data
    task: Task
    latency: bool = False

    @classmethod
    def of(
        cls, model: keras.Model, context: Context, *, latency: bool = False
    ) -> "Measuring":
        """By the task that the model is for, on the validation data of a context."""
        validation = given(context.validation)
        task = task_to_train(model, validation, context=context)
        return cls(model, validation, task, latency)

    def point(
        self,
        model: keras.Model,
        sizes: measure.FileSizes | None = None,
        latency_ms: float | None = None,
    ) -> Point:
        """What a model is worth and what it costs.

        Args:
            model: Any that stands for the original.
            sizes: Of its files, if they are known.
            latency_ms: Of one example, in milliseconds, if that is known.
        """
        figures = evaluated(model, self.validation, self.task)
        sizes = sizes or measure.file_sizes(model)
        return Point(
            loss=figures.get("loss", math.nan),
            metric=figures[self.task.judged_by],
            bytes=measure.bytes_in_memory(model),
            packed_bytes=sizes.packed,
            keras_bytes=sizes.keras,
            macs=macs_of(model),
            latency_ms=latency_ms or (self._latency(model) if self.latency else None),
        )

    def cost(self, model: keras.Model, sizes: measure.FileSizes, name: str) -> float:
        """One of the costs of a model, by its name in a `Point`."""
        if name == "macs":
            return measure.macs(model)
        if name == "latency_ms":
            return self._latency(model)
        return sizes.packed if name == "packed_bytes" else sizes.keras

    def _latency(self, model: keras.Model) -> float:
        if model is self.original:
            return self._original_ms
        times = race_models({"original": self.original, "model": model}).race
        # What else a machine does slows both of a race down: what counts is their ratio.
        return self._original_ms / times.speedup("model")

    @cached_property
    def _original_ms(self) -> float:
        race = race_models({"original": self.original}).race
        return race.milliseconds["original"]


def macs_of(model: keras.Model) -> int | None:
    """Multiply-accumulates for one example; None where they cannot be counted."""
    try:
        return measure.macs(model)
    except UnsupportedModelError:
        return None
