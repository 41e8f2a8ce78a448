"""The arithmetic of this library beside its peers: seconds, error and their ratio.

    python -m pip install -r benchmarks/peers.txt
    python benchmarks/kernels.py [ROW ...]

All sides of a row take turns in one process; compared are the minima, because other work
on a machine makes a run slower and never faster. All run on one thread, which is what a
peer with its own thread pool and NumPy's BLAS can be held to alike, so that seconds of the
processor are those of a quiet machine. What was measured is kept by row.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import sys
import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

from kernel_rows import ROWS, Row
from kernels_table import table
from results_file import kept_rows, save_results


@dataclass(frozen=True)
class Figures:
    """What was measured of a row and one peer; seconds are minima of CPU time."""

    row: str
    name: str
    peer: str
    seconds: float
    peer_seconds: float
    times_faster: float
    error: float
    peer_error: float
    goal: float | None
    met: bool | None


def measured(key: str, row: Row) -> list[Figures]:
    """Run all sides in turns and compare their minima and errors."""
    runs = {"": row.ours} | {name: peer.run for name, peer in row.peers.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    errors: dict[str, float] = {}
    for turn in range(max(peer.rounds for peer in row.peers.values())):
        for name, run in runs.items():
            if name in row.peers and turn >= row.peers[name].rounds:
                continue
            start = time.process_time()
            result: Any = run()
            times[name].append(time.process_time() - start)
            if turn == 0:
                errors[name] = row.error(result)
    return [_compared(key, row, peer, times, errors) for peer in row.peers]


def _compared(
    key: str,
    row: Row,
    peer: str,
    times: dict[str, list[float]],
    errors: dict[str, float],
) -> Figures:
    ours, theirs = min(times[""]), min(times[peer])
    goal, allowed = row.peers[peer].goal, row.peers[peer].allowed
    near = errors[""] <= allowed * errors[peer]
    return Figures(
        row=key,
        name=row.name,
        peer=peer,
        seconds=ours,
        peer_seconds=theirs,
        times_faster=theirs / ours,
        error=errors[""],
        peer_error=errors[peer],
        goal=goal,
        met=None if goal is None else near and theirs / ours >= goal,
    )


def main() -> None:
    """Measure the rows that were asked for, keep them, and print all that there are."""
    names = sys.argv[1:] or list(ROWS)
    kept = kept_rows("kernels")
    for name in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peers deprecate parts of themselves
            new = [asdict(one) for one in measured(name, ROWS[name]())]
        every = [*(one for one in kept if one["row"] != name), *new]
        kept = sorted(every, key=lambda one: list(ROWS).index(one["row"]))
        save_results("kernels", kept, threads=1, clock="CPU time")
    print(table(kept))


if __name__ == "__main__":
    main()
