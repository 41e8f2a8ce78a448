"""The same forward passes on the CPU and on the GPU, as the Keras backend sees them.

Timed is `predict_on_batch`, which is what a Keras user calls: the images are copied to the
device, the model runs as the backend compiles it, the outputs are copied back. A GPU works
while Python goes on; the outputs in the CPU's memory are the proof that it has finished.
"""

import html
import textwrap
from dataclasses import dataclass
from functools import partial

import keras

from nncompress_lab.errors import CompressionError
from nncompress_lab.kernels import weighted_layers
from nncompress_lab.measure.devices import CPU, GPU, Device, devices, place_of
from nncompress_lab.measure.latency import ROUNDS, Race, Run, race
from nncompress_lab.quiet import quiet_logger, quiet_stderr
from nncompress_lab.rewrite import check_model, copy_model
from nncompress_lab.runtimes.inputs import random_input

NO_GPU = "no GPU here"
_TEXT_WIDTH = 100


@dataclass(frozen=True)
class DeviceTimes:
    """What `time_on_devices` measured; it shows itself as a table.

    Args:
        devices: The CPU and, if there is one, the GPU.
        races: For each kind of device and batch size the race of all models.
        rounds: Blocks behind each minimum.
        dtype: In which the layers compute.
    """

    devices: tuple[Device, ...]
    races: dict[tuple[str, int], Race]
    rounds: int
    dtype: str

    def milliseconds(self, model: str, kind: str, batch_size: int) -> float:
        """Time of one batch of a model on a kind of device."""
        return self.races[kind, batch_size].milliseconds[model]

    def images_per_second(self, model: str, kind: str, batch_size: int) -> float:
        """How many examples go through in a second."""
        return 1000 * batch_size / self.milliseconds(model, kind, batch_size)

    def gpu_speedup(self, model: str, batch_size: int) -> float | None:
        """Time on the CPU divided by time on the GPU; None without a GPU."""
        if (GPU, batch_size) not in self.races:
            return None
        times = [self.milliseconds(model, kind, batch_size) for kind in (CPU, GPU)]
        return times[0] / times[1]

    def __repr__(self) -> str:
        titles, rows = _table(self)
        lines = [titles, *([_with_note(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, ["-" * width for width in widths])
        text = "\n".join(_aligned(line, widths) for line in lines)
        notes = [textwrap.fill(note, _TEXT_WIDTH) for note in _footnotes(self)]
        return "\n".join([text, *notes])

    def _repr_html_(self) -> str:
        titles, rows = _table(self)
        head = _html_row("th", [(title, "") for title in titles])
        body = "".join(_html_row("td", row) for row in rows)
        notes = "".join(
            f"<div><small>{html.escape(note)}</small></div>"
            for note in _footnotes(self)
        )
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{notes}"


def time_on_devices(
    models: dict[str, keras.Model],
    *,
    batch_sizes: tuple[int, ...] = (1, 64),
    rounds: int = ROUNDS,
) -> DeviceTimes:
    """Race models against each other, on the CPU and on the first GPU.

    On each device every model is a copy whose weights lie there, and it has run once
    before it is timed. The models take turns; the times are minima over blocks, and the
    noise is measured with a twin of the first model, as `race` says.

    Args:
        models: By name; the first is what the others are compared with. Each has one
            input of a fixed size.
        batch_sizes: Examples in one forward pass.
        rounds: Blocks of each model on each device, at least 4.

    Returns:
        The times. Without a GPU that column says so.

    Raises:
        ValueError: If there are no models or batch sizes, fewer than 4 rounds, or a
            model with several inputs.
        UnsupportedModelError: If one of them is not a built Keras 3 model.
        CompressionError: If the backend puts the weights on another device.
    """
    if not models or not batch_sizes or min(batch_sizes) < 1:
        raise ValueError(
            "There must be at least one model and one batch size of at least 1. "
            f"Received: models {list(models)}, batch_sizes={batch_sizes!r}."
        )
    for model in models.values():
        check_model(model)
    used = tuple({each.kind: each for each in reversed(devices())}.values())[::-1]
    races = {
        (device.kind, size): _race_on(device, models, batch_size=size, rounds=rounds)
        for device in used
        for size in batch_sizes
    }
    return DeviceTimes(used, races, rounds, _dtype(models))


def _race_on(
    device: Device, models: dict[str, keras.Model], *, batch_size: int, rounds: int
) -> Race:
    # The device also has to be named while the models run: JAX and torch copy the
    # images to whatever device is the default at that moment.
    with keras.device(device.name):
        return race(
            {
                name: partial(_runner, model, device, batch_size)
                for name, model in models.items()
            },
            rounds=rounds,
        )


def _runner(model: keras.Model, device: Device, batch_size: int) -> Run:
    x = random_input(model, batch_size=batch_size)
    with quiet_stderr(), quiet_logger("tensorflow"):
        copy = copy_model(model)
        copy.predict_on_batch(x)  # compiles it
    _check_place(copy, device)
    return partial(copy.predict_on_batch, x)


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


Cell = tuple[str, str]


def _table(times: DeviceTimes) -> tuple[list[str], list[list[Cell]]]:
    """Titles and rows; a cell is a figure and what is to be said about it."""
    kinds = [device.kind for device in times.devices]
    titles = ["model", "batch"]
    for kind in kinds:
        titles += [kind, f"{kind}, images/s"]
    titles.append("GPU against CPU" if GPU in kinds else GPU)
    rows = []
    for batch_size in dict.fromkeys(size for _, size in times.races):
        for model in times.races[CPU, batch_size].milliseconds:
            row = [(model, ""), (str(batch_size), "")]
            for kind in kinds:
                row += _cells(times, model, kind, batch_size)
            rows.append([*row, (_against_cpu(times, model, batch_size), "")])
    return titles, rows


def _cells(times: DeviceTimes, model: str, kind: str, batch_size: int) -> list[Cell]:
    result = times.races[kind, batch_size]
    first = next(iter(result.milliseconds))
    note = "" if model == first else result.verdict(model)
    per_second = times.images_per_second(model, kind, batch_size)
    return [(f"{result.milliseconds[model]:.3g} ms", note), (f"{per_second:,.0f}", "")]


def _against_cpu(times: DeviceTimes, model: str, batch_size: int) -> str:
    ratio = times.gpu_speedup(model, batch_size)
    if ratio is None:
        return NO_GPU
    bands = sum(times.races[kind, batch_size].band for kind in (CPU, GPU))
    return Race({CPU: ratio, GPU: 1.0}, bands).verdict(GPU)


def _footnotes(times: DeviceTimes) -> list[str]:
    backend = keras.backend.backend()
    noise = " and ".join(
        f"±{100 * max(race.band for (k, _), race in times.races.items() if k == kind):.1f}"
        f" % on the {kind}"
        for kind in (device.kind for device in times.devices)
    )
    hardware = ". ".join(f"{one.kind}: {one.description}" for one in times.devices)
    return [
        f"Time of one batch: Keras {keras.version()}'s predict_on_batch on {backend}, "
        f"{times.dtype}, with the backend's own threads; copying images in and outputs "
        "out is included.",
        f"Minimum over {times.rounds} interleaved blocks; noise of this run {noise}, a "
        f"change within it is no measurable change. {hardware}.",
    ]


def _with_note(cell: Cell) -> str:
    value, note = cell
    return f"{value} ({note})" if note else value


def _aligned(line: list[str], widths: list[int]) -> str:
    first, *others = (
        text.ljust(width) if number == 0 else text.rjust(width)
        for number, (text, width) in enumerate(zip(line, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def _html_row(tag: str, cells: list[Cell]) -> str:
    shown = []
    for number, (value, note) in enumerate(cells):
        style = f"text-align:{'right' if number else 'left'};vertical-align:top"
        below = f"<br><small>{html.escape(note)}</small>" if note else ""
        shown.append(f'<{tag} style="{style}">{html.escape(value)}{below}</{tag}>')
    return f"<tr>{''.join(shown)}</tr>"
