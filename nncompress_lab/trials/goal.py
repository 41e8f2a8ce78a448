"""What a compressed model is to reach, what it lacks, and the one rule for "reached"."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from nncompress_lab.trials.figures import FIGURES, Figures

# Fractions are met to within half a weight a kernel and the rounding of floats, which is
# less than one example of the largest validation set; counts and bytes are whole numbers.
TOLERANCE: Final = 1e-5


@dataclass(frozen=True, init=False)
class Goal:
    """Bounds on named figures of a compressed model.

    Every figure has one good direction: of zeros and decibels there must be at least as
    many as the bound says, of everything else at most. A control and the check of a
    lesson ask the same goal, so that they cannot disagree.

    Args:
        **bounds: One or more figures: `zeros`, the fraction of the kernel weights that
            are zero; `accuracy_drop`, how far the accuracy may fall below that of the
            original, as a fraction (0.02 is 2 points); `keras_bytes`, `packed_bytes`,
            `memory_bytes`, `parameters`, `nonzeros` and `macs`; `snr_db`, the energy of
            the kernels over that of their rounding error, at least so many decibels;
            `entropy`, the bits that a weight's code is worth; `activation_bits`, those
            of what goes into the layers; and of a distillation `others`, at least so much
            of the teacher's probability beside its likeliest class, `soft_entropy`, and
            `balance`, at least such a part of the gradient from its weaker term.

    Raises:
        TypeError: If a figure is unknown or no bound is given.
        ValueError: If a bound is out of range.

    Example:
        >>> goal = Goal(zeros=0.8, accuracy_drop=0.02)
        >>> str(goal)
        'at least 80 % of the kernel weights zero, at most 2 points of accuracy lost'
        >>> str(Goal(accuracy_drop=0.01))
        'at most 1 point of accuracy lost'
        >>> goal.shortfall("accuracy_drop", 0.05)
        'the accuracy is 5.0 points below the original, 3.0 points more than allowed'
        >>> goal.shortfalls({"zeros": 0.8, "accuracy_drop": 0.02})
        ()
    """

    bounds: Figures

    def __init__(self, **bounds: float) -> None:
        unknown = sorted(set(bounds) - set(FIGURES))
        if unknown or not bounds:
            raise TypeError(
                "A goal bounds one or more figures. Received: "
                f"{', '.join(unknown) or 'none'}. There are: {', '.join(FIGURES)}; for "
                "example Goal(zeros=0.8, accuracy_drop=0.02)."
            )
        for name, bound in bounds.items():
            most = 1.0 if FIGURES[name].is_fraction else math.inf
            if not 0.0 <= bound <= most:
                hint = "a fraction in [0, 1]" if most == 1.0 else "at least 0"
                raise ValueError(
                    f"`{name}` must be {hint}. Received: {name}={bound!r}."
                    + (" For 2 per cent write 0.02." if most == 1.0 else "")
                )
        object.__setattr__(self, "bounds", MappingProxyType(dict(bounds)))

    def __repr__(self) -> str:
        bounds = ", ".join(f"{name}={bound!r}" for name, bound in self.bounds.items())
        return f"Goal({bounds})"

    def __str__(self) -> str:
        return ", ".join(
            FIGURES[name].bound(bound) for name, bound in self.bounds.items()
        )

    def shortfalls(self, figures: Mapping[str, float]) -> tuple[str, ...]:
        """What a model lacks; empty if it meets the goal.

        Args:
            figures: Of the model, at least those that the goal bounds.

        Returns:
            A clause for each unmet bound, for a sentence that tells the user.

        Raises:
            KeyError: If a figure is missing.
        """
        found = (self.shortfall(name, figures[name]) for name in self.bounds)
        return tuple(one for one in found if one is not None)

    def shortfall(self, name: str, value: float) -> str | None:
        """What one figure of a model lacks, as a clause; None if it meets its bound.

        Raises:
            KeyError: If the goal does not bound that figure.
        """
        bound = self.bounds[name]
        if reached(name, value, bound):
            return None
        return FIGURES[name].shortfall(value, bound)


def reached(name: str, value: float, bound: float) -> bool:
    """Whether a figure is on the good side of its bound; the only place that decides it.

    Example:
        >>> reached("accuracy_drop", 0.921 - 0.891, 0.03)
        True
    """
    lacking = bound - value if FIGURES[name].is_lower_bound else value - bound
    return lacking <= TOLERANCE
