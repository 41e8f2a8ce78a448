"""Time saved models in Keras against each other, under the backend of this process.

    KERAS_BACKEND=jax python benchmarks/keras_times.py FOLDER --rounds 36

What `benchmarks/runtimes.py` calls for each backend, because a process has only one. The
folder holds one `.keras` file a candidate and `x.npy`, the batch. Prints the race as JSON.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
ENOUGH = 0.1


def on_each_backend(folder: Path, *, rounds: int) -> dict[str, Any]:
    """The races of a folder's models by backend, for each backend that is installed."""
    return {
        backend: json.loads(
            subprocess.run(
                [sys.executable, __file__, str(folder), "--rounds", str(rounds)],
                env=os.environ | {"KERAS_BACKEND": backend},
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout.splitlines()[-1]
        )
        for backend in BACKENDS
        if importlib.util.find_spec(backend)
    }


def timed(folder: Path, *, rounds: int) -> dict[str, Any]:
    """Milliseconds, speedup and verdict of each model, by the name of its file."""
    import numpy as np

    import nncompress_lab as ncl

    x = np.load(folder / "x.npy")
    models = {
        path.stem: ncl.load_model(path)
        for path in sorted(folder.glob("*.keras"), key=lambda path: int(path.stem))
    }
    return quiet_race(
        {
            name: partial(partial, model.predict_on_batch, x)
            for name, model in models.items()
        },
        rounds=rounds,
    )


def quiet_race(
    candidates: dict[str, Callable[[], Callable[[], object]]], *, rounds: int
) -> dict[str, Any]:
    """Milliseconds, speedup and verdict by name, in the quietest of up to three races.

    A single disturbance widens the band of a whole race. Another race follows while the
    band is above a tenth; what is kept depends on the noise and not on who wins.
    """
    from nncompress_lab.measure.latency import race

    result = race(candidates, rounds=rounds)
    for _ in range(2):
        if result.band > ENOUGH:
            again = race(candidates, rounds=rounds)
            result = min(result, again, key=lambda one: one.band)
    return {
        name: {
            "latency_ms": result.milliseconds[name],
            "speedup": result.speedup(name),
            "band": result.band,
            "verdict": result.verdict(name),
        }
        for name in candidates
    }


def main() -> None:
    """Time on one core, whichever backend decides how many threads it starts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=36)
    arguments = parser.parse_args()
    # Before the backend is imported, which counts the cores that it may use.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps(timed(arguments.folder, rounds=arguments.rounds)))


if __name__ == "__main__":
    main()
