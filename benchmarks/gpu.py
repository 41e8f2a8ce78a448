"""What each technique saves on a GPU: times, memory and file, beside the CPU's.

    KERAS_BACKEND=jax python benchmarks/gpu.py        # or torch; needs its CUDA build
    KERAS_BACKEND=jax python benchmarks/gpu.py --cpu  # the same code without a GPU

The library, its dependencies and one of the two backends are all that it needs. Each model
runs as it is, with half its channels and with thin layers, in float32, bfloat16 and, with
torch, float16, at three batch sizes; matrix products also in 8-bit integers. Copies in and
out are in one column and not in the other. Weights are those of the zoo where it has the
model.
"""

import argparse
import importlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from results_file import save_results

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.measure.devices import GPU
from nncompress_lab.measure.dtypes import FLOAT_TYPES
from nncompress_lab.zoo.architectures import resnet20

BATCHES = (1, 64, 512)
# XLA multiplies no matrices of float16 on a CPU, which is the other column.
FLOATS = FLOAT_TYPES if keras.backend.backend() == "torch" else FLOAT_TYPES[:2]
WIDTH = 2048  # of the perceptron and of the matrix products
VARIANTS: dict[str, ncl.Pass] = {
    "as it is": ncl.pipeline(),
    "half the channels": ncl.ChannelPruning(sparsity=0.5),
    "low rank, 1/4 of the parameters": ncl.LowRank(parameters=0.25),
}


def perceptron() -> keras.Model:
    """Three wide Dense layers."""
    dense = partial(keras.layers.Dense, WIDTH, activation="relu")
    return keras.Sequential(
        [keras.Input((WIDTH,)), dense(), dense(), keras.layers.Dense(10)],
        name=f"perceptron_{WIDTH}",
    )


MODELS: dict[str, Callable[[], keras.Model]] = {
    "resnet20": ncl.zoo.resnet20,
    "resnet20_wide": partial(resnet20, width=64),
    "vit_tiny": ncl.zoo.vit_tiny,
    "perceptron": perceptron,
}


def rows_of_model(name: str, batches: tuple[int, ...]) -> list[dict[str, Any]]:
    """The times of one model in all its variants and float types."""
    model = MODELS[name]()
    variants = {label: step(model) for label, step in VARIANTS.items()}
    times = measure.time_on_devices(variants, batch_sizes=batches, dtypes=FLOATS)
    print(f"{name}\n{times}\n", flush=True)
    return [
        {
            "model": name,
            "variant": variant,
            "device": kind,
            "batch": batch,
            "milliseconds": result.milliseconds[variant],
            "speedup": result.speedup(variant),
            "band": result.band,
            "alone_milliseconds": _alone(times, kind, batch, variant),
            "file_bytes": times.file_bytes[variant],
            "peak_bytes": times.peak_bytes.get((variant, kind, batch)),
        }
        for (kind, batch), result in times.races.items()
        for variant in result.milliseconds
    ]


def _alone(
    times: measure.DeviceTimes, kind: str, batch: int, variant: str
) -> float | None:
    found = times.alone.get((kind, batch))
    return None if found is None else found.milliseconds[variant]


def rows_of_products(device: str, batches: tuple[int, ...]) -> list[dict[str, Any]]:
    """Matrix products of a batch and a square matrix, in floats and in integers."""
    product = {"jax": jax_product, "torch": torch_product}[keras.backend.backend()]
    rows = []
    for batch in batches:
        candidates = {
            kind: partial(product, device, kind, batch)
            for kind in (*FLOATS, "int8")
            # PyTorch's integer product wants more than 16 rows.
            if kind != "int8" or batch > 16 or product is jax_product
        }
        result = measure.race(candidates, batch_size=batch)
        print(f"product {batch} x {WIDTH} x {WIDTH}\n{result}\n", flush=True)
        rows += [
            {
                "model": f"matrix product {WIDTH}",
                "variant": kind,
                "device": device,
                "batch": batch,
                "milliseconds": milliseconds,
                "speedup": result.speedup(kind),
                "band": result.band,
            }
            for kind, milliseconds in result.milliseconds.items()
        ]
    return rows


def operands(kind: str, batch: int) -> list[np.ndarray]:
    """A batch and a square matrix, of integers where they are asked for."""
    generator = np.random.default_rng(0)
    shapes = (batch, WIDTH), (WIDTH, WIDTH)
    if kind == "int8":
        return [generator.integers(-127, 128, one).astype(np.int8) for one in shapes]
    return [generator.standard_normal(one).astype(np.float32) for one in shapes]


def jax_product(device: str, kind: str, batch: int) -> Callable[[], object]:
    """The product under XLA, on the default device."""
    jax: Any = importlib.import_module("jax")
    place = jax.devices(device.partition(":")[0])[0]
    x, w = (jax.device_put(one, place).astype(kind) for one in operands(kind, batch))
    result = "int32" if kind == "int8" else kind
    multiply = jax.jit(partial(jax.numpy.matmul, preferred_element_type=result))
    return lambda: multiply(x, w).block_until_ready()


def torch_product(device: str, kind: str, batch: int) -> Callable[[], object]:
    """The product in PyTorch, which waits for the device."""
    torch: Any = importlib.import_module("torch")
    place = "cuda" if device.startswith("gpu") else "cpu"
    x, w = (
        torch.as_tensor(one, device=place).to(getattr(torch, kind))
        for one in operands(kind, batch)
    )
    multiply = torch._int_mm if kind == "int8" else torch.matmul
    wait = torch.cuda.synchronize if place == "cuda" else (lambda: None)

    def run() -> None:
        multiply(x, w)
        wait()

    return run


def main() -> None:
    """Measure all, print the tables and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="also without a GPU")
    parser.add_argument("--models", nargs="*", choices=list(MODELS), default=MODELS)
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    arguments = parser.parse_args()
    gpus = [one for one in measure.devices() if one.kind == GPU]
    if not gpus and not arguments.cpu:
        raise SystemExit(
            f"{keras.backend.backend()} sees no GPU here. Install its CUDA build, or pass "
            "--cpu to run the same on the CPU."
        )
    device = (gpus or measure.devices())[0]
    batches = tuple(arguments.batches)
    rows = rows_of_products(device.name, batches)
    for name in arguments.models:
        rows += rows_of_model(name, batches)
    if gpus:
        backend = keras.backend.backend()
        save_results(f"gpu_{backend}", rows, backend=backend, device=device.description)


if __name__ == "__main__":
    main()
