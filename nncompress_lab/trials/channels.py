"""Channels taken out on a scratch copy, fast enough for a slider."""

import threading
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, Final

import keras
import numpy as np

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.channels.arrays.units import Mask
from nncompress_lab.models.channels.groups import (
    follow_channels,
    groups_of,
    named_groups,
)
from nncompress_lab.models.channels.readers import (
    bounds_of,
    reads_of,
    units_read,
    without_channels,
)
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.selection import EVERY_LAYER
from nncompress_lab.pruning.channels.arrays.criteria import Scores
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.pruning.channels.scores import has_gamma, score_units
from nncompress_lab.training.reestimate_batch_norm import normalizations
from nncompress_lab.trials.channel_widths import (
    Filters,
    Width,
    filters_of,
    widths_of,
)
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES
from nncompress_lab.trials.narrow_models import reestimated, trained
from nncompress_lab.trials.scratch import Layers
from nncompress_lab.trials.smaller import SmallerTrial

KEPT: Final = 16  # settings whose channels are remembered
ORIGINAL: Final = ChannelPruning(sparsity=0.0)


class ChannelTrial(SmallerTrial[ChannelPruning]):
    """One model without some of its channels, without a new model for each setting.

    A choice is a `ChannelPruning`, and so is its setting. On the scratch copy the weights
    that read a removed channel are zero, which is what its absence means; sums with zeros
    in them round otherwise than those without, so that outputs are equal to 1e-5 of the
    largest. Files, latency and training are those of the narrow model itself.

    The trial may be used from several threads at once.

    Args:
        model: A built functional or sequential model. It is not changed.
        data: As `ModelTrial` takes it. What calibrates serves the Taylor criterion and
            the statistics of BatchNormalization.
        examples: How many of the examples, from the first on.
        timed: As `SmallerTrial` takes it.

    Raises:
        UnsupportedModelError: If the model cannot be copied, its MACs cannot be counted,
            or no channel can be cut.
        TypeError: If `data` is none of what `ModelTrial` takes.
        ValueError: If the examples do not fit the model, or nobody says its task.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> trial = ChannelTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> trial.layers
        ('conv1', 'conv2', 'dense1')
        >>> [one.kept for one in trial.widths(ChannelPruning(sparsity=0.5))]
        [10, 25, 250, 10]
    """

    def __init__(
        self,
        model: keras.Model,
        data: Given,
        *,
        examples: int = EXAMPLES,
        timed: bool = False,
    ) -> None:
        super().__init__(
            model, data, unchanged=ORIGINAL, examples=examples, timed=timed
        )
        self._flow = follow_channels(self._original)
        self._all = groups_of(self._flow)
        self.groups = named_groups(self._all)
        if not self.groups:
            raise UnsupportedModelError(
                f"The model {self.name!r} has no channels that can be cut. Received: "
                f"{len(model.layers)} layers. channel_groups(model) says why for each."
            )
        self._weights = {one.path: one.arrays() for one in EVERY_LAYER(self._original)}
        self._reads = reads_of(self._flow, EVERY_LAYER(self._original))
        self._scores = lru_cache(maxsize=None)(self._score)
        self._kept = lru_cache(maxsize=KEPT)(self._choose)
        self._counts = lru_cache(maxsize=KEPT)(self._count)
        self._scoring = threading.Lock()

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that a width can be given to; those tied to them follow."""
        return tuple(self.groups)

    @cached_property
    def criteria(self) -> tuple[str, ...]:
        """The criteria that score every channel of the model."""
        gammas = has_gamma(self._flow)
        all_scaled = all(gammas[one.units].all() for one in self.groups.values())
        return ("l1", "l2", "taylor", *(["batch_norm"] if all_scaled else []))

    @cached_property
    def has_statistics(self) -> bool:
        """Whether there is a BatchNormalization, whose statistics a cut spoils."""
        return bool(normalizations(self._original))

    def channels(self, path: str) -> int:
        """How many channels a layer and those tied to it have.

        Raises:
            ValueError: If there is no such layer.
        """
        if path not in self.groups:
            raise ValueError(
                f"{self.name!r} has no layer {path!r} whose channels are chosen. It has: "
                f"{', '.join(self.layers)}."
            )
        return self.groups[path].channels

    def least_macs(self, round_to: int) -> float:
        """The fraction of the MACs that is left where each layer is cut to the least."""
        cut = [one for one in self.groups if self.channels(one) > round_to]
        choice = ChannelPruning(
            channels=tuple((path, 1) for path in cut), round_to=round_to
        )
        return self.counted(choice)["macs"] / self.counted(ORIGINAL)["macs"]

    @property
    def can_train(self) -> bool:
        """Whether there are training images."""
        return self.context.train is not None

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
        bound = next(one for one in bounds_of(self._flow, path) if one.made)
        scores = self._scores(choice.criterion, choice.scope == "global")
        kept = self._kept(choice)
        return filters_of(self._flow, bound, group, scores, kept, most)

    def counted(self, choice: ChannelPruning) -> Figures:
        """MACs and parameters; no weight is touched."""
        kept = self._counts(choice)
        weights = self._flow.parameters(self._original.weights)
        return {
            "macs": sum(one.of(kept) for one in self._flow.macs),
            "parameters": sum(one.of(kept) for one in weights),
        }

    def weighed(self, choice: ChannelPruning) -> Figures:
        """As `SmallerTrial.weighed`, and the score with measured statistics.

        Returns:
            With `reestimated`, the score once BatchNormalization is measured anew, if
            the model has any and is not the original.
        """
        figures = super().weighed(choice)
        if choice == ORIGINAL or not self.has_statistics:
            return figures
        again = reestimated(self.built(choice), self.context)
        return {**figures, "reestimated": self.scoring.of(again)}

    def trained(
        self, choice: ChannelPruning, on_step: Callable[[float], object]
    ) -> float:
        """The score after one epoch of training on the training examples.

        Args:
            choice: What is trained.
            on_step: Called with the fraction that is done; what it raises ends the
                training.

        Raises:
            ValueError: If the trial was made without training images.
        """
        if not self.can_train:
            raise ValueError(
                "Training needs training images. Received: a single Data. Make the "
                "control with a data set, such as ncl.data.fashion_mnist()."
            )
        tuned = trained(self.built(choice), self.context, on_step)
        return self.scoring.of(tuned)

    def _count(self, choice: ChannelPruning) -> Mask:
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
                context=self.context,
            )

    def _apply(
        self, layers: Layers, choice: ChannelPruning, held: ChannelPruning | None
    ) -> list[KernelLayer]:
        kept = self._kept(choice)
        before = None if held is None else self._kept(held)
        changed = []
        for path, reads in self._reads.items():
            units = units_read(self._reads, path)
            if before is None or not np.array_equal(before[units], kept[units]):
                arrays = zip(self._weights[path], reads, strict=True)
                layers[path].assign([without_channels(*one, kept) for one in arrays])
                changed.append(layers[path])
        return changed
