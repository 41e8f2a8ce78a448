"""Which devices the Keras backend can compute on, and where a variable lies."""

import importlib
import os
import platform
from dataclasses import dataclass
from typing import Any

import keras

from nncompress_lab.measure.instructions import CPU_INFO, instructions

CPU, GPU = "CPU", "GPU"


@dataclass(frozen=True)
class Device:
    """One device that the Keras backend can compute on.

    Args:
        name: As `keras.device` takes it, for example `"gpu:0"`.
        kind: `"CPU"` or `"GPU"`.
        description: What the hardware calls itself.
        instructions: Of a CPU, those for vectors and small integers that it has, such as
            `"VNNI"`, as far as the system tells.
    """

    name: str
    kind: str
    description: str
    instructions: tuple[str, ...] = ()

    def __str__(self) -> str:
        able = f", {', '.join(self.instructions)}" if self.instructions else ""
        return f"{self.kind}: {self.description}{able}"


def devices() -> tuple[Device, ...]:
    """The CPU and the GPUs that the active Keras backend can use, the CPU first.

    Example:
        >>> devices()[0].kind
        'CPU'
    """
    backend = keras.backend.backend()
    names = _torch_names() if backend == "torch" else _keras_names()
    return tuple(
        Device(name, CPU, _cpu_name(), instructions())
        if name.startswith("cpu")
        else Device(name, GPU, _gpu_name(backend, name))
        for name in names
    )


def place_of(weight: Any) -> str:
    """Where a Keras variable lies, as `keras.device` names it."""
    value = weight.value
    if hasattr(value, "devices"):  # JAX
        return ", ".join(f"{one.platform}:{one.id}" for one in value.devices())
    return str(value.device).lower().rpartition("device:")[2].replace("cuda", "gpu")


def _keras_names() -> list[str]:
    cpus: list[str] = keras.distribution.list_devices("cpu")
    try:
        gpus: list[str] = keras.distribution.list_devices("gpu")
    except RuntimeError:  # JAX, where it has no GPU
        gpus = []
    return [*cpus, *gpus]


def _torch_names() -> list[str]:
    """Keras cannot list torch's devices, and Dropout fails on one named `"cpu:0"`."""
    torch: Any = importlib.import_module("torch")
    metal = ["mps:0"] if torch.backends.mps.is_available() else []
    return ["cpu", *(f"gpu:{i}" for i in range(torch.cuda.device_count())), *metal]


def _gpu_name(backend: str, name: str) -> str:
    kind, _, number = name.partition(":")
    library: Any = importlib.import_module(backend)
    if backend == "jax":
        return str(library.devices(kind)[int(number)].device_kind)
    if backend == "torch":
        on_cuda = kind == "gpu"
        return str(library.cuda.get_device_name(int(number))) if on_cuda else "Metal"
    cards = dict(enumerate(library.config.list_physical_devices("GPU")))
    details = library.config.experimental.get_device_details
    card = cards.get(int(number))  # None for a part of a card
    return str(details(card).get("device_name", name)) if card else name


def _cpu_name() -> str:
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    name = names[0].strip() if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} logical cores"
