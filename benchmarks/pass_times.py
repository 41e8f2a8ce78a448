"""What a pass costs beside its arithmetic: CPU seconds of both, and their ratio.

    python benchmarks/pass_times.py [--before FOLDER]

The arithmetic is that of the array functions over the same kernels, as NumPy arrays. The
rest builds the model that comes out. With `--before`, a folder with an older checkout, both
take turns in processes of their own, and the results hold both; without, those of before
are kept. Minima count, because other work on a machine makes a run slower and never faster.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[1]
PROCESSES, ROUNDS = 3, 4

Seconds = dict[str, dict[str, float]]
Array = npt.NDArray[Any]


def passes() -> dict[str, tuple[Any, Callable[[Any, str, Array], Any]]]:
    """By name, a pass and what it does to one kernel: its layer, name and array."""
    import nncompress_lab as ncl
    from nncompress_lab.pruning.arrays.masks import global_magnitude_masks
    from nncompress_lab.quantization.arrays.clipping import Clipping
    from nncompress_lab.quantization.arrays.codebook import learned_table
    from nncompress_lab.quantization.layers.replace import kernel_view

    prune = ncl.MagnitudePruning(sparsity=0.5)
    round_, code = ncl.UniformQuantization(bits=8), ncl.CodebookQuantization(bits=4)

    def pruned(_layer: Any, _name: str, array: Array) -> Array:
        return np.where(global_magnitude_masks([array], sparsity=0.5)[0], array, 0)

    def rounded(layer: Any, name: str, array: Array) -> Any:
        view = kernel_view(round_.format, layer, name)
        return view.encode(array, Clipping("absmax"))

    def coded(layer: Any, name: str, array: Array) -> Any:
        view = kernel_view(code.format, layer, name)
        return view.encode(array, partial(learned_table, size=16))

    return {
        "MagnitudePruning": (prune, pruned),
        "UniformQuantization(8)": (round_, rounded),
        "CodebookQuantization(4)": (code, coded),
    }


def measured() -> Seconds:
    """CPU seconds of the passes and of their arithmetic, in the tree of this process."""
    import keras

    import nncompress_lab as ncl
    from nncompress_lab.models.kernels import kernel_layers

    found: Seconds = {}
    models = {
        "ResNet50": keras.applications.ResNet50(weights=None),
        "ResNet-20": ncl.zoo.resnet20(),
    }
    for model_name, model in models.items():
        kernels = [
            (one.layer, name, array)
            for one in kernel_layers(model)
            for name, array in zip(one.kernel_names, one.arrays(), strict=True)
        ]
        runs = {"copy_model": {"seconds": partial(ncl.copy_model, model)}}
        for pass_name, (step, arithmetic) in passes().items():
            runs[pass_name] = {
                "seconds": partial(step, model),
                "arithmetic": partial(_all_of, arithmetic, kernels),
            }
        for name, timed in runs.items():
            found[f"{model_name}, {name}"] = fastest(timed)
    return found


def _all_of(arithmetic: Callable[..., Any], kernels: list[tuple[Any, ...]]) -> None:
    for kernel in kernels:
        arithmetic(*kernel)


def fastest(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """CPU seconds of the fastest of some rounds, in which all take turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.process_time()
            run()
            times[name].append(time.process_time() - started)
    return {name: min(one) for name, one in times.items()}


def in_process(tree: Path) -> Seconds:
    """What `measured` finds in another process that imports the library from a tree."""
    result = subprocess.run(
        [sys.executable, __file__, "--measure"],
        env={**os.environ, "PYTHONPATH": str(tree)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: Seconds = json.loads(result.stdout.splitlines()[-1])
    return found


def least(runs: list[Seconds]) -> Seconds:
    """The minima over processes, and how many times its arithmetic a pass takes."""
    found: Seconds = {}
    for row in runs[0]:
        best = {name: min(run[row][name] for run in runs) for name in runs[0][row]}
        if "arithmetic" in best:
            best["ratio"] = best["seconds"] / best["arithmetic"]
        found[row] = best
    return found


def show(figures: dict[str, Seconds]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "CPU seconds", "arithmetic", *figures, *(f"{one} /" for one in figures)
    )
    for row, now in figures["after"].items():
        columns = [of[row] for of in figures.values()]
        table.add_row(
            row,
            f"{now['arithmetic']:.3f}" if "arithmetic" in now else "",
            *(f"{one['seconds']:.3f}" for one in columns),
            *(f"{one['ratio']:.1f}" if "ratio" in one else "" for one in columns),
        )
    Console(width=110).print(table)


def main() -> None:
    """Measure, print the table and save it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", type=Path)
    parser.add_argument("--measure", action="store_true")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measured()))
        return
    from results_file import FOLDER, save_results

    trees = {"before": arguments.before, "after": ROOT}
    runs: dict[str, list[Seconds]] = {name: [] for name, tree in trees.items() if tree}
    for _ in range(PROCESSES):
        for name, found in runs.items():
            found.append(in_process(trees[name]))
    figures = {name: least(found) for name, found in runs.items()}
    results = FOLDER / "pass_times.json"
    if "before" not in figures and results.exists():
        kept = json.loads(results.read_text(encoding="utf-8"))["figures"]
        figures = {"before": kept["before"], **figures}
    show(figures)
    save_results("pass_times", figures, processes=PROCESSES, rounds=ROUNDS, threads=1)


if __name__ == "__main__":
    main()
