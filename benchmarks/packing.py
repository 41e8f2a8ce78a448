"""The packed file: bytes beside `.keras` under zstd and beside the entropy, and speed.

    python benchmarks/packing.py

The entropy is the zeroth-order one of a tensor's codes: positions plus values, without any
table. It is given for integers and codes, of tensors of more than 10,000 weights. Floats
have no such bound: nearly each one occurs once, so that the table would be all.

Speed is that of reading the tensors of an 8-bit ResNet50, from checked bytes to arrays.
Its weights are normally distributed, because a ResNet50 that was only initialized holds
uniform ones, which are stored as they are. The minimum of some rounds counts, in CPU time.
How fast trained weights are read, which are less regular, says packing_speed.py.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import zstandard
from results_file import save_results
from rich.console import Console
from rich.table import Table

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.packing import container, symbols, tensors
from nncompress_lab.packing.model_file import (
    opened_contents,
    packed,
    saved_without_optimizer,
)

LARGE = 10_000  # weights of a tensor that the entropy is a goal for
GOAL = 1.01
GOAL_SPEED = 50.0  # megabytes of variables a second
ROUNDS = 7
ZSTD_LEVEL = 12

MODELS = ("lenet_300_100", "lenet5", "resnet20", "mobilenet_small", "vit_tiny")
PRUNE = {
    share: ncl.MagnitudePruning(sparsity=share, scope="global") for share in (0.9, 0.97)
}
CODES = ncl.CodebookQuantization(bits=4)
FORMS = {
    "as shipped": ncl.pipeline(),
    "8 bits": ncl.UniformQuantization(bits=8),
    "4 bits": ncl.UniformQuantization(bits=4),
    "90 % zeros": PRUNE[0.9],
    "90 % zeros, 4-bit codebook": ncl.pipeline(PRUNE[0.9], CODES),
    "97 % zeros, 4-bit codebook": ncl.pipeline(PRUNE[0.97], CODES),
}


@dataclass(frozen=True)
class Row:
    """One model in one form; bytes.

    Args:
        model: Its name.
        form: What was done to it.
        keras: Of its `.keras` file.
        zstd: Of that file under zstd.
        packed: Of its packed file.
        entropy: Of its large integer tensors together; 0 if it has none.
        coded: What these take in the packed file.
        worst: The largest ratio of the two, over the tensors.
    """

    model: str
    form: str
    keras: int
    zstd: int
    packed: int
    entropy: float
    coded: int
    worst: float


def entropy(values: np.ndarray) -> float:
    """Bytes of the zeroth-order entropy of some values."""
    _, counts = np.unique(values, return_counts=True)
    return float(counts @ np.log2(values.size / counts)) / 8


def codes_of(tensor: container.Tensor) -> np.ndarray | None:
    """The integers of a tensor, unpacked; None if it is small or holds floats."""
    codes = tensor.array.reshape(-1)
    if tensor.dtype not in ("int8", "uint8"):
        return None
    if tensor.layout.bits:
        count = codes.size * 8 // tensor.layout.bits
        codes = symbols.unpack(codes, tensor.layout.bits, count)
    return codes if codes.size > LARGE else None


def tensors_of(model: keras.Model) -> list[container.Tensor]:
    """What is in the packed file of a model."""
    with (
        saved_without_optimizer(model) as path,
        opened_contents(model, path) as (_, tensors),
    ):
        return list(tensors)


def under_zstd(model: keras.Model) -> int:
    """Bytes of the `.keras` file under zstd, which the packed file is to beat."""
    with saved_without_optimizer(model) as path:
        content = path.read_bytes()
    return len(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(content))


def measured(name: str, form: str) -> Row:
    """The bytes of one model in one form."""
    model = FORMS[form](getattr(ncl.zoo, name)())
    sizes = measure.file_sizes(model)
    bounds, coded = [], []
    for tensor in tensors_of(model):
        codes = codes_of(tensor)
        if codes is not None:
            bounds.append(entropy(codes))
            coded.append(len(tensors.encode(tensor.array, tensor.dtype, tensor.layout)))
    return Row(
        model=name,
        form=form,
        keras=sizes.keras,
        zstd=under_zstd(model),
        packed=sizes.packed,
        entropy=sum(bounds),
        coded=sum(coded),
        worst=max((a / b for a, b in zip(coded, bounds, strict=True)), default=0.0),
    )


def resnet50() -> keras.Model:
    """ResNet50 with normally distributed weights, in 8 bits."""
    model = keras.applications.ResNet50(weights=None)
    generator = np.random.default_rng(0)
    for layer in kernel_layers(model):
        layer.assign(
            [0.05 * generator.standard_normal(one.shape) for one in layer.arrays()]
        )
    return ncl.UniformQuantization(bits=8)(model)


def fastest(function: Callable[[], Any], rounds: int) -> float:
    """CPU seconds of the fastest run."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return min(times)


def speed() -> dict[str, float]:
    """How fast an 8-bit ResNet50 is packed and read."""
    model = resnet50()
    started = time.process_time()
    content = packed(model)
    packing = time.process_time() - started

    def read() -> None:
        for _ in container.Reader(io.BytesIO(content), len(content)).tensors():
            pass

    seconds = fastest(read, ROUNDS)
    held = sum(one.array.nbytes for one in tensors_of(model))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ncz"
        path.write_bytes(content)
        model.save(Path(folder) / "model.keras")
        unpacking = fastest(lambda: ncl.unpack(path), 3)
        loading = fastest(
            lambda: keras.saving.load_model(Path(folder) / "model.keras"), 3
        )
    return {
        "file_bytes": len(content),
        "zstd_bytes": under_zstd(model),
        "variable_bytes": held,
        "float32_bytes": 4 * measure.parameters(model),
        "seconds": seconds,
        "variable_megabytes_per_second": held / seconds / 1e6,
        "float32_megabytes_per_second": 4 * measure.parameters(model) / seconds / 1e6,
        "pack_seconds": packing,
        "unpack_seconds": unpacking,
        "keras_load_seconds": loading,
    }


def main() -> None:
    """Print both tables and save what is in them."""
    rows = [measured(name, form) for name in MODELS for form in FORMS]
    table = Table(
        "model", "form", ".keras", "zstd", "packed", "coded / entropy", "worst"
    )
    for row in rows:
        ratio = f"{row.coded / row.entropy:.4f}" if row.entropy else ""
        worst = f"{row.worst:.4f}" if row.entropy else ""
        sizes = [f"{size:,}" for size in (row.keras, row.zstd, row.packed)]
        table.add_row(row.model, row.form, *sizes, ratio, worst)
    Console(width=110).print(table)
    figures = speed()
    for name, value in figures.items():
        Console().print(f"{name}: {value:,.3f}")
    save_results(
        "packing",
        {"sizes": [asdict(row) for row in rows], "resnet50_8_bits": figures},
        goal_ratio=GOAL,
        goal_megabytes_per_second=GOAL_SPEED,
        threads=1,
        rounds=ROUNDS,
        zstd_level=ZSTD_LEVEL,
    )


if __name__ == "__main__":
    main()
