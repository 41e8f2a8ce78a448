"""Which channels stay: by a fraction, or under a budget of costs. NumPy only."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nncompress_lab.models.channels.arrays.units import Cost, Indices, Mask
from nncompress_lab.pruning.channels.arrays.criteria import (
    Scores,
    channels_to_keep,
    kept_channels,
    kept_counts,
)


@dataclass(frozen=True, eq=False)
class ScoredGroups:
    """Groups of channels with a score for each, from which the lowest can be taken.

    Args:
        units: For each group that may be cut its units, each the root of its class.
        roots: For each unit of the model the root of its class.
        scores: For each unit of the model; only those of `units` are looked at.
        together: Whether the groups compete in one ranking.
        round_to: What the number of channels kept in a group is a multiple of.
    """

    units: Sequence[Indices]
    roots: Indices
    scores: Scores
    together: bool
    round_to: int

    def kept(self, sparsity: float) -> Mask:
        """Whether each unit stays if about this fraction of the channels goes.

        Args:
            sparsity: From 0 to 1; even with 1, `round_to` channels of a group stay.
        """
        sizes = [len(group) for group in self.units]
        if self.together:
            scores = [self.scores[group] for group in self.units]
            drop = round(sparsity * sum(sizes))
            counts = kept_counts(scores, drop=drop, round_to=self.round_to)
        else:
            counts = [
                channels_to_keep(
                    size, drop=round(sparsity * size), round_to=self.round_to
                )
                for size in sizes
            ]
        return self._with(counts)

    def keeping(self, widths: Sequence[int]) -> Mask:
        """Whether each unit stays if each group keeps about so many channels.

        Args:
            widths: A number for each group, from 1 to how many channels it has; each is
                rounded up to a multiple of `round_to`.
        """
        sizes = [len(group) for group in self.units]
        return self._with(
            [
                channels_to_keep(size, drop=size - width, round_to=self.round_to)
                for size, width in zip(sizes, widths, strict=True)
            ]
        )

    def _with(self, counts: Sequence[int]) -> Mask:
        kept = np.ones(len(self.roots), dtype=np.bool_)
        for group, keep in zip(self.units, counts, strict=True):
            kept[group] = kept_channels(self.scores[group], keep=keep)
        return kept[self.roots]

    def within(self, costs: Sequence[Cost], fraction: float, *, name: str) -> Mask:
        """Whether each unit stays if as few go as a budget takes.

        Args:
            costs: What is added up.
            fraction: Of the present cost that may be left.
            name: Of the budget, for errors.

        Raises:
            ValueError: If the cost is not known, or more is left even if all that can
                go is gone.
        """

        def cost(sparsity: float) -> float:
            kept = self.kept(sparsity)
            return sum(one.of(kept) for one in costs)

        whole = cost(0.0)
        if not np.isfinite(whole):
            raise ValueError(
                f"A budget of {name} needs a model in which all sizes are fixed. "
                f"Received: {name}={fraction!r} for one with a size of None. Build the "
                "model with the sizes of one example, or give sparsity= instead."
            )
        total = max(1, sum(len(group) for group in self.units))
        least = cost(1.0)
        if least > fraction * whole:
            raise ValueError(
                f"Channel pruning cannot keep this budget. Received: {name}={fraction!r}, "
                f"but {least / whole:.3f} of them are left when every group is cut to "
                "the least. Allow more, lower round_to, or select more layers; "
                "channel_groups(model) names what cannot be cut, and why."
            )
        drop = bisect_left(
            range(total), True, key=lambda n: cost(n / total) <= fraction * whole
        )
        return self.kept(drop / total)
