"""What a compressed model is to reach, and what it lacks."""

from dataclasses import dataclass

from nncompress_lab.pruning.arrays.masks import check_sparsity

# Passes drop whole weights, so a fraction is met to within half a weight a kernel.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Goal:
    """Many zeros for little accuracy.

    Args:
        sparsity: At least this fraction of the kernel weights is zero, in `[0, 1)`.
        max_drop: The accuracy falls at most this far below that of the dense model, as a
            fraction in `[0, 1]`: 0.02 is 2 points.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> Goal(sparsity=0.8, max_drop=0.02).shortfalls(sparsity=0.8, drop=0.05)
        ('accuracy is 5.0 points below dense, 3.0 more than allowed',)
    """

    sparsity: float
    max_drop: float

    def __post_init__(self) -> None:
        check_sparsity(self.sparsity)
        if not 0.0 <= self.max_drop <= 1.0:
            raise ValueError(
                "`max_drop` is the accuracy that may be lost, as a fraction in [0, 1]. "
                f"Received: max_drop={self.max_drop!r}. To allow 2 points pass "
                "max_drop=0.02."
            )

    def __str__(self) -> str:
        return (
            f"at least {100 * self.sparsity:g} % of the kernel weights zero, at most "
            f"{100 * self.max_drop:g} points of validation accuracy lost"
        )

    def shortfalls(self, *, sparsity: float, drop: float) -> tuple[str, ...]:
        """What a model lacks; empty if it meets the goal.

        Args:
            sparsity: Fraction of its kernel weights that are zero.
            drop: Accuracy of the dense model minus its own, as a fraction.

        Returns:
            A clause for each unmet part, for a sentence that tells the user.
        """
        found = []
        if sparsity < self.sparsity - ROUNDING:
            found.append(
                f"{100 * sparsity:.1f} % of the kernel weights are zero, "
                f"{100 * (self.sparsity - sparsity):.1f} points too few"
            )
        if drop > self.max_drop + 1e-9:  # room for the rounding of floats only
            found.append(
                f"accuracy is {100 * drop:.1f} points below dense, "
                f"{100 * (drop - self.max_drop):.1f} more than allowed"
            )
        return tuple(found)
