"""What is known before the capstone: files for its three customers, each measured apart.

    python benchmarks/capstone.py

Every file is written and measured as the lesson measures what is handed in: bytes, accuracy
on the 2,000 embedded test images, MACs of the graph, those for runtimes in a process of
their own, the packed ones unpacked here. The rows are what lesson 14 plans from, and the
leader line is drawn among them: they are in the package. None of them meets all of its
customer's budget, but "Deep Compression", which is taken over from `deep_compression.json`:
a training of many epochs, and 10,000 test images.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab.atomic import scratch_folder
from nncompress_lab.course.capstone import hand_in
from nncompress_lab.course.capstone.onnx_macs import onnx_macs

FOLDER = Path(ncl.__file__).parent / "course" / "measured"
Write = Callable[[Path], object]


def packed(model: Any, *passes: ncl.Pass) -> tuple[str, Write]:
    """A packed file of a model after some passes."""
    context = ncl.Context.of(ncl.data.fashion_mnist(), progress=False)
    return ".ncz", lambda path: ncl.pack(ncl.pipeline(*passes)(model, context), path)


def exported(
    kind: str, model: Any, *passes: ncl.Pass, **options: Any
) -> tuple[str, Write]:
    """A file for a runtime of a model after some passes."""
    made = ncl.pipeline(*passes)
    return kind, lambda path: ncl.export(made(model), path, **options)


def files() -> dict[tuple[str, str], tuple[str, Write]]:
    """What is written, by customer and name."""
    lenet, resnet = ncl.zoo.lenet5(), ncl.zoo.resnet20()
    bits = {
        count: ncl.UniformQuantization(bits=count, clipping="mse")
        for count in (2, 3, 8)
    }
    data = ncl.data.fashion_mnist()
    context = ncl.Context.of(data, progress=False)
    plan = ncl.plan(lenet, ncl.Budget(packed_bytes=84_000), context)
    half = ncl.ChannelPruning(macs=0.5)
    narrow = ncl.zoo.lenet_300_100()
    return {
        ("station", "original LeNet-5"): packed(lenet),
        ("station", "8 bits"): packed(lenet, bits[8]),
        ("station", "3 bits"): packed(lenet, bits[3]),
        ("station", "2 bits"): packed(lenet, bits[2]),
        ("station", "plan for 84 kB"): packed(lenet, plan.passes),
        ("station", "90 % zeros, 8 bits"): packed(
            lenet, ncl.MagnitudePruning(sparsity=0.9), bits[8]
        ),
        ("station", "GPTQ, 2 bits"): packed(lenet, ncl.GPTQ(bits=2)),
        ("phone", "original LeNet-5, .onnx"): exported(".onnx", lenet),
        ("phone", "original LeNet-5, .tflite"): exported(".tflite", lenet),
        ("phone", "8 bits, .onnx"): exported(".onnx", lenet, bits[8]),
        ("phone", "8 bits, .tflite"): exported(".tflite", lenet, quantize="dynamic"),
        ("phone", "3 bits, .onnx"): exported(".onnx", lenet, bits[3]),
        ("phone", "2 bits, .onnx"): exported(".onnx", lenet, bits[2]),
        ("phone", "half the MACs, untrained"): exported(".onnx", lenet, half),
        ("phone", "LeNet-300-100, 8 bits"): exported(".onnx", narrow, bits[8]),
        ("server", "original ResNet-20"): exported(".onnx", resnet),
        ("server", "ResNet-20, 8 bits"): exported(
            ".onnx", resnet, ncl.FoldBatchNorm(), bits[8]
        ),
        ("server", "LeNet-300-100"): exported(".onnx", narrow),
        ("server", "LeNet-5"): exported(".onnx", lenet),
        ("server", "MobileNet"): exported(".onnx", ncl.zoo.mobilenet_small()),
        ("server", "ViT"): exported(".onnx", ncl.zoo.vit_tiny()),
    }


def documented() -> dict[str, Any]:
    """What the docs show for the station: the mean of three seeds, an hour each."""
    rows = [
        row
        for row in kept_rows("deep_compression")
        if (row["data"], row["model"]) == ("Fashion-MNIST", "lenet5")
    ]
    return {
        "customer": "station",
        "name": "Deep Compression, an hour of training",
        "file": ".ncz",
        "bytes": round(sum(row["packed_bytes"] for row in rows) / len(rows)),
        "accuracy": sum(row["test"]["coded"] for row in rows) / len(rows),
        "MACs": None,
        "hours": True,
    }


def accuracy(path: Path) -> float:
    """On the test images."""
    if path.suffix != ".ncz":
        return hand_in.measured(path).accuracy
    return ncl.measure.accuracy(ncl.unpack(path), ncl.data.fashion_mnist().test)


def main() -> None:
    """Write and measure all."""
    rows = [documented()]
    with scratch_folder() as folder:
        for (customer, name), (kind, write) in files().items():
            path = folder / f"file{kind}"
            write(path)
            rows.append(
                {
                    "customer": customer,
                    "name": name,
                    "file": kind,
                    "bytes": path.stat().st_size,
                    "accuracy": accuracy(path),
                    "MACs": onnx_macs(path) if kind == ".onnx" else None,
                }
            )
            print(*rows[-1].values(), flush=True)
    save_results("capstone", rows, folder=FOLDER)


if __name__ == "__main__":
    main()
