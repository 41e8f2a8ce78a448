"""The same forward passes on the CPU and on the GPU, as the Keras backend sees them.

Timed is `predict_on_batch`, which is what a Keras user calls: the images are copied to the
device, the model runs as the backend compiles it, the outputs are copied back. A GPU works
while Python goes on; the outputs in the CPU's memory are the proof that it has finished.
On a GPU the pass alone is timed as well, with the images already there: the difference is
what feeding it costs.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras

from nncompress_lab.errors import CompressionError, check_named
from nncompress_lab.measure.device_table import DeviceTimes
from nncompress_lab.measure.devices import GPU, Device, devices, place_of
from nncompress_lab.measure.dtypes import FloatType, in_dtype
from nncompress_lab.measure.forward_pass import forward_on
from nncompress_lab.measure.latency import ROUNDS, Race, Run, race
from nncompress_lab.models.inputs import structured
from nncompress_lab.models.kernels import weighted_layers
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.packing.model_file import packed_bytes
from nncompress_lab.quiet import quiet_logger, quiet_stderr

Start = Callable[[keras.Model, Device, Any], Run]


def time_on_devices(
    models: dict[str, keras.Model],
    *,
    batch_sizes: Sequence[int] = (1, 64),
    dtypes: Sequence[FloatType] = (),
    rounds: int = ROUNDS,
) -> DeviceTimes:
    """Race models against each other, on the CPU and on the first GPU.

    On each device every model is a copy whose weights lie there, and it has run once
    before it is timed. The models take turns; the times are minima over blocks, and the
    noise is measured with a twin of the first model, as `race` says.

    Args:
        models: By name; the first is what the others are compared with. Their inputs
            are of fixed sizes.
        batch_sizes: Examples in one forward pass.
        dtypes: Float types in which every model races, for example
            `("float32", "bfloat16", "float16")`; by default each as it is. Types are
            part of the names in the result then: `"dense, bfloat16"`.
        rounds: Blocks of each model on each device, at least 4.

    Returns:
        The times, the size of each model's packed file, and the most memory of a device
        that a forward pass needs, where the backend tells. Without a GPU its column
        says so.

    Raises:
        ValueError: If there are no models or batch sizes, an unknown float type, fewer
            than 4 rounds, or an input whose size is not fixed.
        UnsupportedModelError: If one of them is not a built Keras 3 model.
        CompressionError: If the backend puts the weights on another device.
    """
    check_named("models", models)
    if not models or not batch_sizes or min(batch_sizes) < 1:
        raise ValueError(
            "There must be at least one model and one batch size of at least 1. "
            f"Received: models {list(models)}, batch_sizes={batch_sizes!r}."
        )
    for model in models.values():
        check_model(model)
    if dtypes:
        models = {
            f"{name}, {dtype}": in_dtype(model, dtype)
            for name, model in models.items()
            for dtype in dtypes
        }
    used = tuple({each.kind: each for each in reversed(devices())}.values())[::-1]
    places = [(device, size) for device in used for size in batch_sizes]
    gpus = [(device, size) for device, size in places if device.kind == GPU]
    return DeviceTimes(
        devices=used,
        races=_races(places, models, _predicting, rounds=rounds),
        alone=_races(gpus, models, _forward, rounds=rounds),
        rounds=rounds,
        dtype=_dtype(models),
        file_bytes={name: packed_bytes(model) for name, model in models.items()},
        peak_bytes=_peaks(places, models),
    )


def _races(
    places: list[tuple[Device, int]],
    models: dict[str, keras.Model],
    start: Start,
    *,
    rounds: int,
) -> dict[tuple[str, int], Race]:
    races = {}
    for device, size in places:
        candidates: dict[str, Callable[[], Run]] = {
            name: partial(_started, start, model, device, size)
            for name, model in models.items()
        }
        # The device also has to be named while the models run: JAX and torch copy the
        # images to whatever device is the default at that moment.
        with keras.device(device.name):
            result = race(candidates, rounds=rounds, batch_size=size)
        races[device.kind, size] = result
    return races


def _started(start: Start, model: keras.Model, device: Device, batch_size: int) -> Run:
    x = structured(model, random_inputs(model, batch_size=batch_size))
    with quiet_stderr(), quiet_logger("tensorflow"):
        copy = copy_model(model)
        run = start(copy, device, x)
        run()  # compiles it
    _check_place(copy, device)
    return run


def _predicting(model: keras.Model, _device: Device, x: Any) -> Run:
    return partial(model.predict_on_batch, x)


def _forward(model: keras.Model, device: Device, x: Any) -> Run:
    return forward_on(device.name, model, x)


def _peaks(
    places: list[tuple[Device, int]], models: dict[str, keras.Model]
) -> dict[tuple[str, str, int], int]:
    """By model, kind of device and batch size, where the backend tells."""
    peaks = {}
    for device, size in places:
        for name, model in models.items():
            x = structured(model, random_inputs(model, batch_size=size))
            with keras.device(device.name), quiet_stderr(), quiet_logger("tensorflow"):
                peak = forward_on(device.name, copy_model(model), x).peak_bytes()
            if peak is not None:
                peaks[name, device.kind, size] = peak
    return peaks


def _check_place(model: keras.Model, device: Device) -> None:
    """Integers are not asked: TensorFlow has no place for some of them on a GPU."""
    for weight in model.weights:
        place = place_of(weight)
        if "float" in str(weight.dtype) and place != device.name:
            raise CompressionError(
                f"The weights of {model.name!r} were to lie on {device.name}, and "
                f"{weight.path!r} lies on {place}. Times of it would be times of both."
            )


def _dtype(models: dict[str, keras.Model]) -> str:
    found = {
        str(layer.compute_dtype)
        for model in models.values()
        for _, layer in weighted_layers(model)
    }
    return " and ".join(sorted(found))
