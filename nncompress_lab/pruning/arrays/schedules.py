"""How sparse a model is to be at each moment of its training. Plain numbers."""

from dataclasses import dataclass
from typing import Literal

from nncompress_lab.errors import check_choice
from nncompress_lab.pruning.arrays.masks import check_sparsity

Curve = Literal["cubic", "constant"]


def cubic_sparsity(
    progress: float, *, sparsity: float, initial_sparsity: float = 0.0
) -> float:
    """Sparsity that rises fast at first, while there are many weights to spare.

    Args:
        progress: Fraction of the pruning that is over, in `[0, 1]`.
        sparsity: At the end, in `[0, 1)`.
        initial_sparsity: At the beginning, 0 to `sparsity`.

    Returns:
        `sparsity + (initial_sparsity - sparsity) * (1 - progress) ** 3`.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> [round(cubic_sparsity(t, sparsity=0.8), 3) for t in (0.0, 0.5, 1.0)]
        [0.0, 0.7, 0.8]

    References:
        Zhu, Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
        compression", 2017, section 3. https://arxiv.org/abs/1710.01878
    """
    check_sparsity(sparsity)
    if not 0 <= initial_sparsity <= sparsity:
        raise ValueError(
            "`initial_sparsity` must be in [0, sparsity]. Received: "
            f"initial_sparsity={initial_sparsity!r}, sparsity={sparsity!r}."
        )
    if not 0 <= progress <= 1:
        raise ValueError(f"`progress` must be in [0, 1]. Received: {progress!r}.")
    return sparsity + (initial_sparsity - sparsity) * (1 - progress) ** 3


@dataclass(frozen=True)
class PruningSchedule:
    """When the masks of a training change, and how sparse they are then.

    Args:
        sparsity: At the end, in `[0, 1)`.
        initial_sparsity: At the beginning, 0 to `sparsity`; only for `"cubic"`.
        curve: `"cubic"` as in `cubic_sparsity`; `"constant"` prunes to `sparsity` at
            `begin` and lets the rest of the training recover.
        begin: Fraction of the training after which pruning begins, in `[0, 1]`.
        end: Fraction after which it is over, `begin` to 1. What is left of the training
            recovers with the final masks.
        updates: How often the masks change between `begin` and `end`, at least 1.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> schedule = PruningSchedule(sparsity=0.8, end=0.5, updates=2)
        >>> [round(schedule.sparsity_after(n), 3) for n in range(4)]
        [0.0, 0.0, 0.7, 0.8]
        >>> [schedule.updates_until(step, steps=100) for step in (0, 25, 50, 100)]
        [1, 2, 3, 3]
    """

    sparsity: float
    initial_sparsity: float = 0.0
    curve: Curve = "cubic"
    begin: float = 0.0
    end: float = 0.75
    updates: int = 20

    def __post_init__(self) -> None:
        cubic_sparsity(
            0.0, sparsity=self.sparsity, initial_sparsity=self.initial_sparsity
        )
        check_choice("curve", self.curve, Curve)
        if not 0 <= self.begin <= self.end <= 1:
            raise ValueError(
                "`begin` and `end` are fractions of the training with 0 <= begin <= end "
                f"<= 1. Received: begin={self.begin!r}, end={self.end!r}."
            )
        if self.updates != int(self.updates) or self.updates < 1:
            raise ValueError(
                "`updates` must be a whole number, at least 1. Received: "
                f"updates={self.updates!r}."
            )

    def updates_until(self, step: int, *, steps: int) -> int:
        """How many updates are due after `step` of `steps` steps: 0 to `updates + 1`.

        The first one is at `begin`, with the initial sparsity, the last one at `end`.
        """
        first, last = self.begin * steps, self.end * steps
        if step < first:
            return 0
        if step >= last:
            return self.updates + 1
        # A step that rounding puts just short of its update counts as there.
        return int((step - first) / (last - first) * self.updates + 1e-9) + 1

    def sparsity_after(self, updates: int) -> float:
        """The sparsity after so many updates."""
        if not updates:
            return 0.0
        if self.curve == "constant":
            return self.sparsity
        return cubic_sparsity(
            (updates - 1) / self.updates,
            sparsity=self.sparsity,
            initial_sparsity=self.initial_sparsity,
        )
