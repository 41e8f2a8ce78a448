"""What each technique becomes in real runtimes: bytes of the file, accuracy, latency.

    python benchmarks/runtimes.py [--models lenet5 ...] [--batches 1 32] [--rounds 36]
                                  [--without-keras] [--without-amx]
    python benchmarks/runtimes.py --models     # only print what has been measured

One thread. In each runtime all techniques race each other in interleaved blocks, and are
compared with that runtime's own float32: ONNX Runtime, OpenVINO, LiteRT, and Keras itself
on each backend that is installed, `predict_on_batch` of a model on one core. Accuracy is
that of the file in ONNX Runtime on the embedded test images. Integers need calibration
inputs: 200 training images. Converting to LiteRT needs Keras on TensorFlow. What was
measured is kept by model and batch, and by what the processor has for small integers: in
`results/runtimes_amx.json`, `results/runtimes_vnni.json` or `results/runtimes_avx2.json`. A
processor with AMX is measured as one without by `--without-amx`.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from refuse_amx import refuse_amx

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "--without-amx" in sys.argv:  # what is imported below asks for it
    refuse_amx()

import keras
import numpy as np
from keras_times import on_each_backend, quiet_race
from results_file import kept_rows, save_results
from runtimes_models import (
    BRAIN_FLOATS,
    CALIBRATION,
    CONVERTED,
    FLOATS,
    TECHNIQUES,
    TRAINED,
    UNTRAINED,
    build,
    images,
)
from runtimes_table import kept, table

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import CompressionError
from nncompress_lab.measure.latency import Run
from nncompress_lab.runtimes import litert, open_vino

FEW_ROUNDS = 12
KINDS = {"amx": "AMX", "vnni": "VNNI", "avx2": "AVX2"}  # the fastest first
Row = dict[str, Any]


def measured(
    name: str, *, batches: list[int], rounds: int, folder: Path, in_keras: bool
) -> list[Row]:
    """A row for each technique and batch, and for what a runtime does by itself."""
    model = build(name)
    files = written(model, name, folder)
    rows = []
    for batch in batches:
        x = images(model, batch)
        if batch > 1:  # a single run is a block by then
            rounds = min(rounds, FEW_ROUNDS)
        of_batch = [{"model": name, "batch": batch, **file} for file in files]
        add_times(of_batch, "onnxruntime", "onnx", x, rounds)
        if open_vino.is_available():
            add_times(of_batch, "openvino", "onnx", x, rounds)
        add_times(of_batch, "litert", "tflite", x, rounds)
        if in_keras:
            add_keras_times(of_batch, folder, x, rounds)
        rows += of_batch
    paths = {"onnx", "tflite", "keras"}
    return [{key: row[key] for key in row if key not in paths} for row in rows]


def written(model: keras.Model, name: str, folder: Path) -> list[Row]:
    """The files of each technique, with their bytes and, of a trained model, accuracy."""
    calibration = images(model, CALIBRATION)
    inputs = ncl.Data(calibration, np.zeros(len(calibration), int))
    context = ncl.Context(calibration=inputs, progress=False)
    rows: list[Row] = []
    for technique, step in TECHNIQUES.items():
        row: Row = {"technique": technique}
        rows.append(row)
        path = folder / f"{len(rows)}.onnx"
        try:
            small = step(model, context)
            row["difference"] = ncl.export(small, path, calibration=calibration)
        except (CompressionError, ValueError) as error:
            row["why_not"] = str(error)
            continue
        row |= {"onnx": path, "onnx_bytes": path.stat().st_size}
        if name in TRAINED:
            row["accuracy"] = accuracy(path, ncl.data.fashion_mnist().test)
        row["keras"] = path.with_suffix(".keras")
        ncl.save_model(small, row["keras"])
        if litert.is_available():
            row |= to_litert(small, path.with_suffix(".tflite"), calibration)
    for technique, quantize in CONVERTED.items() if litert.is_available() else ():
        path = folder / f"{quantize}.tflite"
        # What is not trained is as unsure of 1,000 classes as 8 bits can be.
        options = {} if name in TRAINED else {"tolerance": 1.0}
        file = to_litert(model, path, calibration, quantize=quantize, **options)
        rows.append({"technique": technique, **file})
    return [*rows, {"technique": BRAIN_FLOATS}] if open_vino.is_available() else rows


def to_litert(
    model: keras.Model, path: Path, calibration: np.ndarray, **options: Any
) -> Row:
    """Write the file; what stands in a row of it."""
    ncl.export(model, path, calibration=calibration, **options)
    return {"tflite": path, "tflite_bytes": path.stat().st_size}


def accuracy(path: Path, test: ncl.Data) -> float:
    """The part of the test images that the file gets right in its runtime."""
    chosen = ncl.runtimes.load(path).predict(test.x).argmax(axis=-1)
    return float(np.mean(chosen == test.y))


def add_times(
    rows: list[Row], runtime: str, suffix: str, x: np.ndarray, rounds: int
) -> None:
    """Race the files of one runtime and note latency and speedup in their rows."""

    def start(path: Path) -> Run:
        return ncl.runtimes.load(path, runtime=runtime).runner(x)

    def in_brain_floats(path: Path) -> Run:
        return open_vino.OpenVino(path, precision="bf16").runner(x)

    taken = {row["technique"]: row for row in rows if suffix in row}
    runs: dict[str, Callable[[], Run]] = {
        name: partial(start, row[suffix]) for name, row in taken.items()
    }
    if not runs:
        return
    if runtime == "openvino":
        taken[BRAIN_FLOATS] = rows[-1]
        runs[BRAIN_FLOATS] = partial(in_brain_floats, taken[FLOATS][suffix])
    times = quiet_race(runs, rounds=rounds)
    for name, row in taken.items():
        row[runtime] = times[name]


def add_keras_times(rows: list[Row], folder: Path, x: np.ndarray, rounds: int) -> None:
    """Race the models on each Keras backend, in processes of their own."""
    np.save(folder / "x.npy", x)
    for backend, times in on_each_backend(folder, rounds=rounds).items():
        for row in rows:
            if "keras" in row:
                row[f"keras_{backend}"] = times[row["keras"].stem]


def main() -> None:
    """Measure the models that are asked for, and print all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*TRAINED, *UNTRAINED]
    parser.add_argument("--models", nargs="*", choices=everything, default=everything)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--rounds", type=int, default=36)
    parser.add_argument("--without-keras", action="store_true")
    parser.add_argument("--without-amx", action="store_true")
    options = parser.parse_args()
    has = measure.devices()[0].instructions
    kind = next(kind for kind, needed in KINDS.items() if needed in has)
    if options.without_amx:
        kind = "vnni"
    rows = kept_rows(f"runtimes_{kind}")
    for name in options.models:
        keras.utils.set_random_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            new = measured(
                name,
                batches=options.batches,
                rounds=options.rounds,
                folder=Path(folder),
                in_keras=not options.without_keras,
            )
        rows = [row for row in rows if row["model"] != name] + new
        save_results(f"runtimes_{kind}", rows, threads=1, rounds=options.rounds)
        print(table({kind: new}), flush=True)
    if not options.models:
        print(table(kept()))


if __name__ == "__main__":
    main()
