"""What half of the channels is worth: MACs, parameters, bytes and milliseconds.

    python benchmarks/channel_pruning.py

Random weights do, because neither bytes nor the time of a layer depend on them. Each model
and its narrower form run in LiteRT on one thread with one image, take turns, and are
compared by their minima; the noise is measured in the same run.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Callable
from typing import Any

import keras
from results_file import save_results
from rich.console import Console
from rich.table import Table

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.runtimes.litert import race_models
from nncompress_lab.zoo.architectures import resnet20

SECONDS = 40  # for each pair: on a busy machine few blocks are undisturbed
SPARSITY = 0.5


def mobilenet_v2() -> keras.Model:
    """MobileNetV2 of Keras for photographs of 224 x 224 pixels, without its weights."""
    return keras.applications.MobileNetV2(weights=None)


# For each model how many times faster it is to be, at least.
MODELS: dict[str, tuple[Callable[[], keras.Model], float]] = {
    "ResNet-20": (resnet20, 2.1),
    "MobileNetV2, 224 px": (mobilenet_v2, 2.4),
    "ResNet-20, four times as wide": (lambda: resnet20(width=64), 3.8),
}


def figures_of(name: str, model: keras.Model, goal: float) -> dict[str, Any]:
    """Prune one model and compare it with what it was."""
    narrow = ncl.ChannelPruning(sparsity=SPARSITY)(model)
    models = {"original": model, "pruned": narrow}
    milliseconds = race_models(models, rounds=4).milliseconds["original"]
    rounds = int(SECONDS / (3 * max(0.008, milliseconds / 1e3)))
    result = race_models(models, rounds=max(24, rounds))
    return {
        "name": name,
        "macs": [measure.macs(one) for one in (model, narrow)],
        "parameters": [one.count_params() for one in (model, narrow)],
        "keras_bytes": [measure.file_sizes(one).keras for one in (model, narrow)],
        "milliseconds": list(result.milliseconds.values()),
        "times_faster": result.speedup("pruned"),
        "noise_band": result.band,
        "goal": goal,
    }


def main() -> None:
    """Measure all models, print a table and keep it as JSON."""
    keras.utils.set_random_seed(0)
    figures = [
        figures_of(name, build(), goal) for name, (build, goal) in MODELS.items()
    ]
    table = Table("model", "MACs", "parameters", ".keras bytes", "ms", "faster", "goal")
    for row in figures:
        table.add_row(
            row["name"],
            *(change(row[key]) for key in ("macs", "parameters", "keras_bytes")),
            "{:.3f} -> {:.3f}".format(*row["milliseconds"]),
            f"{row['times_faster']:.2f}x ±{row['noise_band']:.0%}",
            f"{row['goal']}x",
        )
    Console(width=140).print(table)
    save_results("channel_pruning", figures, sparsity=SPARSITY, threads=1, batch_size=1)


def change(pair: list[int]) -> str:
    """A number before and after, and how many times smaller it is."""
    before, after = pair
    return f"{before:,} -> {after:,} ({before / after:.2f}x)"


if __name__ == "__main__":
    main()
