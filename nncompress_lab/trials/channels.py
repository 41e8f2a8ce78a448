"""Channels taken out on a scratch copy, fast enough for a slider."""

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

import keras
import numpy as np

from nncompress_lab import measure
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.channels.arrays.units import Indices, Mask
from nncompress_lab.models.channels.flow import Bound
from nncompress_lab.models.channels.groups import follow_channels, groups_of
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.models.selection import EVERY_LAYER
from nncompress_lab.passes import CALIBRATION_EXAMPLES, Context
from nncompress_lab.pruning.channels.arrays.criteria import Scores
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.pruning.channels.scores import has_gamma, score_units
from nncompress_lab.trials.channel_widths import (
    Filters,
    Width,
    filters_of,
    named_groups,
    widths_of,
)
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.narrow_models import raced, reestimated, trained
from nncompress_lab.trials.scratch import Layers, Scratch, images_for
from nncompress_lab.trials.trial import Measured

EXAMPLES: Final = 1000
KEPT: Final = 16  # settings whose channels are remembered
ORIGINAL: Final = ChannelPruning(sparsity=0.0)
Reads = list[list[tuple[int, Indices]]]


class ChannelTrial:
    """One model without some of its channels, without a new model for each setting.

    A choice is a `ChannelPruning`, and so is its setting. On the scratch copy the weights
    that read a removed channel are zero, which is what its absence means; sums with zeros
    in them round otherwise than those without, so that outputs are equal to 1e-5 of the
    largest. Files, latency and training are those of the narrow model itself.

    The trial may be used from several threads at once.

    Args:
        model: A built functional or sequential classifier. It is not changed.
        data: A data set, whose validation images are used and never its test images, or
            a single `Data`. The first 512 training images serve the Taylor criterion and
            the statistics of BatchNormalization; of a single `Data` its own.
        examples: How many of the images, from the first on.

    Raises:
        UnsupportedModelError: If the model cannot be copied or no channel can be cut.
        TypeError: If `data` is neither a `Dataset` nor a `Data`.
        ValueError: If the images do not fit the model, or the labels are not class
            indices.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> trial = ChannelTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> trial.layers
        ('conv1', 'conv2', 'dense1')
        >>> [one.kept for one in trial.widths(ChannelPruning(sparsity=0.5))]
        [10, 25, 250, 10]
    """

    def __init__(
        self, model: keras.Model, data: Dataset | Data, *, examples: int = EXAMPLES
    ) -> None:
        check_model(model)
        self.name: str = model.name
        self.data = images_for(model, data, examples)
        self.context = _context(data)
        self._original = copy_model(model)
        self._flow = follow_channels(self._original)
        self._all = groups_of(self._flow)
        self.groups = named_groups(self._all)
        if not self.groups:
            raise UnsupportedModelError(
                f"The model {self.name!r} has no channels that can be cut. Received: "
                f"{len(model.layers)} layers. channel_groups(model) says why for each."
            )
        self._weights = {one.path: one.arrays() for one in EVERY_LAYER(self._original)}
        self._reads = self._readers()
        self._scores = lru_cache(maxsize=None)(self._score)
        self._kept = lru_cache(maxsize=KEPT)(self._choose)
        self._scoring = threading.Lock()
        self._measuring = Scratch(self._original, self.data, self._apply)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that a width can be given to; those tied to them follow."""
        return tuple(self.groups)

    @property
    def examples(self) -> int:
        """How many images the accuracy is measured on."""
        return len(self.data)

    @cached_property
    def criteria(self) -> tuple[str, ...]:
        """The criteria that score every channel of the model."""
        gammas = has_gamma(self._flow)
        all_scaled = all(gammas[one.units].all() for one in self.groups.values())
        return ("l1", "l2", "taylor", *(["batch_norm"] if all_scaled else []))

    @cached_property
    def original(self) -> Figures:
        """All figures of the model as it came; measured when they are first asked for."""
        return {
            "accuracy": self._right[self.examples] / self.examples,
            **self.counted(ORIGINAL),
            **self.weighed(ORIGINAL),
        }

    @cached_property
    def _right(self) -> Mapping[int, int]:
        """How many of the first examples the original gets right."""
        return {count: right for right, count in self._measuring.right(ORIGINAL)}

    def setting(self, choice: ChannelPruning) -> ChannelPruning:
        """The pass that does what a choice says: the choice itself."""
        return choice

    def widths(self, choice: ChannelPruning) -> list[Width]:
        """How wide the layers are, in the order of the model.

        Raises:
            ValueError: If a budget cannot be met, or a layer cannot be cut.
        """
        return widths_of(self._all, self.groups, self._counts(choice))

    def filters(self, choice: ChannelPruning, path: str, *, most: int) -> Filters:
        """The channels that a layer makes, by their scores.

        Args:
            choice: Whose criterion and widths.
            path: One of `layers`.
            most: Of more channels, so many are shown, evenly spaced in the ranking.
        """
        group = self.groups[path]
        bound = next(one for one in self._kernels_of(path) if one.made)
        scores = self._scores(choice.criterion, choice.scope == "global")
        kept = self._kept(choice)
        return filters_of(self._flow, bound, group, scores, kept, most)

    def counted(self, choice: ChannelPruning) -> Figures:
        """MACs and parameters; no weight is touched."""
        kept = self._counts(choice)
        weights = self._flow.parameters(self._original.weights)
        macs = sum(one.of(kept) for one in self._flow.macs)
        counts = {"parameters": sum(one.of(kept) for one in weights)}
        return {"macs": macs, **counts} if np.isfinite(macs) else counts

    def measured(self, choice: ChannelPruning) -> Iterator[Measured]:
        """The accuracy without any training on ever more of the images."""
        for right, examples in self._measuring.right(choice):
            lost = self._right[examples] - right
            yield Measured(right / examples, lost / examples, examples)

    def accuracy(self, choice: ChannelPruning) -> float:
        """Fraction of all the images that the narrow model gets right."""
        *_, last = self.measured(choice)
        return last.accuracy

    def weighed(self, choice: ChannelPruning) -> Figures:
        """Bytes of the narrow model's files, its latency, and its measured statistics.

        Returns:
            `keras_bytes` and `packed_bytes`; `latency_ms` of one image in ONNX Runtime
            with the `latency_band` of its noise, and `speedup`, where it takes the
            model; `reestimated`, the accuracy once BatchNormalization is measured anew.
        """
        narrow = self.narrowed(choice)
        sizes = measure.file_sizes(narrow)
        figures = {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}
        return {
            **figures,
            **raced(self._original, narrow),
            **reestimated(narrow, self.data, self.context),
        }

    def narrowed(self, choice: ChannelPruning) -> keras.Model:
        """A new model: what the pass makes."""
        return choice(self._original, self.context)

    def trained(
        self, choice: ChannelPruning, on_step: Callable[[float], object]
    ) -> float:
        """The accuracy after one epoch of training on the training images.

        Args:
            choice: What is trained.
            on_step: Called with the fraction that is done; what it raises ends the
                training.

        Raises:
            ValueError: If the trial was made without training images.
        """
        if self.context.train is None:
            raise ValueError(
                "Training needs training images. Received: a single Data. Make the "
                "control with a data set, such as ncl.data.fashion_mnist()."
            )
        return trained(self.narrowed(choice), self.data, self.context, on_step)

    def _counts(self, choice: ChannelPruning) -> Mask:
        """Masks with the right numbers; which channels they are may be unknown."""
        if choice.scope == "global":
            return self._kept(choice)
        blank = np.zeros(len(self._flow.units))
        return choice.kept_units(self._flow, self._original, blank)

    def _choose(self, choice: ChannelPruning) -> Mask:
        scores = self._scores(choice.criterion, choice.scope == "global")
        return choice.kept_units(self._flow, self._original, scores)

    def _score(self, criterion: Any, normalize: bool) -> Scores:
        with self._scoring:
            return score_units(
                self._flow,
                self._original,
                criterion=criterion,
                normalize=normalize,
                data=self.context.calibration,
            )

    def _apply(
        self, layers: Layers, choice: ChannelPruning, held: ChannelPruning | None
    ) -> list[KernelLayer]:
        kept = self._kept(choice)
        before = None if held is None else self._kept(held)
        changed = []
        for path, reads in self._reads.items():
            units = np.concatenate([one for kernel in reads for _, one in kernel])
            if before is None or not np.array_equal(before[units], kept[units]):
                arrays = zip(self._weights[path], reads, strict=True)
                layers[path].assign([_without(*one, kept) for one in arrays])
                changed.append(layers[path])
        return changed

    def _readers(self) -> dict[str, Reads]:
        """For each layer that reads channels and each kernel of it, along which axes."""
        reads = {
            one.path: [
                [
                    (bound.axis, bound.units)
                    for bound in self._kernels_of(one.path)
                    if bound.variable is kernel and not bound.made
                ]
                for kernel in one.kernels()
            ]
            for one in EVERY_LAYER(self._original)
        }
        return {path: kernels for path, kernels in reads.items() if any(kernels)}

    def _kernels_of(self, path: str) -> list[Bound]:
        return [
            bound
            for entry in self._flow.layers.values()
            if entry.path == path
            for bound in entry.bound.values()
            if bound.is_kernel
        ]


def _without(array: Any, axes: list[tuple[int, Indices]], kept: Mask) -> Any:
    """A kernel with zeros where it reads channels that are gone."""
    for axis, units in axes:
        shape = [1] * array.ndim
        shape[axis] = -1
        array = np.where(kept[units].reshape(shape), array, 0)
    return array


def _context(data: Dataset | Data) -> Context:
    if isinstance(data, Dataset):
        return Context.of(data, progress=False)
    return Context(calibration=data.take(CALIBRATION_EXAMPLES), progress=False)
