"""What rounding takes from weights, as figures. NumPy only."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Noise:
    """Sums over weights, so that those of several kernels can be added.

    Args:
        signal: Of the squares of the weights.
        error: Of the squares of what rounding has changed.
        code_bits: Of the entropies of the codes, in bits.
        codes: How many weights have a code.

    Example:
        >>> noise = Noise.of(np.array([1.0, 2.0]), np.array([1.1, 2.0]), np.array([0, 1]))
        >>> {name: round(value, 1) for name, value in noise.figures.items()}
        {'snr_db': 27.0, 'entropy': 1.0}
    """

    signal: float = 0.0
    error: float = 0.0
    code_bits: float = 0.0
    codes: int = 0

    @classmethod
    def of(cls, weights: Floats, rounded: Floats, codes: Floats) -> "Noise":
        """Of one kernel.

        Args:
            weights: Before rounding, of any shape.
            rounded: What became of them, of the same shape.
            codes: What stands for each of them in the file, integers of any shape.
        """
        exact = weights.astype(np.float64)
        error = float(np.sum((exact - rounded) ** 2))
        bits = weights.size * entropy(codes)
        return cls(float(np.sum(exact**2)), error, bits, weights.size)

    @classmethod
    def of_floats(cls, arrays: list[Floats]) -> "Noise":
        """Of kernels that stay as they are."""
        return cls(sum(float(np.sum(one.astype(np.float64) ** 2)) for one in arrays))

    def __add__(self, other: "Noise") -> "Noise":
        return Noise(
            self.signal + other.signal,
            self.error + other.error,
            self.code_bits + other.code_bits,
            self.codes + other.codes,
        )

    @property
    def figures(self) -> dict[str, float]:
        """The signal-to-noise ratio in decibels, and the entropy of a code in bits."""
        ratio = self.signal / self.error if self.error else math.inf
        return {
            "snr_db": 10 * math.log10(ratio) if ratio else 0.0,
            "entropy": self.code_bits / self.codes if self.codes else 32.0,
        }


def entropy(codes: Floats) -> float:
    """The least bits a code that any coder of single codes can reach.

    Args:
        codes: Integers of any shape, at least one.

    Example:
        >>> entropy(np.array([0, 0, 1, 2]))
        1.5

    References:
        Shannon, "A Mathematical Theory of Communication", 1948, theorem 9.
    """
    flat = codes.reshape(-1).astype(np.int64)
    counts = np.bincount(flat - flat.min())
    shares = counts[counts > 0] / flat.size
    return float(-(shares * np.log2(shares)).sum()) + 0.0
