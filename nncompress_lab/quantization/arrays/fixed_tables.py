"""Tables of values that are fixed beforehand, not learned. NumPy only."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float32]
FixedName = Literal[
    "power_of_two",
    "normal_float",
    "fp4",
    "fp8_e4m3",
    "fp8_e5m2",
    "mxfp4",
    "mxfp8_e4m3",
    "mxfp8_e5m2",
]
MIN_BITS, MAX_BITS = 2, 8
LEAST_EXPONENT, LARGEST_EXPONENT = -126, 127  # of a float32, and of a signed byte
# Bits of a code, of the exponent and of the mantissa; the largest number that is finite.
SHORT_FLOATS: dict[str, tuple[int, int, int, float]] = {
    "fp4": (4, 2, 1, 6.0),
    "fp8_e4m3": (8, 4, 3, 448.0),
    "fp8_e5m2": (8, 5, 2, 57344.0),
}


@dataclass(frozen=True, eq=False)
class FixedTable:
    """Values that are times a scale: the weights that share one are at most the largest.

    Args:
        values: Ascending, float32, with exactly one 0.
        scales: `"float"`, so that the largest magnitude is the largest value, or
            `"power_of_two"`.
        headroom: For a power of two: by how much the largest magnitude may exceed the
            power of two below it before the next one is taken, at least 1.
    """

    values: Table
    scales: Literal["float", "power_of_two"] = "float"
    headroom: float = 1.0

    @classmethod
    def of(cls, name: FixedName, bits: int) -> "FixedTable":
        """The table of a name.

        Args:
            name: `"power_of_two"` and `"normal_float"` as the functions below;
                `"fp4"` (E2M1), `"fp8_e4m3"` and `"fp8_e5m2"`, the floats of few bits;
                the same with a power of two as the scale, `"mxfp4"` and so on, which
                with 32 weights a group are the OCP's microscaling formats.
            bits: Of a code: 2 to 8, or what the name says.

        Raises:
            ValueError: If `bits` does not fit.

        Example:
            >>> FixedTable.of("fp4", 4).values[7:]
            array([0. , 0.5, 1. , 1.5, 2. , 3. , 4. , 6. ], dtype=float32)

        References:
            Micikevicius et al., "FP8 Formats for Deep Learning", 2022, section 3.
            https://arxiv.org/abs/2209.05433
            Rouhani et al., "Microscaling Data Formats for Deep Learning", 2023, section 2.
            https://arxiv.org/abs/2310.10537
        """
        if name == "normal_float":
            return cls(normal_float_table(np.ones(1), bits=bits))
        if name == "power_of_two":
            powers = power_of_two_table(np.ones(1), bits=bits)
            return cls(powers, "power_of_two", headroom=4 / 3)
        wanted, exponent, mantissa, most = SHORT_FLOATS[name.removeprefix("mx")]
        if bits != wanted:
            raise ValueError(
                f"A code of table={name!r} has {wanted} bits. Received: bits={bits!r}."
            )
        values = _short_floats(exponent, mantissa, most)
        if not name.startswith("mx"):
            return cls(values)
        # Up to 7 eighths of the next power of two, to which the largest value of each
        # format comes near enough; the standard's own rule would cut that off.
        return cls(values, "power_of_two", headroom=8 / 7)

    def scale(self, largest: npt.NDArray[Any]) -> Table:
        """What the values are multiplied by where the largest magnitude is this."""
        scale = (largest / self.values[-1]).astype(np.float32)
        return np.where(scale > 0, scale, np.float32(1))

    def exponent(self, largest: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
        """The exponent of the power of two that they are multiplied by instead."""
        positive = np.where(largest > 0, largest, 1.0)
        powers = np.ceil(np.log2(positive * self.headroom)) - 1
        powers -= np.floor(np.log2(self.values[-1]))
        held = np.clip(powers, LEAST_EXPONENT, LARGEST_EXPONENT)
        exponent: npt.NDArray[np.int8] = held.astype(np.int8)
        return exponent

    def fitted(self, weights: npt.NDArray[Any]) -> Table:
        """The values with their scale, for weights that all share it.

        Raises:
            ValueError: If a weight is not finite.
        """
        largest = np.array(check_finite(weights))
        if self.scales == "float":
            return self.values * self.scale(largest)
        fitted = self.values * np.exp2(self.exponent(largest).astype(np.float32))
        normal = np.abs(fitted) >= np.finfo(np.float32).tiny
        held: Table = fitted[normal | (fitted == 0)]
        return np.unique(held)


def power_of_two_table(weights: npt.NDArray[Any], *, bits: int) -> Table:
    """Zero and the powers of two, positive and negative, that suit the weights.

    A product with a power of two is a shift, which hardware without multipliers likes. The
    largest power is `2**floor(log2(4/3 * largest magnitude))`, so that the largest weight
    is rounded to the nearer of two powers; the others follow below it.

    Args:
        weights: Finite floats of any shape.
        bits: Of a code, 2 to 8; the table has `2**bits - 1` values.

    Returns:
        Ascending float32 values, shape `(2**bits - 1,)`, symmetric around 0; exponents
        that float32 has no normal number for are left out. Only 0 if all weights are 0.

    Raises:
        ValueError: If `bits` is out of range or a weight is not finite.

    Example:
        >>> power_of_two_table(np.array([0.9, -0.2]), bits=3)
        array([-1.  , -0.5 , -0.25,  0.  ,  0.25,  0.5 ,  1.  ], dtype=float32)

    References:
        Zhou, Yao, Guo, Xu, Chen, "Incremental Network Quantization: Towards Lossless CNNs
        with Low-Precision Weights", ICLR 2017, section 2.1.
        https://arxiv.org/abs/1702.03044
    """
    largest, bits = _largest(weights, bits), int(bits)
    if largest == 0:
        return np.zeros(1, np.float32)
    highest = int(np.floor(np.log2(largest * 4 / 3)))
    exponents = np.arange(highest, highest - 2 ** (bits - 1) + 1, -1)
    powers = np.exp2(exponents[exponents >= np.finfo(np.float32).minexp])
    return np.sort(np.concatenate([-powers, [0.0], powers])).astype(np.float32)


def normal_float_table(weights: npt.NDArray[Any], *, bits: int) -> Table:
    """NormalFloat: values that are equally likely if the weights are Gaussian.

    Half of the values are positive, one is exactly 0 and the rest is negative: quantiles
    of the standard normal distribution, scaled so that the ends are minus and plus the
    largest magnitude.

    Args:
        weights: Finite floats of any shape.
        bits: Of a code, 2 to 8; the table has `2**bits` values. 4 bits are NF4.

    Returns:
        Ascending float32 values, shape `(2**bits,)`; only 0 if all weights are 0.

    Raises:
        ValueError: If `bits` is out of range or a weight is not finite.

    Example:
        >>> normal_float_table(np.array([1.0, -0.5]), bits=2).round(3)
        array([-1.   ,  0.   ,  0.436,  1.   ], dtype=float32)

    References:
        Dettmers, Pagnoni, Holtzman, Zettlemoyer, "QLoRA: Efficient Finetuning of
        Quantized LLMs", NeurIPS 2023, section 3 and appendix E.
        https://arxiv.org/abs/2305.14314
    """
    largest, bits = _largest(weights, bits), int(bits)
    if largest == 0:
        return np.zeros(1, np.float32)
    count = 2**bits
    # The outermost quantiles lie half a step inside the ends, averaged over both sides.
    tail = (1 / (2 * count) + 1 / (2 * (count - 1))) / 2
    above = _quantiles(tail, count // 2)
    below = _quantiles(tail, count // 2 - 1)
    values = np.concatenate([-below, [0.0], above])
    return np.sort(values / values.max() * largest).astype(np.float32)


def _short_floats(exponent_bits: int, mantissa_bits: int, largest: float) -> Table:
    """All finite numbers of a binary floating-point format, with one zero."""
    bias = 2 ** (exponent_bits - 1) - 1
    fractions = np.arange(2**mantissa_bits) / 2**mantissa_bits
    exponents = np.arange(1, 2**exponent_bits) - bias
    normal = (1 + fractions) * np.exp2(exponents)[:, None]
    positive = np.append(fractions[1:] * 2.0 ** (1 - bias), normal)
    positive = positive[positive <= largest]
    return np.sort([*-positive, 0.0, *positive]).astype(np.float32)


def _quantiles(tail: float, count: int) -> npt.NDArray[np.float64]:
    """Positive quantiles at equal steps of probability, from the tail to the middle."""
    places = np.linspace(tail, 0.5, count + 1)[:-1]
    normal = NormalDist()
    return np.array([-normal.inv_cdf(float(place)) for place in places])


def _largest(weights: npt.NDArray[Any], bits: object) -> float:
    if not isinstance(bits, int | np.integer) or not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(
            f"A fixed table needs codes of {MIN_BITS} to {MAX_BITS} bits. Received: "
            f"bits={bits!r}."
        )
    return check_finite(weights)


def check_finite(weights: npt.NDArray[Any]) -> float:
    """The largest magnitude; a `ValueError` if a weight is not finite."""
    largest = float(np.abs(weights).max(initial=0.0))
    if not np.isfinite(largest):
        raise ValueError(
            "Weights must be finite to be quantized. Received: an array of shape "
            f"{weights.shape} with NaN or infinity. Find the layer that diverged."
        )
    return largest
