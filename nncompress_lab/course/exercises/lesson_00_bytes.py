"""Lesson 00, the exercise with a star: bytes of numbers shorter than a byte."""

import math
from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_number


def _bytes_needed(arrays: list[Any], bits: int) -> int:
    return sum(math.ceil(array.size * bits / 8) for array in arrays)


bytes_needed = Exercise(
    "bytes_needed",
    title="★ Bytes of short numbers",
    points=2,
    hints=(
        "How many bits does one array need, and how many bytes hold so many bits? Try 3 "
        "numbers of 3 bits on paper.",
        "A byte has 8 bits, and a byte that is begun counts. Where does the next array "
        "begin?",
    ),
    reference=_bytes_needed,
)


def _bytes(answer: Any, arrays: list[Any], bits: int) -> float:
    return require_number(call(answer, arrays, bits), what="The number of bytes")


@bytes_needed.check
def counts_bytes_not_bits(answer):
    received = _bytes(answer, [np.zeros((3, 4))], 8)
    require(
        received == 12,
        f"12 numbers of 8 bits take 12 bytes: a byte has 8 bits. Received: {received:g}.",
    )


@bytes_needed.check
def packs_short_numbers(answer):
    received = _bytes(answer, [np.zeros((3, 4))], 4)
    require(
        received == 6,
        "Two numbers of 4 bits share a byte, so 12 of them take 6 bytes. Received: "
        f"{received:g}.",
    )


@bytes_needed.check
def rounds_up(answer):
    received = _bytes(answer, [np.zeros(3)], 3)
    require(
        received == 2,
        f"3 numbers of 3 bits are 9 bits, which need 2 bytes. Received: {received:g}.",
    )


@bytes_needed.check
def begins_each_array_at_a_byte(answer):
    received = _bytes(answer, [np.zeros(3), np.zeros((1, 5))], 4)
    require(
        received == 5,
        "12 bits need 2 bytes and 20 bits need 3. The second array begins at a whole "
        f"byte, so together they take 5. Received: {received:g}.",
    )


@bytes_needed.check
def counts_every_kind_of_array(answer):
    rng = generator(1)
    shapes = [(), *(tuple(rng.integers(1, 9, size=axes).tolist()) for axes in range(5))]
    arrays = [np.zeros(shape) for shape in shapes]
    for bits in (1, 3, 8, int(rng.integers(9, 32)), 32):
        received, expected = _bytes(answer, arrays, bits), _bytes_needed(arrays, bits)
        require(
            received == expected,
            f"Arrays of the shapes {shapes} take {expected} bytes "
            f"at {bits} bits. Received: {received:g}.",
        )
