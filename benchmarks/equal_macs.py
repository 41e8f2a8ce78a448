"""Half the MACs, five ways: which smaller network is the better one after training?

    python benchmarks/equal_macs.py [--models lenet5 ...] [--seeds 3]

A narrower student, pruned channels, low rank and Tucker-2 get the same number of
multiply-accumulates, at most half of the original's, and then the same training: as many
epochs at the same learning rate, from labels and from the original's soft targets, on the
10,000 training images of the embedded Fashion-MNIST. Each begins with what compression left
of the original's weights, and the student once more from scratch, with random ones. Epochs
are chosen on the validation images; the test images are looked at once for each row. Each
row is kept as soon as it is measured, so that a run that was interrupted goes on where it
stopped. Lesson 08 draws the rows: they are in the package.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab import measure

FOLDER = Path(ncl.__file__).parent / "course" / "measured"
RESULTS = "equal_macs"
MACS = 0.5  # of the original's, at most
EPOCHS = {"lenet5": 6, "resnet20": 3}
RATE = ncl.FineTune().learning_rate
STEP = 1 / 256  # how finely budgets and widths are tried

Make = Callable[[float], ncl.Pass]
WAYS: dict[str, Make] = {
    "channel pruning": lambda fraction: ncl.ChannelPruning(macs=fraction),
    "low rank": lambda fraction: ncl.LowRank(macs=fraction),
    "Tucker-2": lambda fraction: ncl.Factorization("tucker2", macs=fraction),
}
STUDENTS: dict[str, Callable[[float], ncl.Student]] = {
    "narrower student": lambda width: ncl.Student(width=width),
    "student from scratch": lambda width: ncl.Student(width, initialise="random"),
}


def largest(
    model: keras.Model, make: Callable[[float], Callable[[keras.Model], keras.Model]]
) -> float:
    """The largest setting in (0, 1] whose result has at most half of the MACs.

    A budget of a pass counts only the layers that it can treat, so that the whole model's
    MACs have to be looked at.
    """
    allowed = MACS * measure.macs(model)
    low, high = 0.0, 1.0
    while high - low > STEP:
        middle = (low + high) / 2
        try:
            fits = measure.macs(make(middle)(model)) <= allowed
        except ValueError:  # a budget that cannot be met is too small
            fits = True
        low, high = (middle, high) if fits else (low, middle)
    return low


def trained(way: str, model: keras.Model, setting: float, epochs: int) -> ncl.Pass:
    """The pass that makes the smaller model and trains it."""
    if way in STUDENTS:
        student = STUDENTS[way](setting)
        return ncl.Distillation(student=student, epochs=epochs, learning_rate=RATE)
    return ncl.pipeline(
        WAYS[way](setting),
        ncl.FineTune(epochs=epochs, patience=epochs, teacher="original"),
    )


def measured(way: str, model: keras.Model, data: ncl.Dataset, seed: int) -> Any:
    """One row: a way, a seed, and what came of them."""
    make: Any = (STUDENTS | WAYS)[way]
    setting = largest(model, make)
    context = ncl.Context.of(data, seed=seed, progress=False)
    keras.utils.set_random_seed(seed)
    smaller = make(setting)(model)
    result = trained(way, model, setting, EPOCHS[model.name])(model, context)
    return {
        "setting": round(setting, 4),
        "macs": measure.macs(result) / measure.macs(model),
        "parameters": measure.parameters(result) / measure.parameters(model),
        "untrained": measure.accuracy(smaller, data.validation),
        "accuracy": measure.accuracy(result, data.test),
    }


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=list(EPOCHS), default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows = kept_rows(RESULTS, folder=FOLDER)
    done = {(row["model"], row["way"], row["seed"]) for row in rows}
    data = ncl.data.fashion_mnist()
    for name in arguments.models:
        model = getattr(ncl.zoo, name)()
        jobs = [("original", 0)]
        jobs += [(way, s) for s in range(arguments.seeds) for way in STUDENTS | WAYS]
        for way, seed in jobs:
            if (name, way, seed) in done:
                continue
            begun = time.monotonic()
            found = (
                {"macs": 1.0, "accuracy": measure.accuracy(model, data.test)}
                if way == "original"
                else measured(way, model, data, seed)
            )
            rows.append({"model": name, "way": way, "seed": seed, **found})
            save_results(RESULTS, rows, folder=FOLDER, macs=MACS, epochs=EPOCHS)
            print(*rows[-1].values(), f"{time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
