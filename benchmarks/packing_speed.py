"""The packed file of trained and of large tensors: how fast, how small, in what memory.

    python benchmarks/packing_speed.py
    python benchmarks/packing_speed.py --onnx NET.onnx --onnx OTHER.onnx
    python benchmarks/packing_speed.py --only model --parameters 1_000_000_000

The trained nets are those of the zoo, whose float weights are of half precision, and the
weights of the ONNX files that are named. Speeds are megabytes of variables for each second
of one core, written and, the fastest of some rounds, read; they are CPU time, so that other
work on the machine does not count.

`--only model` packs a model of Dense layers of 8192 x 8192 weights and reports the most
memory that it took beside the model; a billion parameters need 12 GB and some minutes, so
that mode is not part of the others.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from packing import FORMS, tensors_of
from results_file import save_results
from rich.console import Console
from rich.table import Table

import nncompress_lab as ncl
from nncompress_lab.packing import tensors
from nncompress_lab.packing.container import Tensor
from nncompress_lab.quantization.arrays.affine import affine_params, quantize
from nncompress_lab.quantization.arrays.bitpacking import pack_bits

ROUNDS = 3
MODELS = ("lenet5", "resnet20", "mobilenet_small", "vit_tiny")
SHOWN = ("as shipped", "8 bits", "4 bits", "90 % zeros, 4-bit codebook")
SIDE = 8192  # of a layer of the large model
LEAST = 1000  # weights of a tensor that is quantized
SPARSITY = 0.9
EDGE = (5792, 5794)  # rows of 5792 weights: just below and above 2**25 of them


def speeds(some: list[Tensor]) -> dict[str, float]:
    """Bytes, and megabytes a second, of some tensors one after the other."""
    started = time.process_time()
    coded = [tensors.encode(one.array, one.dtype, one.layout) for one in some]
    written = time.process_time() - started
    read = np.inf
    for _ in range(ROUNDS):
        started = time.process_time()
        for content, one in zip(coded, some, strict=True):
            tensors.decode(content, one.dtype, one.array.shape)
        read = min(read, time.process_time() - started)
    size = sum(one.array.nbytes for one in some)
    return {
        "bytes": size,
        "packed": sum(len(content) for content in coded),
        "written": size / written / 1e6,
        "read": size / read / 1e6,
    }


def onnx_forms(path: Path) -> Iterator[tuple[str, list[Tensor]]]:
    """The float weights of an ONNX file, in several forms; the last axis is outputs."""
    graph = onnx.load(path).graph
    stored = [
        *graph.initializer,
        *(one.t for node in graph.node for one in node.attribute if one.HasField("t")),
    ]
    found = [onnx.numpy_helper.to_array(one) for one in stored]
    arrays = [
        np.moveaxis(one, 0, -1)
        for one in found
        if one.dtype == np.float32 and one.ndim and one.size
    ]
    yield "float32", [as_it_is(one) for one in arrays]
    for bits in (8, 4):
        yield f"{bits} bits", [quantized(one, bits) for one in arrays]
    least = np.quantile(
        np.abs(np.concatenate([one.ravel() for one in arrays])), SPARSITY
    )
    zeros = [np.where(np.abs(one) < least, np.float32(0), one) for one in arrays]
    yield "90 % zeros", [as_it_is(one) for one in zeros]


def as_it_is(array: np.ndarray) -> Tensor:
    """A tensor of floats."""
    array = np.ascontiguousarray(array)
    return Tensor("", "float32", array, tensors.layout_of(array.shape))


def quantized(array: np.ndarray, bits: int) -> Tensor:
    """A tensor of integers, one scale an output; of floats if it is small."""
    if array.size < LEAST:
        return as_it_is(array)
    axes = tuple(range(array.ndim - 1))
    codes = quantize(array, affine_params(array, bits=bits, axis=axes), bits=bits)
    columns = array.shape[-1]
    if bits == 8:
        return Tensor("", "int8", codes, tensors.Layout(columns))
    from_zero = (codes + np.int8(2 ** (bits - 1) - 1)).astype(np.uint8)
    packed = pack_bits(from_zero, bits=bits)
    return Tensor("", "uint8", packed, tensors.Layout(columns, bits))


def nets(files: list[Path]) -> dict[str, dict[str, float]]:
    """How fast trained weights are written and read."""
    found = {}
    for name in MODELS:
        for form in SHOWN:
            some = tensors_of(FORMS[form](getattr(ncl.zoo, name)()))
            found[f"{name}, {form}"] = speeds(some)
    for path in files:
        for form, some in onnx_forms(path):
            found[f"{path.stem}, {form}"] = speeds(some)
    return found


def edge() -> dict[str, dict[str, float]]:
    """Normally distributed weights with 90 % zeros beside `2**25` of them, and without."""
    found = {}
    for rows in EDGE:
        weights = np.random.default_rng(0).standard_normal((rows, EDGE[0]), np.float32)
        if rows == EDGE[0]:
            found[f"{rows} x {EDGE[0]} floats"] = speeds([as_it_is(weights)])
        weights[np.abs(weights) < np.quantile(np.abs(weights[:64]), SPARSITY)] = 0
        found[f"{rows} x {EDGE[0]} floats, 90 % zeros"] = speeds([as_it_is(weights)])
    return found


def large_model(parameters: int) -> dict[str, float]:
    """Pack Dense layers of random weights; bytes, CPU seconds and memory."""
    layers = max(1, round(parameters / SIDE**2))
    model = keras.Sequential([keras.Input((SIDE,))])
    generator = np.random.default_rng(0)
    for _ in range(layers):
        dense = keras.layers.Dense(SIDE, use_bias=False, kernel_initializer="zeros")
        model.add(dense)
        dense.kernel.assign(0.02 * generator.standard_normal((SIDE, SIDE), np.float32))
    with tempfile.TemporaryDirectory() as folder, most_memory() as most:
        started = time.process_time()
        size = ncl.pack(model, Path(folder) / "model.ncz")
        seconds = time.process_time() - started
    return {
        "parameters": model.count_params(),
        "float32_bytes": 4 * model.count_params(),
        "packed": size,
        "cpu_seconds": seconds,
        "most_bytes_beside_the_model": most[0],
    }


@contextmanager
def most_memory() -> Iterator[list[int]]:
    """Within the block, the most memory beyond what was held before (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the mark is now what is held
    before, most = memory("VmRSS"), [0]
    yield most
    most[0] = memory("VmHWM") - before


def memory(what: str) -> int:
    """Bytes of this process: held now (VmRSS), or at most so far (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) * 1024


def main() -> None:
    """Measure what is asked for, print it, and save it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["speeds", "model"], default="speeds")
    parser.add_argument("--onnx", type=Path, action="append", default=[])
    parser.add_argument("--parameters", type=int, default=1_000_000_000)
    asked = parser.parse_args()
    if asked.only == "model":
        figures: dict[str, Any] = large_model(asked.parameters)
        for name, value in figures.items():
            Console().print(f"{name}: {value:,.0f}")
        save_results("packing_large", figures, side=SIDE)
        return
    figures = {**nets(asked.onnx), **edge()}
    table = Table("tensors", "bytes", "packed", "MB/s written", "MB/s read")
    for name, row in figures.items():
        numbers = [f"{row[key]:,.0f}" for key in ("bytes", "packed", "written", "read")]
        table.add_row(name, *numbers)
    Console(width=110).print(table)
    save_results("packing_speed", figures, rounds=ROUNDS, threads=1)


if __name__ == "__main__":
    main()
