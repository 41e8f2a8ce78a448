"""Lesson 11: all codes of a layer in one number, and how they come out again."""

from typing import Any, Final

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, Mistake, call, require
from nncompress_lab.course.wording import in_words

# How many symbols are written, and how often each of them is said to occur.
DRAWN: Final = (
    (60, [1, 5, 2]),
    (200, [120, 3, 1, 4]),
    (45, [2, 1, 1, 7, 3, 2]),
    (30, [9, 0, 4]),
)


def written(symbols: list[int], counts: list[int]) -> int:
    """One number that holds all symbols; the last one is written first."""
    starts = [sum(counts[:symbol]) for symbol in range(len(counts))]
    number = 0
    for symbol in reversed(symbols):
        whole, rest = divmod(number, counts[symbol])
        number = whole * sum(counts) + starts[symbol] + rest
    return number


def _read_number(number: int, counts: list[int], length: int) -> list[int]:
    covered = [
        symbol for symbol, count in enumerate(counts) for _ in range(count)
    ]  # the symbol of each remainder
    found = []
    for _ in range(length):
        whole, rest = divmod(number, len(covered))
        symbol = covered[rest]
        number = whole * counts[symbol] + rest - covered.index(symbol)
        found.append(symbol)
    return found


read_number = Exercise(
    "read_number",
    title="★ Read a layer out of one number",
    points=3,
    hints=(
        "The symbol that was written last comes out first. Which part of the number tells "
        "which symbol that was: its remainder by what?",
        "`number % sum(counts)` lies in the share of one symbol: from its start on, as "
        "many numbers as its count. What was added to the whole part is that remainder.",
        "whole, rest = divmod(number, total); find the symbol whose share holds rest; then "
        "number = whole * counts[symbol] + rest - start of that symbol. And again.",
    ),
    reference=_read_number,
)


def _read(answer: Any, symbols: list[int], counts: list[int]) -> list[int]:
    number = written(symbols, counts)
    try:
        found = call(answer, number, counts, len(symbols))
    except OverflowError as error:
        raise Mistake(
            f"{error}: a number here has {number.bit_length()} bits, and floats and "
            "NumPy's integers hold 64. Make `int(...)` of what NumPy gives, such as a sum "
            "or a place, and divide with // and %."
        ) from error
    found = found.tolist() if isinstance(found, np.ndarray) else found
    whole = isinstance(found, list | tuple) and all(
        isinstance(each, int | np.integer) and not isinstance(each, bool)
        for each in found
    )
    require(
        whole and len(found) == len(symbols),
        f"Return a list of as many symbols as `length` says, {len(symbols)}, each a whole "
        f"number. Received: {in_words(found)}.",
    )
    return [int(each) for each in found]


@read_number.check
def reads_one_symbol(answer):
    for symbol in (0, 1, 2):
        found = _read(answer, [symbol], [2, 3, 1])
        number = written([symbol], [2, 3, 1])
        require(
            found == [symbol],
            "With the counts [2, 3, 1] the remainders by 6 belong to the symbols 0, 0, 1, "
            f"1, 1, 2. The number {number} holds the one symbol {symbol}. Received: "
            f"{found}.",
        )


@read_number.check
def reads_equal_counts_like_digits(answer):
    found = _read(answer, [3, 0, 7, 5], [1] * 10)
    require(
        found != [5, 7, 0, 3],
        "The order is turned round: the symbol that comes out first is the first.",
    )
    require(
        found == [3, 0, 7, 5],
        "Ten symbols with the count 1 are digits: the number is 5703, and what comes out "
        f"first is its last digit. Received: {found}.",
    )


@read_number.check
def puts_the_rest_back(answer):
    symbols, counts = [1, 1, 0, 1, 2, 1], [2, 3, 1]
    found = _read(answer, symbols, counts)
    right = next(
        (
            place
            for place, pair in enumerate(zip(found, symbols, strict=True))
            if pair[0] != pair[1]
        ),
        len(symbols),
    )
    require(
        right == len(symbols),
        f"{symbols} was written with the counts {counts}. The first {right} symbols are "
        f"right, then you read {found[right:]}. The number that is left is not the one "
        "that was there before: its part of the remainder must come back, too.",
    )


@read_number.check
def reads_any_symbols(answer):
    for stream, (length, counts) in enumerate(DRAWN):
        shares = np.array(counts) / sum(counts)
        drawn = generator(40 + stream).choice(len(counts), size=length, p=shares)
        symbols = drawn.tolist()
        found = _read(answer, symbols, counts)
        require(
            found == symbols,
            f"{length} symbols with the counts {counts}: "
            f"{sum(map(int.__eq__, found, symbols))} of them are right. Numbers of Python "
            "are exact however long they are, as long as no float and no NumPy integer "
            "comes in: divide with // and %.",
        )
