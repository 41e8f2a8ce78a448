"""Lesson 04: evenly spaced levels, scale and zero point, rounding and clamping."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    call,
    require,
    require_array,
    require_number,
)
from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    params_of_range,
    quantize as library_quantize,
)

BITS = (3, 8)
CLOSE = 1e-5  # relative: float32 against float64
RANGES = ((-1.2, 0.9), (0.4, 2.5), (-3.0, -0.5), (0.0, 7.0), (-0.03, 0.51))


def random_kernel(*shape: int, seed: int) -> Any:
    """A kernel of mixed signs whose output channels differ in size."""
    random = generator(seed)
    sizes = random.permutation(np.geomspace(0.2, 5, shape[-1]))
    return (random.normal(size=shape) * sizes + 0.05 * sizes).astype(np.float32)


def _scale_and_zero_point(lowest: float, highest: float, bits: int) -> Any:
    scale, zero_point = params_of_range(
        np.array(lowest), np.array(highest), bits=bits, symmetric=False
    )
    return float(scale), int(zero_point)


scale_and_zero_point = Exercise(
    "scale_and_zero_point",
    title="Scale and zero point of a range",
    points=2,
    hints=(
        "How many levels do `bits` bits count, and how many gaps lie between them?",
        "Zero must be a level: `lowest = min(lowest, 0)`, `highest = max(highest, 0)`.",
        "scale = (highest - lowest) / (2**bits - 1); the code of the real number 0 is "
        "round(-lowest / scale).",
    ),
    reference=_scale_and_zero_point,
)


def _pair(answer: Any, lowest: float, highest: float, bits: int) -> tuple[float, float]:
    pair = call(answer, lowest, highest, bits)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        f"Return two numbers, `scale, zero_point`. Received: {pair!r}.",
    )
    scale = require_number(pair[0], what="The scale")
    return scale, require_number(pair[1], what="The zero point")


@scale_and_zero_point.check
def has_one_gap_fewer_than_levels(answer):
    scale, _ = _pair(answer, -1.0, 2.0, 2)
    require(
        not np.isclose(scale, 3 / 4),
        "2 bits count four levels, and four levels have three gaps: from -1 to 2 in "
        "steps of 1. Your step is 0.75, one gap too many.",
    )
    require(
        np.isclose(scale, 1, rtol=CLOSE),
        "From -1 to 2 with 2 bits the levels are -1, 0, 1 and 2, so the scale is 1. "
        f"Received: {scale:g}.",
    )


@scale_and_zero_point.check
def widens_the_range_to_hold_zero(answer):
    scale, zero_point = _pair(answer, 1.0, 3.0, 2)
    require(
        np.isclose(scale, 1, rtol=CLOSE) and zero_point == 0,
        "The range from 1 to 3 must be widened to 0 to 3, or a weight of 0 would have no "
        "level: scale 1, zero point 0. Received: scale "
        f"{scale:g}, zero point {zero_point:g}.",
    )


@scale_and_zero_point.check
def zero_point_is_the_code_of_zero(answer):
    _, zero_point = _pair(answer, -1.0, 2.0, 2)
    require(
        zero_point == 1,
        "With the levels -1, 0, 1, 2 as the codes 0, 1, 2, 3, the real number 0 has the "
        f"code 1. Received: {zero_point:g}.",
    )


@scale_and_zero_point.check
def zero_point_is_a_whole_number(answer):
    _, zero_point = _pair(answer, -1.0, 2.2, 3)
    require(
        float(zero_point).is_integer(),
        "The zero point is a code, so it is a whole number; rounded, the real number 0 is "
        f"met without an error. Received: {zero_point:g}.",
    )


@scale_and_zero_point.check
def equals_the_librarys_range(answer):
    for lowest, highest in RANGES:
        for bits in BITS:
            scale, zero_point = _pair(answer, lowest, highest, bits)
            expected = _scale_and_zero_point(lowest, highest, bits)
            require(
                np.isclose(scale, expected[0], rtol=CLOSE)
                and zero_point == expected[1],
                f"From {lowest:g} to {highest:g} with {bits} bits the scale is "
                f"{expected[0]:.6g} and the zero point {expected[1]}. Received: "
                f"{scale:.6g} and {zero_point:g}.",
            )


def _quantize(weights: Any, scale: float, zero_point: int, bits: int) -> Any:
    params = AffineParams(
        np.array([scale], np.float32), np.array([zero_point], np.uint8)
    )
    return library_quantize(weights, params, bits=bits, symmetric=False)


quantize = Exercise(
    "quantize",
    title="From weights to codes",
    points=2,
    hints=(
        "real = scale * (code - zero_point). Solve it for the code.",
        "`np.rint` rounds to the nearest whole number, halves to the even one. "
        "`np.clip(a, low, high)` sets what lies outside to the nearer end.",
        "np.clip(np.rint(weights / scale) + zero_point, 0, 2**bits - 1), and only then "
        ".astype(np.uint8)",
    ),
    reference=_quantize,
)


def _codes(answer: Any, weights: Any, scale: float, zero: int, bits: int) -> Any:
    codes = require_array(
        call(answer, weights, scale, zero, bits), shape=weights.shape, what="The codes"
    )
    require(
        codes.dtype.kind in "iu",
        f"Codes are integers. Received: the type {codes.dtype}. `.astype(np.uint8)` "
        "makes bytes of them.",
    )
    return codes.astype(np.int64)


@quantize.check
def makes_integers(answer):
    _codes(answer, np.array([0.0, 0.5, 1.0]), 0.5, 0, 4)


@quantize.check
def divides_by_the_scale(answer):
    codes = _codes(answer, np.array([0.0, 0.25, 0.5]), 0.25, 0, 4)
    require(
        codes.tolist() == [0, 1, 2],
        "With the scale 0.25, the weight 0.5 is two steps above 0. "
        f"Received for 0, 0.25 and 0.5: {codes.tolist()}.",
    )


@quantize.check
def adds_the_zero_point(answer):
    codes = _codes(answer, np.array([-0.5, 0.0, 0.5]), 0.5, 2, 4)
    require(
        codes.tolist() == [1, 2, 3],
        "With the zero point 2 the real number 0 has the code 2, and -0.5 with the scale "
        f"0.5 the code below it. Received: {codes.tolist()}.",
    )


@quantize.check
def rounds_to_the_nearest(answer):
    codes = _codes(answer, np.array([0.9, 1.1, 1.5, 2.5, -0.9]), 1.0, 5, 4)
    require(
        codes.tolist() == [6, 6, 7, 7, 4],
        "With the scale 1 and the zero point 5, the weights 0.9, 1.1, 1.5, 2.5 and -0.9 "
        "have the codes 6, 6, 7, 7 and 4 (halves go to the even step). Received: "
        f"{codes.tolist()}. Does anything cut off in place of rounding?",
    )


@quantize.check
def clamps_to_the_range(answer):
    codes = _codes(answer, np.array([-9.0, 300.0, 1.0]), 1.0, 0, 3)
    wrapped = 247 in codes or 44 in codes
    require(
        codes.tolist() == [0, 7, 1],
        "3 bits hold the codes 0 to 7: what lies outside becomes the nearer end. Of -9, "
        f"300 and 1 your function makes {codes.tolist()}."
        + (
            " As bytes they wrapped around: clip before you change the type."
            if wrapped
            else ""
        ),
    )


@quantize.check
def equals_the_librarys_codes(answer):
    for shape, seed in (((9, 7), 1), ((3, 3, 2, 5), 2)):
        weights = random_kernel(*shape, seed=seed)
        for bits in BITS:
            for lowest, highest in ((-1.2, 0.9), (-6.0, 2.0)):
                scale, zero = _scale_and_zero_point(lowest, highest, bits)
                codes = _codes(answer, weights, scale, zero, bits)
                expected = _quantize(weights, scale, zero, bits)
                require(
                    np.array_equal(codes, expected),
                    f"{np.count_nonzero(codes != expected)} of {weights.size} codes "
                    f"differ from the library's at {bits} bits, scale {scale:.4g}, zero "
                    f"point {zero}, for weights of shape {shape}.",
                )
