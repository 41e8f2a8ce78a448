"""Compression while a model trains, against compression before or after the training.

    python benchmarks/in_the_loop.py [--seeds 3]

LeNet-5 with 95 % of its weights at zero: pruned at once, pruned at once and then
trained, and pruned slowly in the first half of a training of the same length; by one
threshold for all layers, or with layers competing by their shares (adaptive). And with
3 and 2 bits, one scale for each layer: rounded, rounded with the range of the least error,
and trained through the rounding with a scale that follows the largest weight or is
learned. All trainings see the 10,000 training images of the embedded Fashion-MNIST and
labels alone. Epochs are chosen on the validation images; the test images are looked at
once for each row. Each row is kept as soon as it is measured, so that a run that was
interrupted goes on where it stopped. Lesson 10 draws the rows: they are in the package.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab import measure

FOLDER = Path(ncl.__file__).parent / "course" / "measured"
RESULTS = "in_the_loop"
EPOCHS = {"pruning": 4, "rounding": 2}
SPARSITIES = (0.95,)
BITS = (2, 3)

Make = Callable[[Any], ncl.Pass]


def gradual(sparsity: float, scope: Any, **schedule: Any) -> ncl.Pass:
    """A training of the common length that prunes meanwhile."""
    epochs = EPOCHS["pruning"]
    return ncl.GradualPruning(
        sparsity, scope=scope, epochs=epochs, patience=epochs, **schedule
    )


def rounded(bits: int, **options: Any) -> ncl.Pass:
    """A rounding with one scale for each layer."""
    return ncl.UniformQuantization(bits, granularity="per_tensor", **options)


def through_rounding(bits: int, step_size: Any) -> ncl.Pass:
    """A training through that rounding."""
    return ncl.QuantizationAwareTraining(
        bits,
        step_size=step_size,
        granularity="per_tensor",
        epochs=EPOCHS["rounding"],
        patience=EPOCHS["rounding"],
    )


PRUNING: dict[str, Make] = {
    "at once": lambda s: ncl.MagnitudePruning(s, scope="global"),
    "at once, then trained": lambda s: gradual(s, "global", curve="constant", end=0.0),
    "slowly": lambda s: gradual(s, "global", end=0.5),
    "at once, adaptive": lambda s: ncl.MagnitudePruning(s, scope="adaptive"),
    "at once, adaptive, then trained": lambda s: gradual(
        s, "adaptive", curve="constant", end=0.0
    ),
    "slowly, adaptive": lambda s: gradual(s, "adaptive", end=0.5),
}
ROUNDING: dict[str, Make] = {
    "rounded": rounded,
    "rounded, least error": lambda bits: rounded(bits, clipping="mse"),
    "trained, largest weight": lambda bits: through_rounding(bits, "absmax"),
    "trained, learned step": lambda bits: through_rounding(bits, "learned"),
}


def jobs(seeds: int) -> list[tuple[str, float, int]]:
    """Way, setting and seed of every row; what draws no random number is run once."""
    found = []
    for ways, settings in ((PRUNING, SPARSITIES), (ROUNDING, BITS)):
        for setting in settings:
            for seed in range(seeds):
                found += [
                    (way, setting, seed)
                    for way, make in ways.items()
                    if seed == 0 or "train" in make(setting).needs
                ]
    return found


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    rows = kept_rows(RESULTS, folder=FOLDER)
    done = {(row["way"], row["setting"], row["seed"]) for row in rows}
    data, model = ncl.data.fashion_mnist(), ncl.zoo.lenet5()
    if not rows:
        accuracy = measure.accuracy(model, data.test)
        rows.append({"way": "original", "setting": 0, "seed": 0, "accuracy": accuracy})
    for way, setting, seed in jobs(parser.parse_args().seeds):
        if (way, setting, seed) in done:
            continue
        begun = time.monotonic()
        context = ncl.Context.of(data, seed=seed, progress=False)
        result = {**PRUNING, **ROUNDING}[way](setting)(model, context)
        accuracy = measure.accuracy(result, data.test)
        row = {"way": way, "setting": setting, "seed": seed, "accuracy": accuracy}
        rows.append(row)
        save_results(RESULTS, rows, folder=FOLDER, model=model.name, epochs=EPOCHS)
        print(*row.values(), f"{time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
