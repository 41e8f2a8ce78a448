"""What each technique becomes in real runtimes: bytes of the file, accuracy, latency.

    python benchmarks/runtimes.py [--models lenet5 ...] [--rounds 12]
    python benchmarks/runtimes.py --models     # only print what has been measured

One thread, batch 1. In each runtime all techniques race each other in interleaved blocks,
and are compared with that runtime's own float32. Accuracy is that of the file in ONNX
Runtime on the embedded test images. Integers need calibration inputs: 200 training images.
What was measured is kept in `results/runtimes.json`, model by model.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from results_file import FOLDER, save_results

import nncompress_lab as ncl
from nncompress_lab.errors import CompressionError
from nncompress_lab.measure.latency import Run, race
from nncompress_lab.runtimes import litert, open_vino
from nncompress_lab.zoo import architectures

CALIBRATION = 200
BLOCKS = {"granularity": "per_group", "group_size": 32}
FLOATS = "float32"
TECHNIQUES: dict[str, ncl.Pass] = {
    FLOATS: ncl.pipeline(),
    "8-bit weights": ncl.UniformQuantization(bits=8),
    "8-bit weights and activations": ncl.pipeline(
        ncl.FoldBatchNorm(),
        ncl.UniformQuantization(bits=8),
        ncl.ActivationQuantization(),
    ),
    "4-bit weights, blocks of 32": ncl.UniformQuantization(bits=4, **BLOCKS),
    "2-bit weights, blocks of 32": ncl.UniformQuantization(bits=2, **BLOCKS),
    "codebook of 16": ncl.CodebookQuantization(bits=4),
    "90 % zeros": ncl.MagnitudePruning(sparsity=0.9),
    "half of the channels": ncl.ChannelPruning(sparsity=0.5),
    "low rank, 1/4 of the parameters": ncl.LowRank(parameters=0.25),
    "Tucker-2, half of the MACs": ncl.Factorization("tucker2", macs=0.5),
}
CONVERTED = {"LiteRT dynamic": "dynamic", "LiteRT int8": "int8"}


def perceptron() -> keras.Model:
    """Two hidden layers of 2048 units, untrained."""
    image = keras.Input(architectures.IMAGE_SHAPE)
    x = keras.layers.Flatten()(image)
    for _ in range(2):
        x = keras.layers.Dense(2048, activation="relu")(x)
    return keras.Model(image, keras.layers.Dense(10)(x), name="perceptron")


# Untrained models have no accuracy; their shapes show what wide layers gain.
TRAINED = ("lenet5", "resnet20", "mobilenet_small", "vit_tiny")
UNTRAINED: dict[str, Callable[[], keras.Model]] = {
    "perceptron_2048": perceptron,
    "resnet20_wide": lambda: architectures.resnet20(width=64),
}


def measured(name: str, *, rounds: int, folder: Path) -> list[dict[str, Any]]:
    """A row for each technique, and for each way in which LiteRT quantizes itself."""
    data = ncl.data.fashion_mnist()
    calibration = data.train.x[:CALIBRATION]
    context = ncl.Context(
        calibration=ncl.Data(calibration, data.train.y[:CALIBRATION]), progress=False
    )
    trained = name in TRAINED
    model = getattr(ncl.zoo, name)() if trained else UNTRAINED[name]()
    rows = []
    for technique, step in TECHNIQUES.items():
        row: dict[str, Any] = {"model": name, "technique": technique}
        try:
            small = step(model, context)
            path = folder / f"{len(rows)}.onnx"
            row["difference"] = ncl.export(small, path, calibration=calibration)
            row["onnx"] = str(path)
            row["onnx_bytes"] = path.stat().st_size
            if trained:
                row["accuracy"] = accuracy(path, data.test)
            if litert.is_available():
                row["tflite"] = str(path.with_suffix(".tflite"))
                ncl.export(small, row["tflite"], calibration=calibration)
                row["tflite_bytes"] = Path(row["tflite"]).stat().st_size
        except (CompressionError, ValueError) as error:
            row["why_not"] = str(error)
        rows.append(row)
    if litert.is_available():
        for technique, quantize in CONVERTED.items():
            path = folder / f"{quantize}.tflite"
            ncl.export(model, path, quantize=quantize, calibration=calibration)
            row = {"model": name, "technique": technique, "tflite": str(path)}
            rows.append(row | {"tflite_bytes": path.stat().st_size})
    x = data.test.x[:1]
    add_times(rows, "onnx", "onnxruntime", x, rounds)
    if open_vino.is_available():
        add_times(rows, "onnx", "openvino", x, rounds)
    add_times(rows, "tflite", "litert", x, rounds)
    return [
        {key: value for key, value in row.items() if key not in {"onnx", "tflite"}}
        for row in rows
    ]


def accuracy(path: Path, test: ncl.Data) -> float:
    """The part of the test images that the file gets right in its runtime."""
    chosen = ncl.runtimes.load(path).predict(test.x).argmax(axis=-1)
    return float(np.mean(chosen == test.y))


def add_times(
    rows: list[dict[str, Any]],
    suffix: str,
    runtime: str,
    x: np.ndarray,
    rounds: int,
) -> None:
    """Race the files of one runtime and note latency and speedup in their rows."""

    def start(path: str) -> Run:
        return ncl.runtimes.load(path, runtime=runtime).runner(x)

    taken = {row["technique"]: row for row in rows if suffix in row}
    runs = {name: (lambda row=row: start(row[suffix])) for name, row in taken.items()}
    if not runs:
        return
    result = race(runs, rounds=rounds)
    for name, row in taken.items():
        row[runtime] = {
            "latency_ms": result.milliseconds[name],
            "speedup": result.speedup(name),
            "band": result.band,
            "verdict": result.verdict(name),
        }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown, one part a model."""
    lines = []
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == model]
        lines += [
            f"### {model}",
            "",
            "| technique | .onnx | accuracy | ONNX Runtime | OpenVINO | .tflite | LiteRT |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *(_table_row(row, of_model[0]) for row in of_model),
            "",
        ]
    return "\n".join(lines)


def _table_row(row: dict[str, Any], first: dict[str, Any]) -> str:
    cells = [row["technique"]]
    if "why_not" in row:
        return f"| {row['technique']} | {row['why_not'].split('.')[0]} |" + " |" * 5
    cells.append(_bytes(row, first, "onnx_bytes"))
    cells.append(f"{100 * row['accuracy']:.2f} %" if "accuracy" in row else "-")
    cells += [_time(row, first, one) for one in ("onnxruntime", "openvino")]
    cells += [_bytes(row, first, "tflite_bytes"), _time(row, first, "litert")]
    return f"| {' | '.join(cells)} |"


def _bytes(row: dict[str, Any], first: dict[str, Any], key: str) -> str:
    if key not in row:
        return "-"
    if row is first:
        return f"{row[key] / 1e3:.0f} kB"
    return f"{first[key] / row[key]:.1f}x less"


def _time(row: dict[str, Any], first: dict[str, Any], runtime: str) -> str:
    if runtime not in row:
        return "-"
    if row is first:
        band = row[runtime]["band"]
        return f"{row[runtime]['latency_ms']:.3f} ms ±{100 * band:.0f} %"
    return str(row[runtime]["verdict"])


def main() -> None:
    """Measure the models that are asked for, and print all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*TRAINED, *UNTRAINED]
    parser.add_argument("--models", nargs="*", choices=everything, default=everything)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    path = FOLDER / "runtimes.json"
    rows = json.loads(path.read_text())["figures"] if path.exists() else []
    for name in options.models:
        keras.utils.set_random_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            new = measured(name, rounds=options.rounds, folder=Path(folder))
        rows = [row for row in rows if row["model"] != name] + new
        save_results("runtimes", rows, threads=1, batch=1, rounds=options.rounds)
        print(table(new), flush=True)
    if not options.models:
        print(table(rows))


if __name__ == "__main__":
    main()
