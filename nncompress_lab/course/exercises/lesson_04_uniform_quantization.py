"""Lesson 04, second half: packed codes, a whole model, and a range chosen by its error."""

from typing import Any

import numpy as np

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
    require_array,
    require_number,
)
from nncompress_lab.course.exercises.lesson_04_channels import channel_scales
from nncompress_lab.course.exercises.lesson_04_levels import (
    BITS,
    quantize,
    random_kernel,
    scale_and_zero_point,
)
from nncompress_lab.quantization.arrays.affine import integer_range
from nncompress_lab.quantization.arrays.bitpacking import pack_bits
from nncompress_lab.quantization.uniform_quantization import UniformQuantization
from nncompress_lab.trials.goal import Goal

GOAL = Goal(packed_bytes=160_000, accuracy_drop=0.01)
ENOUGH = 1.002  # times the least error: a finer search may find other ranges


def _pack_nibbles(codes: Any) -> Any:
    return pack_bits(np.asarray(codes, np.uint8), bits=4)[: -(-codes.size // 2)]


pack_nibbles = Exercise(
    "pack_nibbles",
    title="Two codes in a byte",
    points=2,
    hints=(
        "`codes[0::2]` are the first, third, ... codes and `codes[1::2]` the others. A "
        "code in the upper half counts sixteenfold.",
        "For an odd number of codes one upper half is missing: put a 0 behind the codes "
        "before you split them.",
        "codes = np.append(codes, 0) if codes.size % 2 else codes; then "
        "codes[0::2] + 16 * codes[1::2], as np.uint8",
    ),
    reference=_pack_nibbles,
)


def _packed(answer: Any, codes: list[int]) -> list[int]:
    given = np.array(codes, np.uint8)
    packed = call(answer, given)
    require(
        isinstance(packed, np.ndarray) and packed.dtype == np.uint8,
        "Return an array of bytes, np.uint8. Received: "
        f"{getattr(packed, 'dtype', type(packed).__name__)}.",
    )
    array = require_array(packed, shape=(-(-given.size // 2),), what="The bytes")
    return [int(byte) for byte in array]


@pack_nibbles.check
def makes_half_as_many_bytes(answer):
    _packed(answer, [1, 2, 3, 4])


@pack_nibbles.check
def puts_the_first_code_into_the_low_half(answer):
    received = _packed(answer, [1, 2, 15, 0])
    require(
        received != [18, 240],
        "The halves are the other way round: the first code of a pair is the low half, "
        "so 1 and 2 make 1 + 16 * 2 = 33. Received: 18.",
    )
    require(
        received == [33, 15],
        "The codes 1 and 2 make the byte 1 + 16 * 2 = 33, and 15 and 0 make 15. Received: "
        f"{received}.",
    )


@pack_nibbles.check
def fills_an_odd_end(answer):
    received = _packed(answer, [7, 9, 5])
    require(
        received == [151, 5],
        "Of three codes the last stands alone in its byte, with 0 in the upper half: 7, "
        f"9 and 5 make 151 and 5. Received: {received}.",
    )


@pack_nibbles.check
def equals_the_librarys_bytes(answer):
    for count, seed in ((64, 1), (101, 2), (1, 3)):
        codes = generator(seed).integers(0, 16, count).tolist()
        expected = _pack_nibbles(np.array(codes, np.uint8)).tolist()
        require(
            _packed(answer, codes) == expected,
            f"For {count} random codes the bytes differ from the library's.",
        )


chosen_quantization = chosen(
    "chosen_quantization",
    example="ncl.UniformQuantization(bits=4)",
    hints=(
        "The file must be about a fifth of the original's: how many bits is that?",
        "At 3 bits the largest weight decides the scale of all others. Does every weight "
        "have to be in the range?",
        'ncl.UniformQuantization(bits=3, granularity="per_tensor", clipping="mse")',
    ),
    reference=UniformQuantization(bits=3, granularity="per_tensor", clipping="mse"),
)
require_goal(
    chosen_quantization,
    GOAL,
    remarks={
        "packed_bytes": "Fewer bits make fewer bytes.",
        "accuracy_drop": "Which range do the integers cover?",
    },
)


why_not_faster = choice(
    "why_not_faster",
    title="Why is Keras not faster?",
    hints=(
        "Which numbers does the layer multiply: the codes, or what they stand for?",
        "Something must turn 3-bit codes into what the processor can multiply, before the "
        "layer is of any use.",
    ),
    options={
        "a": Option(
            "The layer decodes the codes to floats and multiplies the floats.",
            "Yes. The file shrinks, the arithmetic stays: a layer decodes its codes when "
            "it is first used, and multiplies floats as before. Integers all the way, "
            "weights and activations, are the next lesson.",
            right=True,
        ),
        "b": Option(
            "Integer multiplications are slower than float ones.",
            "On today's processors they are faster, where a runtime uses them, as ONNX "
            "Runtime did above. Keras uses none: look at what the layer multiplies.",
        ),
        "c": Option(
            "A model of 430,000 weights is too small for any speedup.",
            "With half of its channels removed this very model is nearly twice as fast, so "
            "it is not too small for that.",
        ),
        "d": Option(
            "The timing is too noisy to see the speedup.",
            "On a calm machine the band of the noise is small, and there is no speedup "
            "either. Look at what the layer multiplies.",
        ),
    },
)


def _best_range(weights: Any, bits: int) -> float:
    largest = float(np.abs(weights).max())
    candidates = np.linspace(0, largest, 501)[1:]
    errors = [range_error(weights, candidate, bits) for candidate in candidates]
    return float(candidates[int(np.argmin(errors))])


def range_error(weights: Any, reach: float, bits: int) -> float:
    """The squared error of rounding to symmetric levels from -reach to reach, summed."""
    _, qmax = integer_range(bits=bits, symmetric=True)
    scale = reach / qmax
    rounded = scale * np.clip(np.rint(weights / scale), -qmax, qmax)
    return float(np.sum((weights - rounded) ** 2, dtype=np.float64))


best_range = Exercise(
    "best_range",
    title="★ The range with the least error",
    points=2,
    hints=(
        "A range gives a scale, a scale gives levels, levels give errors: write that chain "
        "for one range first.",
        "Then try many ranges. Which one is too wide for certain?",
    ),
    reference=_best_range,
)


def _range(answer: Any, weights: Any, bits: int) -> float:
    reach = require_number(call(answer, weights, bits), what="The range")
    require(reach > 0, f"The range is a magnitude above 0. Received: {reach:g}.")
    return reach


@best_range.check
def is_a_range_and_not_a_scale(answer):
    weights = np.array([-1.0, -1.0, 1.0, 1.0])
    reach = _range(answer, weights, 4)
    require(
        range_error(weights, reach, 4) < 1e-3,
        "Weights of -1 and 1 are met without an error by the range 1. Received: "
        f"{reach:g}. (The range is the largest level, not the distance of two.)",
    )


@best_range.check
def leaves_an_outlier_outside(answer):
    weights = np.append(random_kernel(40, 5, seed=11).ravel(), 60.0)
    reach, best = _range(answer, weights, 4), _best_range(weights, 4)
    require(
        reach < 59,
        "200 weights lie below 16 in magnitude and one at 60. A range up to 60 leaves the "
        f"200 hardly a level; the least error has a range of {best:.3g}.",
    )


@best_range.check
def depends_on_the_bits(answer):
    weights = generator(12).normal(size=4000)
    coarse, fine = (_range(answer, weights, bits) for bits in BITS)
    require(
        coarse < 0.9 * fine,
        "With few levels it pays to clip more: the range at 3 bits is smaller than the "
        f"one at 8 bits. Received: {coarse:.3g} and {fine:.3g}.",
    )


@best_range.check
def has_the_least_error(answer):
    for seed, bits, size in ((13, 2, 1), (14, 3, 0.01), (15, 4, 1), (16, 6, 0.2)):
        weights = size * random_kernel(60, 7, seed=seed)
        signs = {3: 1.0, 4: -1.0}.get(bits)  # all of one sign, or mixed
        weights = np.abs(weights) * signs if signs else weights
        reach = _range(answer, weights, bits)
        error = range_error(weights, reach, bits)
        least = range_error(weights, _best_range(weights, bits), bits)
        require(
            error <= ENOUGH * least,
            f"At {bits} bits your range {reach:.3g} has {error / least:.2f} times the "
            "least squared error. Try more ranges, and take the error of the values that "
            "are clipped into account.",
        )


EXERCISES = (
    scale_and_zero_point,
    quantize,
    channel_scales,
    pack_nibbles,
    chosen_quantization,
    why_not_faster,
    best_range,
)
