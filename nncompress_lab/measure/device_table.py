"""What was timed on the devices of a machine; it shows itself as a table."""

from dataclasses import dataclass, field

import keras

from nncompress_lab.measure.devices import CPU, GPU, Device
from nncompress_lab.measure.latency import Race
from nncompress_lab.measure.tables import Cell, Table

NO_GPU = "no GPU here"
NOT_TOLD = "-"
BUSY = 0.1  # more noise than a machine has that does nothing else


@dataclass(frozen=True)
class DeviceTimes:
    """What `time_on_devices` measured; it shows itself as a table.

    Args:
        devices: The CPU and, if there is one, the GPU.
        races: For each kind of device and batch size the race of all models, copies in
            and out included.
        rounds: Blocks behind each minimum.
        dtype: In which the layers compute.
        alone: The same for the GPU, with the images already there.
        file_bytes: Size of each model's packed file.
        peak_bytes: By model, kind of device and batch size, the most memory of the
            device that a forward pass needs; only where the backend tells.
    """

    devices: tuple[Device, ...]
    races: dict[tuple[str, int], Race]
    rounds: int
    dtype: str
    alone: dict[tuple[str, int], Race] = field(default_factory=dict)
    file_bytes: dict[str, int] = field(default_factory=dict)
    peak_bytes: dict[tuple[str, str, int], int] = field(default_factory=dict)

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
        return str(_table(self))

    def _repr_html_(self) -> str:
        return _table(self).html()


def _table(times: DeviceTimes) -> Table:
    kinds = [device.kind for device in times.devices]
    titles = ["model", "batch", *(["packed"] if times.file_bytes else [])]
    for kind in kinds:
        titles += _titles(times, kind)
    titles.append("GPU against CPU" if GPU in kinds else GPU)
    rows = []
    for batch_size in dict.fromkeys(size for _, size in times.races):
        for model in times.races[CPU, batch_size].milliseconds:
            row = [Cell(model), Cell(str(batch_size))]
            if times.file_bytes:
                row.append(Cell(_size(times.file_bytes[model])))
            for kind in kinds:
                row += _cells(times, model, kind, batch_size)
            rows.append([*row, Cell(_against_cpu(times, model, batch_size))])
    return Table(titles, rows, _notes(times))


def _titles(times: DeviceTimes, kind: str) -> list[str]:
    titles = [kind, f"{kind}, images/s"]
    if _is_alone(times, kind):
        titles.append(f"{kind} alone")
    if _tells(times, kind):
        titles.append(f"{kind} memory")
    return titles


def _cells(times: DeviceTimes, model: str, kind: str, batch_size: int) -> list[Cell]:
    per_second = times.images_per_second(model, kind, batch_size)
    cells = [_time(times.races[kind, batch_size], model), Cell(f"{per_second:,.0f}")]
    if _is_alone(times, kind):
        cells.append(_time(times.alone[kind, batch_size], model))
    if _tells(times, kind):
        peak = times.peak_bytes.get((model, kind, batch_size))
        cells.append(Cell(NOT_TOLD if peak is None else _size(peak)))
    return cells


def _is_alone(times: DeviceTimes, kind: str) -> bool:
    return any(kind == one for one, _ in times.alone)


def _tells(times: DeviceTimes, kind: str) -> bool:
    return any(kind == one for _, one, _ in times.peak_bytes)


def _time(result: Race, model: str) -> Cell:
    first = next(iter(result.milliseconds))
    note = "" if model == first else result.verdict(model)
    return Cell(f"{result.milliseconds[model]:.3g} ms", note)


def _size(count: int) -> str:
    return f"{count / 1e3:,.0f} kB" if count < 1e7 else f"{count / 1e6:,.0f} MB"


def _against_cpu(times: DeviceTimes, model: str, batch_size: int) -> str:
    ratio = times.gpu_speedup(model, batch_size)
    if ratio is None:
        return NO_GPU
    bands = sum(times.races[kind, batch_size].band for kind in (CPU, GPU))
    return Race({CPU: ratio, GPU: 1.0}, bands).verdict(GPU)


def _notes(times: DeviceTimes) -> list[str]:
    backend = keras.backend.backend()
    hardware = ". ".join(map(str, times.devices))
    notes = [
        f"Time of one batch: Keras {keras.version()}'s predict_on_batch on {backend}, "
        f"{times.dtype}, with the backend's own threads; copying images in and outputs "
        "out is included.",
        f"Minimum over {times.rounds} interleaved blocks; noise of this run "
        f"{_noise(times)}, a change within it is no measurable change. {hardware}.",
    ]
    if max(race.band for race in times.races.values()) > BUSY:
        notes.append(
            f"Noise above ±{100 * BUSY:.0f} % comes from other work on the machine. Run "
            "this again when it has less to do, or believe large differences only."
        )
    if times.alone:
        notes.append(
            "Alone: with the images already on the device, outputs left there."
        )
    if times.file_bytes:
        notes.append(_about_bytes(times))
    return notes


def _noise(times: DeviceTimes) -> str:
    """Of each race: what is noise for one batch size can be a change for another."""
    parts = []
    for kind in (device.kind for device in times.devices):
        found = {size: race for (one, size), race in times.races.items() if one == kind}
        bands = [
            f"±{100 * race.band:.1f} %" + f" at batch {size}" * (len(found) > 1)
            for size, race in found.items()
        ]
        parts.append(f"{' and '.join(bands)} on the {kind}")
    return ", ".join(parts)


def _about_bytes(times: DeviceTimes) -> str:
    about = "Packed: the file that ncl.pack writes."
    if times.peak_bytes:
        about += " Memory: weights, batch, and what a pass holds at its peak."
    return about
