"""Random inputs for checks: fresh ones for each answer, the same again for one seed."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

SEEDS = 1_000_000


@dataclass
class Draw:
    """What one grading draws.

    Args:
        seed: All of it follows from this number.
        used: Whether a check drew anything.
    """

    seed: int
    used: bool = False


_current: ContextVar[Draw | None] = ContextVar("drawing", default=None)


@contextmanager
def drawing(seed: int | None) -> Iterator[Draw]:
    """Let the checks in the block draw; without a seed from one that nobody knows."""
    draw = Draw(secrets.randbelow(SEEDS) if seed is None else seed)
    token = _current.set(draw)
    try:
        yield draw
    finally:
        _current.reset(token)


def generator(stream: int) -> np.random.Generator:
    """Random numbers for a check: for one grading and stream always the same.

    Args:
        stream: Inputs of different streams have nothing to do with each other.
    """
    draw = _current.get() or Draw(seed=0)
    draw.used = True
    return np.random.default_rng((draw.seed, stream))
