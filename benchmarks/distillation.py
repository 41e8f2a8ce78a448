"""What makes a small student good: labels, its teacher, or its teacher's channels.

    python benchmarks/distillation.py [--models lenet5 ...] [--seeds 3]

Students of half the width, and channel pruning that leaves at most as many
multiply-accumulates, trained for as many epochs on the 10,000 training images of the
embedded Fashion-MNIST. "Labels only" is the student with random weights and no teacher, at
the learning rate of `Distillation`, which serves it better than that of `FineTune`;
"distillation" is the default of `Distillation`. Channel pruning recovers by the labels and
the original's soft targets, with the defaults of `FineTune`, and once more at the student's
learning rate. Epochs are chosen on the validation images; the test images are looked at
once for each row. Each row is kept as soon as it is measured, so that a run that was
interrupted goes on where it stopped.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab import measure

RESULTS = "distillation"
EPOCHS = {"lenet5": 6, "vit_tiny": 4, "resnet20": 3, "mobilenet_small": 3}
STUDENT = ncl.Student(width=0.5)
RANDOM = ncl.Student(width=0.5, initialise="random")
FASTER = {"learning_rate": ncl.Distillation().learning_rate}
STEP = 1 / 256  # how finely budgets are tried

Way = Callable[[keras.Model, ncl.Context, int], keras.Model]


def labels_only(model: keras.Model, context: ncl.Context, epochs: int) -> keras.Model:
    """The student's shape, trained as if there were no teacher."""
    step = ncl.FineTune(epochs=epochs, patience=epochs, **FASTER)
    return step(RANDOM(model, seed=context.seed), context)


def distillation(model: keras.Model, context: ncl.Context, epochs: int) -> keras.Model:
    """The default, for as many epochs."""
    return ncl.Distillation(student=STUDENT, epochs=epochs)(model, context)


def pruned(model: keras.Model) -> keras.Model:
    """The model with fewer channels and at most the student's MACs."""
    allowed = measure.macs(STUDENT(model))
    low, high = 0.0, 1.0
    while high - low > STEP:  # the budget counts kernels alone
        middle = (low + high) / 2
        try:
            fits = measure.macs(ncl.ChannelPruning(macs=middle)(model)) <= allowed
        except ValueError:  # a budget that cannot be met is too small
            fits = True
        low, high = (middle, high) if fits else (low, middle)
    return ncl.ChannelPruning(macs=low)(model)


def recovered(**settings: Any) -> Way:
    """Channel pruning and a recovery."""

    def way(model: keras.Model, context: ncl.Context, epochs: int) -> keras.Model:
        context = ncl.Context.of(context, teacher=model)
        step = ncl.FineTune(
            epochs=epochs, patience=epochs, teacher="context", **settings
        )
        return step(pruned(model), context)

    return way


WAYS: dict[str, Way] = {
    "labels only": labels_only,
    "distillation": distillation,
    "channel pruning": recovered(),
    "channel pruning, learning faster": recovered(**FASTER),
}


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=list(EPOCHS), default=EPOCHS)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=WAYS)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows = kept_rows(RESULTS)
    data = ncl.data.fashion_mnist()
    jobs = [
        (seed, name, way)
        for seed in range(arguments.seeds)
        for name in arguments.models
        for way in arguments.ways
    ]
    done = {(row["seed"], row["model"], row["way"]) for row in rows}
    for seed, name, way in [job for job in jobs if job not in done]:
        begun = time.monotonic()
        model = getattr(ncl.zoo, name)()
        context = ncl.Context.of(data, seed=seed, progress=False)
        result = WAYS[way](model, context, EPOCHS[name])
        rows.append(
            {
                "model": name,
                "way": way,
                "seed": seed,
                "macs": measure.macs(result) / measure.macs(model),
                "parameters": measure.parameters(result) / measure.parameters(model),
                "validation": measure.accuracy(result, data.validation),
                "accuracy": measure.accuracy(result, data.test),
            }
        )
        save_results(RESULTS, rows, width=STUDENT.width, epochs=EPOCHS)
        print(*rows[-1].values(), f"{time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
