"""What quantized layers cost in Keras, with kernels that are kept decoded and without.

    KERAS_BACKEND=jax python benchmarks/kept_kernels.py [--rounds 40] [--models resnet20]

For the backend of this process: `predict_on_batch` of one example on one core, as a
multiple of the same model in float32. All candidates take turns, and of each the least CPU
time counts, which other work on the machine cannot make less.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from kept_kernels_table import table
from results_file import kept_rows, save_results
from runtimes_models import FLOATS, TECHNIQUES, build, images

import nncompress_lab as ncl

MODELS = ("lenet5", "resnet20", "perceptron_2048")
STORED = ("8-bit weights", "4-bit weights, blocks of 32", "codebook of 16")
LEAST = 0.02  # seconds of a block: the clock of the processor is coarse
Call = Callable[[], Any]


def measured(name: str, *, rounds: int) -> list[dict[str, Any]]:
    """A row for each technique: seconds with kept kernels, without, and of floats."""
    model = build(name)
    x = images(model, 1)
    candidates: dict[tuple[str, bool], Call] = {}
    for technique in (FLOATS, *STORED):
        for keeps in (True, False):
            changed = TECHNIQUES[technique](ncl.copy_model(model))
            candidates[technique, keeps] = partial(changed.predict_on_batch, x)
    seconds = raced(candidates, rounds=rounds)
    floats = min(seconds[FLOATS, True], seconds[FLOATS, False])
    return [
        {
            "model": name,
            "backend": keras.backend.backend(),
            "technique": technique,
            "float_ms": 1e3 * floats,
            "kept": seconds[technique, True] / floats,
            "decoded": seconds[technique, False] / floats,
            "twin": seconds[FLOATS, True] / seconds[FLOATS, False],
        }
        for technique in STORED
    ]


def raced(
    candidates: dict[tuple[str, bool], Call], *, rounds: int
) -> dict[tuple[str, bool], float]:
    """Seconds of CPU a call, the least of blocks in turns, by candidate.

    Args:
        candidates: By technique, and whether decoded kernels are kept.
        rounds: Blocks of each.
    """
    repeats = {key: _repeats(key[1], call) for key, call in candidates.items()}
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for key, call in candidates.items():
            best[key] = min(best[key], _seconds(key[1], call, repeats[key]))
    ncl.keep_decoded(True)
    return best


def _repeats(keeps: bool, call: Call) -> int:
    for _ in range(3):  # compiled, and what is kept is decoded
        _seconds(keeps, call, 1)
    return 1 + int(LEAST / max(_seconds(keeps, call, 5), 1e-6))


def _seconds(keeps: bool, call: Call, repeats: int) -> float:
    ncl.keep_decoded(keeps)
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def main() -> None:
    """Measure, replace what there was of this backend's models, and print all there is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    options = parser.parse_args()
    places = {
        (row["backend"], row["model"], row["technique"]): row
        for row in kept_rows("kept_kernels")
    }
    for name in options.models:
        keras.utils.set_random_seed(0)
        for row in measured(name, rounds=options.rounds):
            places[row["backend"], row["model"], row["technique"]] = row
    rows = list(places.values())
    save_results("kept_kernels", rows, threads=1, clock="CPU time")
    print(table(rows))


if __name__ == "__main__":
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    main()
