"""The rate at which something takes as many bits as it may, found by trying."""

import math
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

FIRST_RATE: Final = 1e-8
TRIES: Final = 8
NEAR: Final = 0.01  # how near to the bits is near enough, as a share of them
FARTHEST: Final = 3.5  # by what the logarithm of a rate may differ from the one before
BEYOND: Final = 1.1  # of the way that the last two tries promise, to come out beyond
MARGIN: Final = 0.1  # of the way between two rates, which the next one keeps from both

Made = TypeVar("Made")


class Tried(NamedTuple):
    """A rate, and the bits of a weight at it."""

    log_rate: float
    bits: float


def made_of_bits(
    make: Callable[[float], Made],
    bits_of: Callable[[Made], float],
    bits: float,
    *,
    at_most: bool = False,
) -> tuple[Made, float]:
    """What takes about as many bits as wanted, by one rate after the other.

    Args:
        make: Makes it at a rate: the larger, the fewer bits.
        bits_of: What a weight of it takes on average.
        bits: What that is to be.
        at_most: Whether more than that is too much, so that less is better than a bit
            more.

    Returns:
        What was made with the nearest number of bits of at most `TRIES` tries, or with
        the fewest if `at_most` and all have too many; and that number.

    Example:
        >>> made, bits = made_of_bits(lambda rate: -math.log(rate), float, 9.0)
        >>> round(bits, 1)
        9.0
    """
    low, high = ((1 - NEAR) * bits, bits if at_most else (1 + NEAR) * bits)
    tried: list[Tried] = []
    best: tuple[tuple[bool, float], Made, float] | None = None
    log_rate = math.log(FIRST_RATE)
    while best is None or len(tried) < TRIES:
        made = make(math.exp(log_rate))
        found = bits_of(made)
        tried.append(Tried(log_rate, found))
        badness = (at_most and found > bits, abs(found - bits))
        if best is None or badness < best[0]:
            best = badness, made, found
        following = _next(tried, (low + high) / 2)
        if low <= found <= high or following is None:
            break
        log_rate = following
    return best[1:]


def _next(tried: list[Tried], bits: float) -> float | None:
    """Between those that have more and fewer bits, or beyond the last one.

    Returns:
        The logarithm of a rate; None where no rate changes anything any more.
    """
    more = max((one for one in tried if one.bits > bits), default=None)
    fewer = min((one for one in tried if one.bits <= bits), default=None)
    if more is not None and fewer is not None:
        share = math.log(more.bits / bits) / math.log(more.bits / fewer.bits)
        share = max(MARGIN, min(1 - MARGIN, share))
        return more.log_rate + share * (fewer.log_rate - more.log_rate)
    last = tried[-1]
    # A first guess: four times the rate takes one bit off where there are many, and half
    # of them where there are few.
    step = math.log(4) * (last.bits - bits) / min(last.bits, bits, 1.0)
    if tried[1:]:
        before = tried[-2]
        turn = math.log(last.bits / before.bits) / (last.log_rate - before.log_rate)
        if turn == 0:
            return None
        steep = 1 / turn if turn < 0 else -math.inf
        step = BEYOND * math.log(bits / last.bits) * steep
    return last.log_rate + max(-FARTHEST, min(FARTHEST, step))
