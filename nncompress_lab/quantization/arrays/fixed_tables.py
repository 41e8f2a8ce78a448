"""Tables of values that are fixed beforehand, not learned. NumPy only."""

from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float32]
MIN_BITS, MAX_BITS = 2, 8


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
    largest = _largest(weights, bits)
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
    largest = _largest(weights, bits)
    if largest == 0:
        return np.zeros(1, np.float32)
    count = 2**bits
    # The outermost quantiles lie half a step inside the ends, averaged over both sides.
    tail = (1 / (2 * count) + 1 / (2 * (count - 1))) / 2
    above = _quantiles(tail, count // 2)
    below = _quantiles(tail, count // 2 - 1)
    values = np.concatenate([-below, [0.0], above])
    return np.sort(values / values.max() * largest).astype(np.float32)


def _quantiles(tail: float, count: int) -> npt.NDArray[np.float64]:
    """Positive quantiles at equal steps of probability, from the tail to the middle."""
    places = np.linspace(tail, 0.5, count + 1)[:-1]
    normal = NormalDist()
    return np.array([-normal.inv_cdf(float(place)) for place in places])


def _largest(weights: npt.NDArray[Any], bits: object) -> float:
    if not isinstance(bits, int) or not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(
            f"A fixed table needs codes of {MIN_BITS} to {MAX_BITS} bits. Received: "
            f"bits={bits!r}."
        )
    largest = float(np.abs(weights).max(initial=0.0))
    if not np.isfinite(largest):
        raise ValueError(
            "Weights must be finite to be quantized. Received: an array of shape "
            f"{weights.shape} with NaN or infinity. Find the layer that diverged."
        )
    return largest
