"""Lesson 06, second part: what codes and tables cost, and when a table pays."""

from typing import Any

import numpy as np

from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.course.exercises.lesson_06_values import CLOSE, random_weights


def _code_bytes(codes: Any, bits: int) -> tuple[int, float]:
    counts = np.bincount(codes.ravel())
    shares = counts[counts > 0] / codes.size
    entropy = -np.sum(shares * np.log2(shares))
    table = 4 * 2**bits
    stored = -(-codes.size * bits // 8) + table
    return stored, codes.size * entropy / 8 + table


code_bytes = Exercise(
    "code_bytes",
    title="What the codes cost, and what they would have to",
    points=2,
    hints=(
        "Two numbers. The first: all codes in `bits` bits each, rounded up to whole bytes, "
        "and four bytes for each of the `2**bits` values of the table.",
        "The second: `np.bincount(codes.ravel())` says how often each code occurs. Divide "
        "by the number of codes, and leave out those that are 0: log2(0) is not a number.",
        "entropy = -np.sum(shares * np.log2(shares)); least = codes.size * entropy / 8 + "
        "4 * 2**bits",
    ),
    reference=_code_bytes,
)


def _bytes(answer: Any, codes: Any, bits: int) -> tuple[Any, Any]:
    with np.errstate(all="ignore"):  # of the logarithm of 0
        pair = call(answer, codes, bits)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        f"Return two numbers, `stored, least`. Received: {pair!r}.",
    )
    return pair[0], pair[1]


def _stored(answer: Any, codes: Any, bits: int) -> float:
    return require_number(_bytes(answer, codes, bits)[0], what="The stored bytes")


def _least(answer: Any, codes: Any, bits: int) -> float:
    return require_number(_bytes(answer, codes, bits)[1], what="The least bytes")


@code_bytes.check
def packs_the_codes_without_gaps(answer):
    stored = _stored(answer, np.tile(np.arange(4), (8, 1)), 2)
    require(
        stored != 32 + 16,
        "32 codes of 2 bits are 64 bits, 8 bytes. You took a whole byte for each code.",
    )
    require(stored != 64 + 16, "32 codes of 2 bits are 64 bits, and that is 8 bytes.")
    require(
        stored != 8 + 4,
        "The values of the table are float32, four bytes each, and there are four.",
    )
    require(
        stored == 8 + 16,
        "32 codes of 2 bits are 8 bytes, and a table of four float32 values 16: together "
        f"24. Received: {stored:g}.",
    )


@code_bytes.check
def counts_the_whole_table(answer):
    stored = _stored(answer, np.array([0, 1, 0, 1, 0, 1, 0, 1]), 4)
    require(
        stored == 4 + 64,
        "Eight codes of 4 bits, of which 0 and 1 occur: 4 bytes, and 64 for the table. It "
        f"is stored with all of its 2**4 values. Received: {stored:g}.",
    )


@code_bytes.check
def rounds_up_to_whole_bytes(answer):
    stored = _stored(answer, np.array([0, 3, 7]), 3)
    require(
        stored == 2 + 32,
        "Three codes of 3 bits are 9 bits, and 9 bits need 2 bytes; with the table of "
        f"eight values 34. Received: {stored:g}.",
    )


@code_bytes.check
def measures_the_entropy_in_bits(answer):
    least = _least(answer, np.array([0, 0, 0, 0, 1, 1, 2, 3]), 2)
    require(
        not np.isclose(least, 1.75 * np.log(2) + 16, rtol=CLOSE),
        "That is the entropy in units of the natural logarithm; for bits take `np.log2`.",
    )
    require(
        not np.isclose(least, 14 + 16, rtol=CLOSE),
        "The eight codes need 14 bits: divide by 8.",
    )
    require(
        not np.isclose(least, 16 - 1.75, rtol=CLOSE),
        "The logarithm of a share is negative, so the sum needs a minus sign in front.",
    )
    require(
        not np.isclose(least, 1.75, rtol=CLOSE),
        "The table is needed in both cases: 16 bytes are missing from the second number.",
    )
    require(
        np.isclose(least, 1.75 + 16, rtol=CLOSE),
        "Of eight codes half are 0, a quarter 1, and 2 and 3 an eighth each: 1, 2, 3 and 3 "
        "bits, on average 1.75, which makes 1.75 bytes for eight codes, and 16 for the "
        f"table. Received: {least:g}.",
    )


@code_bytes.check
def leaves_out_codes_that_do_not_occur(answer):
    _, least = _bytes(answer, np.array([0, 0, 5, 5]), 3)
    require(
        not (isinstance(least, float | np.floating) and np.isnan(least)),
        "With the codes 0 and 5 only, the least bytes are not a number: a code that does "
        "not occur has the share 0, and 0 * log2(0) cannot be computed. Leave such codes "
        "out.",
    )
    least = require_number(least, what="The least bytes")
    require(
        np.isclose(least, 0.5 + 32, rtol=CLOSE),
        "Of eight codes only 0 and 5 occur, equally often: 1 bit for each of the four "
        f"weights, half a byte, and 32 bytes of table. Received: {least:g}.",
    )


@code_bytes.check
def is_right_for_any_codes(answer):
    for shape, bits, seed in (((9, 7), 3, 8), ((3, 3, 2, 5), 5, 9), ((1001,), 8, 10)):
        spread = np.abs(random_weights(*shape, seed=seed))
        codes = np.floor(spread / spread.max() * (2**bits - 1)).astype(np.uint8)
        received = _stored(answer, codes, bits), _least(answer, codes, bits)
        expected = _code_bytes(codes, bits)
        require(
            np.allclose(received, expected, rtol=CLOSE),
            f"For {codes.size} codes of {bits} bits, shape {shape}, it is {expected[0]} "
            f"bytes as stored and {expected[1]:.1f} at the least. Received: "
            f"{received[0]:g} and {received[1]:.1f}.",
        )


def _fewest_weights(bits: int, rival_bits: int) -> int:
    return -(-32 * int(2**bits) // (rival_bits - bits))


fewest_weights = Exercise(
    "fewest_weights",
    title="When does a table for each channel pay?",
    points=2,
    hints=(
        "A channel of n weights costs n * bits for the codes and 32 * 2**bits for its "
        "table. The rival costs n * rival_bits. For which n are both equal?",
        "n = 32 * 2**bits / (rival_bits - bits), and then up to the next whole number.",
        "`-(-a // b)` divides whole numbers and rounds up.",
    ),
    reference=_fewest_weights,
)


def _weights(answer: Any, bits: int, rival_bits: int) -> float:
    count = require_number(call(answer, bits, rival_bits), what="The number of weights")
    require(count > 0, f"The number of weights is above 0. Received: {count:g}.")
    return count


@fewest_weights.check
def measures_all_in_bits(answer):
    count = _weights(answer, 3, 8)  # 256 / 5, up to 52

    def near(wrong: float) -> bool:
        return abs(count - wrong) <= 1

    found = f"At 3 bits against 8 you find {count:g} weights. "
    require(
        not near(32 / 5),
        f"{found}A table of eight values has 32 bytes, and each weight saves 5 bits. "
        "Put both into bits.",
    )
    require(
        not near(24 / 5),
        f"{found}A value of the table is a float32, 32 bits; a code has 3.",
    )
    require(not near(96 / 5), f"{found}A table has 2**bits values, here 8, and not 3.")
    require(
        not near(256 / 8),
        f"{found}A weight still costs its own 3 bits: it saves only the difference.",
    )
    require(
        near(256 / 5),
        f"{found}A table of eight float32 values has 256 bits, and each weight saves 5 of "
        "them: 51.2, so 52 weights.",
    )


@fewest_weights.check
def pays_at_the_very_break_even(answer):
    count = _weights(answer, 2, 3)
    require(
        count != 129,
        "With 128 weights both cost the same, and that is enough. Received: 129.",
    )
    require(
        count == 128,
        "At 2 bits against 3, a table of four values has 128 bits, and each weight saves "
        f"1: 128 weights. Received: {count:g}.",
    )


@fewest_weights.check
def rounds_up_to_a_whole_weight(answer):
    count = _weights(answer, 4, 32)
    require(
        float(count).is_integer(),
        f"There are no parts of weights. Received: {count:g}.",
    )
    require(
        count == 19,
        "At 4 bits against float32 the break-even is at 18.3 weights. 18 cost more with a "
        f"table than without, so it takes 19. Received: {count:g}.",
    )


@fewest_weights.check
def holds_for_all_widths(answer):
    for bits in range(1, 9):
        for rival in (bits + 1, bits + 3, 16, 32):
            count, expected = (
                _weights(answer, bits, rival),
                _fewest_weights(bits, rival),
            )
            require(
                count == expected,
                f"At {bits} bits against {rival} it takes {expected} weights. Received: "
                f"{count:g}.",
            )
