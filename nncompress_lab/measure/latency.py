"""Latency that a busy machine cannot fake: minima over interleaved blocks.

Other work on the machine makes a run slower, never faster, so the minimum is the steadiest
figure there is. All candidates take turns in short blocks, so that each sees the same
disturbances. The first candidate runs twice, as itself and as its own twin: what the two
differ by, though they are the same, is noise, and a change within it is none.

A GPU works while Python goes on. What is timed there has to wait for it; the runs of
`forward` and `time_on_devices` do.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nncompress_lab.errors import check_named
from nncompress_lab.measure.tables import Cell, Table

Run = Callable[[], object]
ROUNDS = 24
BLOCK_SECONDS = 0.008
# So short that a busy machine interrupts few: the fastest piece of a block counts.
PIECE_SECONDS = 0.001
LEAST_BAND = 0.02  # where a model happens to lie in memory alone moves it by 1 %


@dataclass(frozen=True)
class Race:
    """What `race` measured.

    Args:
        milliseconds: The latency of each candidate, in the order of the race.
        band: The noise, as a fraction: 0.03 means that up to 1.03 times faster or
            slower is no measurable change.
        rounds: Blocks behind each minimum; None if that is not known.
        threads: How many each candidate was given; None if that is not known.
        batch_size: Examples in one run; None if that is not known.
    """

    milliseconds: dict[str, float]
    band: float
    rounds: int | None = None
    threads: int | None = None
    batch_size: int | None = None

    def speedup(self, name: str) -> float:
        """Latency of the first candidate divided by that of `name`; above 1 is faster."""
        first = next(iter(self.milliseconds.values()))
        return first / self.milliseconds[name]

    def verdict(self, name: str) -> str:
        """In words: how much faster or slower, or `"no measurable change"`."""
        ratio = self.speedup(name)
        if max(ratio, 1 / ratio) - 1 <= self.band:
            return "no measurable change"
        return f"{ratio:.2f}x faster" if ratio > 1 else f"{1 / ratio:.2f}x slower"

    def __repr__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        first = next(iter(self.milliseconds))
        rows = [
            [Cell(name), Cell(f"{value:.3g} ms"), Cell(self._against(first, name))]
            for name, value in self.milliseconds.items()
        ]
        return Table(["", "time", f"against {first}"], rows, [self._conditions()])

    def _conditions(self) -> str:
        known = [
            self.rounds and f"minimum over {self.rounds} interleaved blocks",
            self.threads and f"threads: {self.threads}",
            self.batch_size and f"batch: {self.batch_size}",
            f"noise of this race: ±{100 * self.band:.1f} %",
        ]
        return "; ".join(one for one in known if one)

    def _against(self, first: str, name: str) -> str:
        return "" if name == first else self.verdict(name)


def race(
    candidates: dict[str, Callable[[], Run]],
    *,
    rounds: int = ROUNDS,
    threads: int | None = None,
    batch_size: int | None = None,
) -> Race:
    """Time several ways of doing something against each other.

    Args:
        candidates: For each name a function that prepares it and returns what is to be
            timed. The first is the one that the others are compared with; it is
            prepared twice.
        rounds: Blocks of each candidate, at least 4.
        threads: How many each candidate was given. This and the next are what the
            result says about itself; a race can set neither.
        batch_size: Examples in one run.

    Returns:
        The minimum of the mean time of a piece of a block, about a millisecond or one
        call, for each candidate, and the noise: the largest of the twins' difference, of
        the difference between the minima of the odd and the even blocks of one
        candidate, and of 2 %.

    Raises:
        ValueError: If there is no candidate or there are fewer than 4 rounds.
        TypeError: If what a candidate returns cannot be called.

    Example:
        >>> result = race({"a": lambda: sum([1, 2]).__str__, "b": lambda: "x".upper})
        >>> sorted(result.milliseconds)
        ['a', 'b']
    """
    check_named("candidates", candidates)
    if not candidates or rounds < 4:
        raise ValueError(
            "A race needs at least one candidate and 4 rounds. Received: "
            f"{len(candidates)} candidates, rounds={rounds}."
        )
    names = list(candidates)
    runs = [_prepared(name, candidates[name]) for name in [*names, names[0]]]
    sizes = [_size_of_block(run) for run in runs]
    blocks = np.empty((rounds, len(runs)))
    for turn, place in itertools.product(range(rounds), range(len(runs))):
        lane = (place + turn) % len(runs)  # nobody always runs after the same neighbour
        blocks[turn, lane] = _block(runs[lane], *sizes[lane])
    best = blocks.min(axis=0)
    halves = blocks[::2].min(axis=0) / blocks[1::2].min(axis=0)
    twin = best[-1] / best[0]
    band = max(LEAST_BAND, float(np.exp(np.abs(np.log([*halves, twin])).max()) - 1))
    milliseconds = {
        name: 1e3 * float(seconds) for name, seconds in zip(names, best, strict=False)
    }
    # The twin is the same model, so both of their minima are times of the first one.
    milliseconds[names[0]] = 1e3 * float(min(best[0], best[-1]))
    return Race(milliseconds, band, rounds, threads, batch_size)


def _prepared(name: str, candidate: Callable[[], Run]) -> Run:
    run = candidate()
    if not callable(run):
        raise TypeError(
            "A candidate prepares something and returns what is to be timed. Received: "
            f"{name!r}, which returned an object of type {type(run).__name__}. If the "
            f"candidate itself is to be timed, write {{{name!r}: lambda: function}}."
        )
    return run


def _block(run: Run, pieces: int, repeats: int) -> float:
    return min(_piece(run, repeats) for _ in range(pieces))


def _piece(run: Run, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def _size_of_block(run: Run) -> tuple[int, int]:
    """Of how many pieces it is, and of how many calls each of them."""
    run()  # the first call allocates
    seconds = max(_block(run, 3, 3), 1e-9)
    repeats = max(1, round(PIECE_SECONDS / seconds))
    return max(1, round(BLOCK_SECONDS / (repeats * seconds))), repeats
