"""Lesson 05, the arithmetic: rounding in one line, an integer Dense, a multiplier."""

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


def _fake_quantize(x: Any, scale: float, zero_point: int, bits: int) -> Any:
    codes = np.clip(np.rint(x / scale) + zero_point, 0, 2**bits - 1)
    return scale * (codes - zero_point)


fake_quantize = Exercise(
    "fake_quantize",
    title="Fake quantization, in one line",
    points=1,
    hints=(
        "It is two formulas, one inside the other: into codes, and back to real numbers.",
        "np.clip(np.rint(x / scale) + zero_point, 0, 2**bits - 1) are the codes.",
        "scale * (codes - zero_point)",
    ),
    reference=_fake_quantize,
)


def _rounded(answer: Any, x: Any, scale: float, zero_point: int, bits: int) -> Any:
    return require_array(call(answer, x, scale, zero_point, bits), shape=x.shape)


@fake_quantize.check
def returns_real_numbers(answer):
    rounded = _rounded(answer, np.array([0.0, 0.26, 0.5]), 0.25, 0, 4)
    require(
        not np.allclose(rounded, [0, 1, 2]),
        "These are the codes 0, 1 and 2. Fake quantization goes back to what they stand "
        "for: 0, 0.25 and 0.5.",
    )
    require(
        np.allclose(rounded, [0, 0.25, 0.5]),
        "With the scale 0.25 the numbers 0, 0.26 and 0.5 become 0, 0.25 and 0.5. "
        f"Received: {rounded.tolist()}.",
    )


@fake_quantize.check
def leaves_zero_alone(answer):
    rounded = _rounded(answer, np.array([0.0, -0.5]), 0.5, 3, 4)
    require(
        np.allclose(rounded, [0, -0.5]),
        "0 stays 0 and -0.5, one step below it, stays -0.5, whatever the zero point. "
        f"Received: {rounded.tolist()}. What was added must be taken away again.",
    )


@fake_quantize.check
def stays_in_the_range(answer):
    rounded = _rounded(answer, np.array([-9.0, 9.0]), 1.0, 2, 3)
    require(
        np.allclose(rounded, [-2, 5]),
        "With 3 bits, the scale 1 and the zero point 2 the range ends at -2 and 5. -9 and "
        f"9 became {rounded.tolist()}: clip the codes to 0 .. 2**bits - 1.",
    )


@fake_quantize.check
def equals_the_librarys_rounding(answer):
    x = generator(0).normal(size=(5, 7, 2)) * 3
    for scale, zero_point, bits in ((0.03, 128, 8), (0.7, 2, 3), (0.21, 9, 4)):
        expected = _fake_quantize(x, scale, zero_point, bits)
        require(
            np.allclose(_rounded(answer, x, scale, zero_point, bits), expected),
            f"For {x.size} random numbers, scale {scale}, zero point {zero_point} and "
            f"{bits} bits some results differ. Round to the nearest: np.rint.",
        )


def _integer_dense(
    codes: Any, zero_point: int, kernel_codes: Any, bias: Any, steps: Any
) -> Any:
    shifted = codes.astype(np.int32) - np.int32(zero_point)
    bias_codes = np.rint(bias / steps).astype(np.int32)
    return shifted @ kernel_codes.astype(np.int32) + bias_codes


integer_dense = Exercise(
    "integer_dense",
    title="A Dense layer of integers",
    points=3,
    hints=(
        "real = scale * (code - zero_point): the product needs `code - zero_point`, not "
        "the code. And how many steps of the accumulator is the bias?",
        "A product of bytes that is kept in a byte wraps around at 256. Which type must "
        "both factors have before they are multiplied?",
        "(codes.astype(np.int32) - zero_point) @ kernel_codes.astype(np.int32) + "
        "np.rint(bias / steps).astype(np.int32)",
    ),
    reference=_integer_dense,
)
ONE = np.ones(1)


def _accumulated(
    answer: Any, codes: Any, zero: int, kernel: Any, bias: Any, steps: Any = ONE
) -> Any:
    steps = np.broadcast_to(steps, bias.shape).copy()
    sums = require_array(
        call(answer, codes, zero, kernel, bias, steps),
        shape=(codes.shape[0], kernel.shape[1]),
        what="The accumulator",
    )
    require(
        sums.dtype.kind == "i" and sums.dtype.itemsize >= 4,
        "The accumulator must be whole numbers of 32 bits (np.int32). Received: "
        f"{sums.dtype}. Is the bias a whole number of steps?",
    )
    return sums


@integer_dense.check
def is_all_integers(answer):
    codes, kernel = np.ones((2, 3), np.uint8), np.ones((3, 2), np.int8)
    _accumulated(answer, codes, 0, kernel, np.array([0.5, -3.0]), np.array([0.5]))


@integer_dense.check
def accumulates_in_32_bits(answer):
    codes, kernel = np.full((1, 100), 200, np.uint8), np.full((100, 2), 100, np.int8)
    sums = _accumulated(answer, codes, 0, kernel, np.zeros(2))
    require(
        sums.tolist() == [[2_000_000, 2_000_000]],
        "100 products of 200 and 100 add up to 2,000,000. Received: "
        f"{sums[0, 0]:,}. If something was kept in too few bits, it wrapped around: make "
        "int32 of the codes before you multiply.",
    )


@integer_dense.check
def subtracts_the_zero_point(answer):
    codes, kernel = np.full((1, 3), 10, np.uint8), np.array([[1, 2]] * 3, np.int8)
    sums = _accumulated(answer, codes, 10, kernel, np.array([7.0, 8.0]))
    require(
        sums.tolist() == [[7, 8]],
        "Inputs whose code is the zero point are 0, so only the bias is left: 7 and 8. "
        f"Received: {sums[0].tolist()}.",
    )


@integer_dense.check
def takes_codes_below_the_zero_point(answer):
    codes, kernel = np.array([[3, 250]], np.uint8), np.array([[1], [0]], np.int8)
    sums = _accumulated(answer, codes, 128, kernel, np.zeros(1))
    require(
        sums[0, 0] == -125,
        "The code 3 with the zero point 128 stands for -125 steps. Received: "
        f"{sums[0, 0]}: a uint8 cannot be negative.",
    )


@integer_dense.check
def counts_the_bias_in_steps(answer):
    codes, kernel = np.zeros((1, 2), np.uint8), np.ones((2, 3), np.int8)
    bias, steps = np.array([1.0, -1.0, 0.3]), np.array([0.25, 0.125, 0.25])
    sums = _accumulated(answer, codes, 0, kernel, bias, steps)
    require(
        sums.tolist() == [[4, -8, 1]],
        "In steps of 0.25, 0.125 and 0.25 the biases 1, -1 and 0.3 are 4, -8 and 1 "
        f"(rounded to the nearest). Received: {sums[0].tolist()}.",
    )


@integer_dense.check
def equals_the_sums_of_products(answer):
    random = generator(2)
    for rows, inputs, outputs, zero in ((4, 30, 7, 0), (3, 300, 5, 131)):
        codes = random.integers(0, 256, (rows, inputs)).astype(np.uint8)
        kernel = random.integers(-127, 128, (inputs, outputs)).astype(np.int8)
        bias, steps = random.normal(size=outputs), random.uniform(1e-4, 0.01, outputs)
        sums = _accumulated(answer, codes, zero, kernel, bias, steps)
        require(
            np.array_equal(sums, _integer_dense(codes, zero, kernel, bias, steps)),
            f"For {rows} x {inputs} inputs, {outputs} outputs and the zero point {zero} "
            "some sums differ: (code - zero point) times kernel code, summed over the "
            "inputs, plus the bias in whole steps.",
        )


def _fixed_point(multiplier: float) -> tuple[int, int]:
    mantissa, exponent = np.frexp(multiplier)
    whole = round(float(mantissa) * 2**31)
    shift = 31 - int(exponent)
    return (whole // 2, shift - 1) if whole == 2**31 else (whole, shift)


fixed_point = Exercise(
    "fixed_point",
    title="★ A multiplication without floats",
    points=3,
    hints=(
        "Double the multiplier until it is at least 2**30, and count how often.",
        "The product may round up to 2**31, one too many for 31 bits. Which pair stands "
        "for the number then?",
    ),
    reference=_fixed_point,
)
MULTIPLIERS = (0.5, 0.75, 0.25, 1e-4, 0.0037, 0.999, 1 - 1e-12, 2.0**-40, 0.3)


def _multiplier(answer: Any, multiplier: float) -> tuple[int, int]:
    pair = call(answer, multiplier)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        f"Return two whole numbers, `mantissa, shift`. Received: {pair!r}.",
    )
    mantissa, shift = (require_number(number) for number in pair)
    require(
        mantissa.is_integer() and shift.is_integer(),
        f"Both must be whole numbers. Received: {pair!r}.",
    )
    return int(mantissa), int(shift)


@fixed_point.check
def stands_for_the_multiplier(answer):
    for multiplier in MULTIPLIERS:
        mantissa, shift = _multiplier(answer, multiplier)
        value = mantissa / 2.0**shift
        require(
            abs(value / multiplier - 1) < 1e-3,
            f"{multiplier:g} became {mantissa} / 2**{shift} = {value:.6g}.",
        )


@fixed_point.check
def uses_all_31_bits(answer):
    for multiplier in MULTIPLIERS:
        mantissa, shift = _multiplier(answer, multiplier)
        require(
            2**30 <= mantissa < 2**31,
            f"For {multiplier!r} the mantissa {mantissa} (shift {shift}) is not from "
            "2**30 to 2**31 - 1: a smaller one wastes digits, a larger one does not fit.",
        )


@fixed_point.check
def is_the_nearest(answer):
    for multiplier in MULTIPLIERS:
        received, expected = _multiplier(answer, multiplier), _fixed_point(multiplier)
        require(
            received == expected,
            f"The pair nearest to {multiplier!r} is {expected}. Received: {received}. "
            "Round the mantissa to the nearest whole number.",
        )
